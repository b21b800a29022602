"""How much of a video could not be decoded as it was encoded, and which frames that spoils."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.video.frame import PictureType

# FFmpeg leaves out damaged frames of these without an error. In others, packets that give no frame are usual.
SILENT_CODECS = frozenset({"hevc"})


@dataclass
class Damage:
    """Counted while a video is decoded.

    ``packets``: packets that the container marks as incomplete; ``undecodable``: packets that the decoder refused;
    ``concealed``: frames in which the decoder filled in what was missing.
    """

    packets: int = 0
    undecodable: int = 0
    concealed: int = 0
    _pts: list[int] = field(default_factory=list)
    _is_key: list[bool] = field(default_factory=list)
    _is_bidirectional: list[bool] = field(default_factory=list)
    _losses: list[int] = field(default_factory=list)
    _awaited: set[int] = field(default_factory=set)

    def packet_read(self, packet: av.Packet[Any], codec: str) -> None:
        """Call for every packet before it is decoded."""
        if packet.is_corrupt:
            self.packets += 1
            self._lost(packet.pts)
        if codec in SILENT_CODECS and packet.pts is not None and not packet.is_discard:
            self._awaited.add(packet.pts)

    def packet_refused(self, packet: av.Packet[Any]) -> None:
        """Call where the decoder reports an error."""
        self.undecodable += 1
        self._awaited.discard(packet.pts or 0)
        self._lost(packet.pts)

    def frame_shown(self, frame: av.VideoFrame) -> None:
        """Call for every frame, in display order. It must have a PTS."""
        assert frame.pts is not None
        self._awaited.discard(frame.pts)
        self._pts.append(frame.pts)
        self._is_key.append(frame.key_frame)
        self._is_bidirectional.append(frame.pict_type == PictureType.B)
        if frame.is_corrupt:
            self.concealed += 1
            self._lost(frame.pts)

    def ended(self) -> None:
        """Call behind the last frame: packets whose frame was never shown are lost."""
        missing = [pts for pts in self._awaited if self._pts and pts > self._pts[0]]
        self.undecodable += len(missing)
        self._losses += missing
        self._awaited.clear()

    def spoiled(self) -> npt.NDArray[np.bool_]:
        """bool [frames shown]: damaged frames, and those that may build on lost ones.

        These are all up to the next keyframe, and the bidirectional frames directly before.
        """
        pts = np.array(self._pts, np.int64)
        keys = np.flatnonzero(self._is_key)
        spoiled = np.zeros(len(pts), np.bool_)
        for loss in self._losses:
            first = int(np.searchsorted(pts, loss))
            behind = keys[pts[keys] > loss]
            stop = int(behind[0]) if len(behind) else len(pts)
            while first > 0 and self._is_bidirectional[first - 1]:
                first -= 1
            spoiled[first:stop] = True
        return spoiled

    def share(self, decoded: int, announced: int) -> float:
        """Share of frames that are damaged or missing, 0 … 1.

        ``announced``: frames by the container's index, 0 where it has none. They count only beside an incomplete
        packet: an edit list leaves frames out of a whole file.
        """
        missing = max(0, announced - decoded) if self.packets else 0
        lost = self.concealed + max(self.undecodable, missing)
        return lost / max(1, decoded + max(self.undecodable, missing))

    def __str__(self) -> str:
        parts = [(self.undecodable, "packets cannot be decoded"), (self.concealed, "frames are only partly there")]
        told = [f"{count} {what}" for count, what in parts if count]
        if self.packets:
            told.append("the file ends early or has gaps")
        return ", ".join(told)

    def _lost(self, pts: int | None) -> None:
        if pts is None:
            pts = self._pts[-1] if self._pts else 0
        self._losses.append(pts)
