"""The shards folders of a dataset: those inside it, and those that were packed elsewhere."""

from __future__ import annotations

import json

from curation.dataset.storage import Storage, join
from curation.errors import UserError
from curation.shards.folder import SHARDS, is_shards_folder

ELSEWHERE = "_state/packs.json"


def remember_pack(storage: Storage, output: Storage) -> None:
    """Keep in mind that shards of this dataset lie in ``output``, so that `trace` and `remove` find them."""
    known = elsewhere(storage)
    is_inside = output.url_of("").rpartition("/")[0] == storage.url_of(SHARDS)
    if not is_inside and output.location not in known:
        storage.write_bytes(ELSEWHERE, (json.dumps([*known, output.location], indent=2) + "\n").encode())


def elsewhere(storage: Storage) -> list[str]:
    """Locations of the shards that were packed outside of the dataset."""
    if not storage.exists(ELSEWHERE):
        return []
    return [str(location) for location in json.loads(storage.read_bytes(ELSEWHERE))]


def shards_folders(storage: Storage) -> list[Storage]:
    """All folders with shards of this dataset, whole or begun; those elsewhere that are there no longer are left out.

    Raises:
        UserError: a place cannot be reached.
    """
    names = {name.split("/")[1] for name in storage.files(SHARDS) if name.count("/") > 1}
    inside = [Storage(storage.url_of(join(SHARDS, name))) for name in sorted(names)]
    outside = [Storage(location) for location in elsewhere(storage)]
    return [folder for folder in (*inside, *outside) if _has_shards(folder, storage)]


def _has_shards(folder: Storage, dataset: Storage) -> bool:
    try:
        return is_shards_folder(folder)
    except Exception as error:  # each store has its own
        raise UserError(
            f"{folder.url}: shards of {dataset.url} were packed there, and cannot be looked at: {error}; if they are "
            f"gone for good, take the line out of {dataset.url}/{ELSEWHERE}"
        ) from error
