"""Results that are worked out once, however many threads ask for them at the same time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, ParamSpec, TypeVar

from curation.errors import UserError

P = ParamSpec("P")
T = TypeVar("T")


class Once(Generic[P, T]):
    """Calls ``work``, and keeps what came of the last ``kept`` calls with other arguments: a `UserError` too, so that
    what was stopped for taking too long is not tried again with every question."""

    def __init__(self, work: Callable[P, T], kept: int) -> None:
        self._work = work
        self._kept = kept
        self._results: OrderedDict[object, Future[T]] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        key = (args, tuple(kwargs.items()))
        with self._lock:
            result = self._results.get(key)
            is_new = result is None
            if result is None:
                result = self._results[key] = Future()
            self._results.move_to_end(key)
            if len(self._results) > self._kept:
                self._results.popitem(last=False)
        if is_new:
            self._work_out(key, result, *args, **kwargs)
        return result.result()

    def _work_out(self, key: object, result: Future[T], *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            result.set_result(self._work(*args, **kwargs))
        except BaseException as error:
            if not isinstance(error, UserError):
                with self._lock:
                    self._results.pop(key, None)
            result.set_exception(error)
