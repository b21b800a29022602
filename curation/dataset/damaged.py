"""Files of a dataset that hold something else than was written: told by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

from curation.dataset.storage import Storage
from curation.errors import UserError


@contextmanager
def reading(storage: Storage, name: str) -> Iterator[None]:
    """For code that takes the bytes of a file apart.

    Raises:
        UserError: they are not what this program writes.
    """
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        why = " ".join(str(error).split())[:200]
        raise UserError(f"{storage.url}/{name}: damaged ({why}); bring it back from a copy of the dataset") from error
