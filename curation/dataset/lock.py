"""One writer at a time: a lock that the operating system releases when its holder dies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from curation.dataset.storage import Storage
from curation.errors import UserError

LOCK = "_state/lock"


@contextmanager
def only_writer(storage: Storage) -> Iterator[None]:
    """Hold the lock of a local dataset. Object stores have no locks: there the user sees to it.

    Raises:
        UserError: another process is writing, or the folder cannot be written.
    """
    if not storage.is_local:
        yield
        return
    import fcntl

    path = Path(storage.path(LOCK))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = path.open("w")
    except OSError as error:
        raise UserError(f"--output {storage.url}: cannot write there: {error.strerror}") from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UserError(f"{storage.url}: another run is writing to this dataset; wait until it is done") from error
        yield
