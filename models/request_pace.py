"""When the next request may start: so many a minute, and not before a server wants one again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class RequestPace:
    """Gives the requests of several threads their turns. Clock and sleep can be replaced."""

    def __init__(
        self,
        per_minute: float | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._interval = 60 / per_minute if per_minute else 0.0
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next = clock()

    def wait_for_turn(self, *, after_s: float = 0.0) -> None:
        """Sleep until a request may start, ``after_s`` seconds from now at the earliest.

        Turns are evenly spaced: a burst at the start of each minute is what servers punish.
        """
        ready = self._clock() + after_s
        while True:
            with self._lock:
                now = self._clock()
                start = max(ready, self._next)
                if start <= now:
                    self._next = now + self._interval
                    return
            self._sleep(start - now)

    def hold(self, seconds: float) -> None:
        """Start nothing for so long: the server said that it is too busy."""
        with self._lock:
            self._next = max(self._next, self._clock() + seconds)
