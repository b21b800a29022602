"""Dying between any two operations on files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from curation.dataset.storage import Storage


class Killed(BaseException):
    """Stands for SIGKILL: nothing after it runs."""


class Mortality:
    """Lets every `Storage` die before the ``life``-th writing operation of all."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, life: int) -> None:
        self.life = life
        for name in ("write_bytes", "delete_tree"):
            monkeypatch.setattr(Storage, name, self._mortal(getattr(Storage, name)))
        delete = self._mortal(Storage.delete)
        monkeypatch.setattr(Storage, "delete", lambda storage, names: [delete(storage, [name]) for name in names])

    def _mortal(self, operation: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            if self.life == 0:
                raise Killed
            self.life -= 1
            return operation(*arguments)

        return call
