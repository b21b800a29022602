"""Reading the video packets of a source by number, forwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from curation.errors import ItemError
from curation.video.packets import discard_other_streams
from curation.video.reader import open_video, reason
from curation.video.types import Deadline


class PacketCursor:
    """The video packets of a file, counted from 0 in decode order as `read_packets` counts them.

    The file is read once from its start, without seeking: containers differ too much in where a seek ends. Going
    back opens it again. Skipping is cheap: packets are not decoded.
    """

    def __init__(self, path: Path, deadline: Deadline) -> None:
        self._path = path
        self._deadline = deadline
        self._resources = ExitStack()
        self._packets: Iterator[av.Packet[Any]] | None = None
        self.position = 0
        self.container: InputContainer
        self.stream: VideoStream
        self._open()

    def close(self) -> None:
        """Close the file."""
        self._resources.close()

    def move_to(self, number: int) -> None:
        """Make packet ``number`` the next one."""
        if number < self.position:
            self._open()
        while self.position < number:
            self.next()

    def next(self) -> av.Packet[Any] | None:
        """The next packet; None at the end of the file."""
        self._deadline.check()
        assert self._packets is not None
        try:
            for packet in self._packets:
                if packet.size:
                    self.position += 1
                    return packet
        except av.FFmpegError as error:
            raise ItemError(f"cannot read the video stream: {reason(error)}") from error
        return None

    def _open(self) -> None:
        self._resources.close()
        self.container, self.stream = self._resources.enter_context(open_video(self._path))
        discard_other_streams(self.container, self.stream)
        self._packets = self.container.demux(self.stream)
        self.position = 0
