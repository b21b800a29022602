"""Reading ahead goes on where processes die, and tells what the data themselves raise."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from models.diffusion.data.read_ahead import read_ahead

pytestmark = pytest.mark.usefixtures("impatient")


class Numbers(Dataset[torch.Tensor]):
    def __getitem__(self, number: int) -> torch.Tensor:
        return torch.tensor([number])


class Raising(Dataset[torch.Tensor]):
    def __getitem__(self, number: int) -> torch.Tensor:
        raise RuntimeError(f"item {number} is wrong")


class Reset(Dataset[Any]):
    """Its third item breaks the connection once."""

    broken = False

    def __getitem__(self, number: int) -> Any:
        return Breaking() if number == 2 else number


class Breaking:
    def __reduce__(self) -> Any:
        return _received, ()


def _received() -> int:
    if not Reset.broken:
        Reset.broken = True
        raise ConnectionResetError(104, "Connection reset by peer")
    return 2


def children(but: set[Any]) -> set[Any]:
    return set(multiprocessing.active_children()) - but


@pytest.mark.parametrize("another_loader_before", [False, True])
def test_processes_that_die_change_nothing(another_loader_before: bool) -> None:
    if another_loader_before:
        assert len(list(DataLoader(range(3), num_workers=1))) == 3  # type: ignore[arg-type]
    before = set(multiprocessing.active_children())
    found = []
    for item in read_ahead(Numbers(), range(1, 40, 3), workers=2, prefetch=1):
        found.append(int(item))
        if found[-1] in (4, 22):
            for process in children(before):
                os.kill(process.pid, signal.SIGKILL)
            time.sleep(0.3)  # torch would raise here
    assert found == list(range(1, 40, 3))
    assert not children(before)


def test_a_connection_that_breaks(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Reset, "broken", False)
    assert list(read_ahead(Reset(), range(5), workers=1, prefetch=1)) == [0, 1, 2, 3, 4]
    assert "Connection reset by peer; started again" in caplog.text


@pytest.mark.parametrize("workers", [0, 1])
def test_what_the_data_raise_is_not_taken_for_it(workers: int) -> None:
    with pytest.raises(RuntimeError, match="item 7 is wrong"):
        next(read_ahead(Raising(), range(7, 9), workers=workers, prefetch=1))
