"""The packets of the first video stream, by demuxing alone: no frame is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from curation.errors import ItemError
from curation.video.reader import open_video, reason
from curation.video.types import Deadline

NO_PTS = np.iinfo(np.int64).min


@dataclass(frozen=True)
class PacketIndex:
    """The packets of a video stream in decode order; one array element per packet, times in units of ``time_base``.

    ``pts``, ``dts``: int64 [n], `NO_PTS` where the container has none; ``duration``: int64 [n], 0 where unknown;
    ``size``: int64 [n] bytes; ``is_keyframe``: bool [n], the container's or parser's flag;
    ``is_discarded``: bool [n], to be decoded and not shown (an edit list starts later).
    """

    pts: npt.NDArray[np.int64]
    dts: npt.NDArray[np.int64]
    duration: npt.NDArray[np.int64]
    size: npt.NDArray[np.int64]
    is_keyframe: npt.NDArray[np.bool_]
    is_discarded: npt.NDArray[np.bool_]
    time_base: Fraction

    def __len__(self) -> int:
        return len(self.pts)


def read_packets(path: Path, deadline: Deadline | None = None) -> PacketIndex:
    """The packet index of a file. About 0.02 s for 100 s of 720p H.264.

    A file that breaks off gives the packets up to there.

    Raises:
        ItemError: the file cannot be opened, or holds no video packet.
        ItemTimeoutError: the deadline passed.
    """
    times: list[tuple[int, int, int, int]] = []
    flags: list[tuple[bool, bool]] = []
    with open_video(path) as (container, stream):
        discard_other_streams(container, stream)
        time_base = stream.time_base
        if time_base is None:
            raise ItemError("the video stream has no time base")
        try:
            for packet in container.demux(stream):
                if packet.size == 0:
                    continue
                if deadline is not None:
                    deadline.check()
                times.append((_known(packet.pts), _known(packet.dts), packet.duration or 0, packet.size))
                flags.append((packet.is_keyframe, packet.is_discard))
        except av.FFmpegError as error:
            if not times:
                raise ItemError(f"cannot read the video stream: {reason(error)}") from error
    if not times:
        raise ItemError("the video stream holds no data")
    numbers = np.array(times, np.int64)
    marks = np.array(flags, np.bool_)
    return PacketIndex(
        pts=numbers[:, 0],
        dts=numbers[:, 1],
        duration=numbers[:, 2],
        size=numbers[:, 3],
        is_keyframe=marks[:, 0],
        is_discarded=marks[:, 1],
        time_base=time_base,
    )


def discard_other_streams(container: av.container.InputContainer, wanted: av.stream.Stream) -> None:
    """Let the demuxer skip what belongs to other streams."""
    for stream in container.streams:
        if stream.index != wanted.index:
            stream.discard = av.stream.Discard.all


def _known(timestamp: int | None) -> int:
    return NO_PTS if timestamp is None else timestamp
