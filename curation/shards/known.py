"""The shards folders of a dataset: those inside it, and those that were packed elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from curation.dataset.storage import Storage, join
from curation.shards.folder import SHARDS, is_shards_folder

ELSEWHERE = "_state/packs.json"


@dataclass(frozen=True)
class Known:
    """``folders``: with shards, whole or begun; ``unreached``: places where some should be, each with why none are
    found."""

    folders: Sequence[Storage]
    unreached: Mapping[str, str]


def remember_pack(storage: Storage, output: Storage) -> None:
    """Keep in mind that shards of this dataset lie in ``output``, so that `trace` and `remove` find them."""
    known = elsewhere(storage)
    is_inside = output.url_of("").rpartition("/")[0] == storage.url_of(SHARDS)
    if not is_inside and output.location not in known:
        _write(storage, [*known, output.location])


def forget_pack(storage: Storage, location: str) -> None:
    """Do not look for shards there any more."""
    _write(storage, [one for one in elsewhere(storage) if one != location])


def elsewhere(storage: Storage) -> list[str]:
    """Locations of the shards that were packed outside of the dataset."""
    if not storage.exists(ELSEWHERE):
        return []
    return [str(location) for location in json.loads(storage.read_bytes(ELSEWHERE))]


def known_shards(storage: Storage) -> Known:
    """All places where shards of this dataset were packed."""
    names = {name.split("/")[1] for name in storage.files(SHARDS) if name.count("/") > 1}
    inside = [Storage(storage.url_of(join(SHARDS, name))) for name in sorted(names)]
    folders = [folder for folder in inside if is_shards_folder(folder)]
    unreached = {}
    for location in elsewhere(storage):
        reason = why_unreached(location)
        if reason:
            unreached[location] = reason
        else:
            folders.append(Storage(location))
    return Known(folders, unreached)


def why_unreached(location: str) -> str:
    """Why no shards are found at a place; empty where there are some."""
    try:
        return "" if is_shards_folder(Storage(location)) else "no shards are there"
    except Exception as error:  # each store has its own
        return " ".join(str(error).split()) or type(error).__name__


def _write(storage: Storage, locations: Sequence[str]) -> None:
    storage.write_bytes(ELSEWHERE, (json.dumps(locations, indent=2) + "\n").encode())
