"""One writer at a time: a lock that the operating system releases when its holder dies."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from curation.dataset.description import DESCRIPTION
from curation.dataset.file_lock import holding
from curation.dataset.storage import Storage
from curation.errors import UserError
from curation.sources.location import shown

LOCK = "_state/lock"
# What is being taken out of the dataset, as long as that is not done.
REMOVAL = "_state/removal.json"
# In the folder of a run that was killed before it began, and at the root of a disk.
HARMLESS = frozenset({"_state", "lost+found"})


@contextmanager
def only_writer(storage: Storage, *, removing: bool = False) -> Iterator[None]:
    """Hold the lock of a local dataset. Object stores have no locks: there the user sees to it.

    ``removing``: a removal that was interrupted is no hindrance.

    Raises:
        UserError: another process is writing, the folder cannot be written, it holds other things, or a removal was
            interrupted.
    """
    check_folder(storage)
    with _lock(storage):
        if not removing:
            _no_interrupted_removal(storage)
        yield


@contextmanager
def no_writer(storage: Storage) -> Iterator[None]:
    """Keep writers of a local dataset out; other readers are welcome, and so is a dataset that cannot be written.

    Raises:
        UserError: a process is writing, or a removal was interrupted.
    """
    with _lock(storage, shared=True):
        _no_interrupted_removal(storage)
        yield


def _lock(storage: Storage, *, shared: bool = False) -> AbstractContextManager[None]:
    def busy() -> str:
        what = "a removal is running on" if storage.exists(REMOVAL) else "another run is writing to"
        return f"{what} this dataset"

    return holding(storage, LOCK, busy, shared=shared)


def no_removal(storage: Storage) -> None:
    """For one who holds no lock. Raises UserError where a removal has begun and is not done."""
    if storage.exists(REMOVAL):
        with no_writer(storage):
            pass


def _no_interrupted_removal(storage: Storage) -> None:
    """For one who holds the lock."""
    if storage.exists(REMOVAL):
        begun = "a removal was interrupted" if storage.is_local else "a removal has begun (still running?)"
        raise UserError(f"{storage.url}: {begun}; finish it first: curation remove {shlex.quote(storage.url)}")


def check_folder(storage: Storage) -> None:
    """A dataset is written where there is one, or nothing: it deletes clips that none of its rows names.

    Raises:
        UserError: a file of that name is there, or the folder holds other things.
    """
    if storage.exists(DESCRIPTION):
        return
    if storage.is_local and Path(storage.root).is_file():
        raise UserError(f"{storage.url}: is a file; name a new or an empty folder")
    foreign = [name for name in storage.entries() if name not in HARMLESS and not name.startswith(".")]
    if foreign:
        raise UserError(
            f"{storage.url}: holds other things ({shown(foreign[0])}) and is no dataset; name a new or an empty folder"
        )
