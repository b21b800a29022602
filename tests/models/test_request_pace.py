"""Turns of requests, by a clock of the test's own."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from models.request_pace import RequestPace


class Clock:
    """Time that passes only while someone sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self._lock = threading.Lock()

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        with self._lock:
            self.now += seconds


def pace(clock: Clock, per_minute: float | None = None) -> RequestPace:
    return RequestPace(per_minute, clock=clock, sleep=clock.sleep)


@given(st.floats(1, 6000), st.lists(st.floats(0, 30), min_size=1, max_size=20))
def test_turns_keep_their_distance_and_their_delay(per_minute: float, delays: list[float]) -> None:
    clock = Clock()
    paced = pace(clock, per_minute)
    last = None
    for delay in delays:
        before = clock.now
        paced.wait_for_turn(after_s=delay)
        assert clock.now >= before + delay
        if last is not None:
            assert clock.now - last >= 60 / per_minute - 1e-6
        last = clock.now


def test_without_a_limit_nobody_waits() -> None:
    clock = Clock()
    for _ in range(5):
        pace(clock).wait_for_turn()
    assert clock.now == 100


def test_a_busy_server_holds_everyone() -> None:
    clock = Clock()
    paced = pace(clock)
    paced.hold(7)
    paced.hold(3)
    paced.wait_for_turn()
    assert clock.now == 107


def test_no_turn_is_given_twice() -> None:
    clock = Clock()
    paced = pace(clock, 60)
    starts: list[float] = []
    threads = [threading.Thread(target=lambda: (paced.wait_for_turn(), starts.append(clock.now))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(starts) == 8
    assert clock.now >= 100 + 7 - 1e-6
