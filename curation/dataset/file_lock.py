"""Locks on folders: one process writes at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from curation.dataset.storage import Storage
from curation.errors import UserError


@contextmanager
def holding(storage: Storage, name: str, busy: Callable[[], str], *, shared: bool = False) -> Iterator[None]:
    """Hold the lock that is the file ``name``. Object stores have no locks: there the user sees to it.

    ``busy``: what another process does that holds it, for the message; ``shared``: together with others that hold it
    so, and not at all in a folder that cannot be written.

    Raises:
        UserError: another process holds it, or the folder cannot be written.
    """
    if not storage.is_local:
        yield
        return
    import fcntl

    path = Path(storage.path(name))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = path.open("a")
    except OSError as error:
        if shared:
            yield
            return
        raise UserError(f"{storage.url}: cannot write there: {error.strerror}") from error
    with handle:
        try:
            fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError as error:
            raise UserError(f"{storage.url}: {busy()}; wait until it is done") from error
        yield
