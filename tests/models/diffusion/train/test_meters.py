"""What the log says of time."""

from __future__ import annotations

import time

from models.diffusion.train.meters import Clock


def test_validation_and_saving_are_no_training_time() -> None:
    clock = Clock()
    with clock.waiting():
        time.sleep(0.02)
    with clock.stopped():
        time.sleep(0.5)
    seconds, waiting = clock.read()
    assert 0.02 <= seconds < 0.5
    assert 0.02 / seconds <= waiting <= 1
