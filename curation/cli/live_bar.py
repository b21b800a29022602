"""A bar of progress on a terminal, lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

LINE_EVERY_S = 30.0


class LiveBar:
    """A live bar on a terminal once it was started; elsewhere a line every half minute; nothing when ``quiet``.

    On standard error. ``transient``: the bar goes when it is done.
    """

    def __init__(self, what: str, *, quiet: bool, transient: bool = False) -> None:
        self.console = Console(stderr=True, quiet=quiet, highlight=False)
        self.live = self.console.is_terminal and not quiet
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
        )
        self._bar = Progress(
            *columns, TimeElapsedColumn(), TimeRemainingColumn(), console=self.console, transient=transient
        )
        self._task = self._bar.add_task(what, total=None, note="")
        self._last_line = time.monotonic()

    def __enter__(self) -> LiveBar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.live:
            self._bar.stop()

    def start(self, total: int | None = None, completed: int = 0) -> None:
        """Show the bar."""
        self._bar.reset(self._task, total=total, completed=completed)
        if self.live:
            self._bar.start()

    def update(self, completed: int, line: str, *, total: int | None = None, note: str = "") -> None:
        """So much is done. ``line``: what is said of it where there is no bar; ``total``: None leaves it as it is."""
        self._bar.update(self._task, completed=completed, total=total, note=note)
        if not self.live and time.monotonic() - self._last_line > LINE_EVERY_S:
            self._last_line = time.monotonic()
            self.say(line)

    def say(self, line: str) -> None:
        """A line above the bar."""
        self.console.print(line, markup=False, soft_wrap=True)

    def working(self, what: str) -> None:
        """A line that says what takes a while now."""
        self.console.print(f"[dim]{what} …[/dim]")

    def warned(self, message: str) -> None:
        """A warning in a line."""
        self.say(f"warning: {message}")
