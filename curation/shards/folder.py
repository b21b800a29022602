"""The files of a shards folder: who may write there, what is whole, and what a pack that was interrupted left."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from curation.dataset.file_lock import holding
from curation.dataset.storage import Storage, join
from curation.errors import UserError
from curation.sources.location import shown

MANIFEST, INDEX, WIDS = "manifest.json", "index.parquet", "shards.json"
PACKING = ".packing"
PREVIOUS = join(PACKING, "previous")
LOCK = ".lock"
SHARDS = "shards"
# What `curation cache-latents` writes there.
LATENTS = "latents"
_SHARD = re.compile(r"\d{6,}\.tar")
# What megatron-energon derives from the shards; the other files of .nv-meta may be the user's own.
_ENERGON = re.compile(r"\d{6,}\.tar\.idx|\.nv-meta/(index\..*|\.info\..*)")


def shard_name(number: int) -> str:
    """000012.tar."""
    return f"{number:06d}.tar"


def record_name(shard: str) -> str:
    """Where the record of a shard is kept until all are there."""
    return join(PACKING, f"{shard}.record")


def shards_in(storage: Storage) -> dict[str, int]:
    """Bytes of the tar files with names of shards, sorted."""
    return {name: size for name, size in storage.sizes("", ".tar").items() if _SHARD.fullmatch(name)}


def is_shards_folder(storage: Storage) -> bool:
    """Whether a pack was finished or begun here."""
    return storage.exists(MANIFEST) or bool(storage.files(PACKING))


def forget_energon(storage: Storage) -> bool:
    """Delete the index that ``energon prepare`` made of other shards; whether there was one."""
    there = [name for name in storage.files("") if _ENERGON.fullmatch(name)]
    storage.delete(there)
    return bool(there)


@contextmanager
def only_packer(storage: Storage) -> Iterator[None]:
    """Hold the lock of a local shards folder. Object stores have no locks: there the user sees to it.

    Raises:
        UserError: another process is writing there, the folder cannot be written, or it holds other things.
    """
    if not is_shards_folder(storage):
        foreign = [name for name in storage.entries() if not name.startswith(".")]
        if foreign:
            raise UserError(
                f"{storage.url}: holds other things ({shown(foreign[0])}) and no shards of curation; "
                "name a new or an empty folder with --output"
            )
    with holding(storage, LOCK, lambda: "another pack is writing there"):
        storage.remove_leftovers()
        yield
