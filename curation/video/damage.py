"""How much of a video could not be decoded as it was encoded."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Damage:
    """Counted while a video is decoded.

    ``packets``: packets that the container marks as incomplete; ``undecodable``: packets that the decoder refused;
    ``concealed``: frames in which the decoder filled in what was missing.
    """

    packets: int = 0
    undecodable: int = 0
    concealed: int = 0

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
