"""What a job tells its caller while it runs."""

from __future__ import annotations

from collections.abc import Sequence

from curation.engine.ledger import Event, Progress
from curation.engine.remaining import Remaining
from curation.engine.resources import Pool


class Watcher:
    """Told what happens; this one says nothing. All calls come from the driver's process."""

    def working(self, what: str) -> None:
        """A step that may take a while begins."""

    def started(self, work: Remaining, pools: Sequence[Pool]) -> None:
        """The pipeline begins."""

    def progressed(self, progress: Progress, events: Sequence[Event]) -> None:
        """Called about twice a second, from a thread, with the events since the last call."""

    def warned(self, message: str) -> None:
        """Something that the user should know and that stops nothing."""
