"""The writers of one source, opened when they are first needed."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from curation.video.types import ClipMode
from stages.clips.copy_writer import CopyWriter
from stages.clips.encoding import EncodingSettings
from stages.clips.exact_writer import ExactWriter
from stages.clips.planner import Span
from stages.clips.smart_writer import SmartWriter
from stages.clips.source import Source

Writer = CopyWriter | SmartWriter | ExactWriter


class Writers:
    """Writes each span in its mode. A context manager: leaving it closes the source."""

    def __init__(self, source: Source, settings: EncodingSettings) -> None:
        self._source = source
        self._settings = settings
        self._open: dict[ClipMode, Writer] = {}
        self._resources = ExitStack()

    def __enter__(self) -> Writers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resources.close()

    def write(self, span: Span, path: Path, *, sound: bool = True) -> bool:
        """Write one clip; returns whether it has sound, which ``sound`` False leaves out.

        Raises:
            AudioError: the sound cannot be written.
            ItemError: the clip cannot be written in this mode.
        """
        if span.mode not in self._open:
            writer = self._make(span.mode)
            self._resources.callback(writer.close)
            self._open[span.mode] = writer
        return self._open[span.mode].write(span, path, sound=sound)

    def _make(self, mode: ClipMode) -> Writer:
        if mode == "copy":
            return CopyWriter(self._source)
        if mode == "smart":
            return SmartWriter(self._source, self._settings)
        return ExactWriter(self._source, self._settings)
