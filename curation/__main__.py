"""The console script, and `python -m curation`: Ctrl-C is one line from the first import on."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

from curation.interruption import INTERRUPTED, STOPPED


def main() -> None:
    """Import the command line, which takes a moment, and do what it is told."""
    heeded = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # not so under nohup
    if heeded:
        signal.signal(signal.SIGINT, _end_at_once)
    from curation.cli import main as command_line

    if heeded:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    command_line()


def _end_at_once(number: int, frame: FrameType | None) -> None:
    """Nothing has begun that would have to be ended in order, and an exception could be caught by what is imported."""
    print(STOPPED, file=sys.stderr, flush=True)
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
