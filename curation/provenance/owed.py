"""Shards that a removal could not reach: what is to be taken out of them once they are there again."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from typing import Any

from curation.dataset.storage import Storage, join
from curation.provenance.scrub import scrub
from curation.shards.folder import MANIFEST, PREVIOUS
from curation.shards.known import forget_pack, why_unreached
from curation.shards.take_out import shards_with, take_out, take_out_unfinished

OWED = "_state/owed.json"


@dataclass(frozen=True)
class Owed:
    """``gone``: ids of clips and videos, which are hashes; ``named``: ids of clips whose samples hold one of them;
    ``begun``: shards of a whole pack that are being written again, so that an interruption is no unfinished pack."""

    gone: list[str]
    named: list[str]
    begun: list[str] | None = None


def owed(storage: Storage) -> dict[str, Owed]:
    """What is still to be done, by the location of the shards."""
    if not storage.exists(OWED):
        return {}
    return {location: Owed(**one) for location, one in json.loads(storage.read_bytes(OWED)).items()}


def owe(storage: Storage, location: str, gone: Collection[str], named: Collection[str]) -> None:
    """Write down what could not be taken out of shards."""
    there = owed(storage)
    before = there.get(location, Owed([], []))
    there[location] = Owed(sorted({*before.gone, *gone}), sorted({*before.named, *named}))
    _write(storage, there)


def settle(storage: Storage, sources: Collection[str]) -> list[str]:
    """Take out what is owed of all shards that can be reached now; returns their locations.

    ``sources``: names to take out of what manifests say of filters, as far as they are known: none is kept.

    Raises:
        UserError: another process writes to shards.
        DiskFullError: no space is left.
    """
    left = owed(storage)
    done = []
    for location, one in list(left.items()):
        if why_unreached(location):
            continue
        names = {*one.gone, *sources}

        def amended(settings: dict[str, Any], names: set[str] = names) -> dict[str, Any]:
            return {name: scrub(value, names, sources) for name, value in settings.items()}

        folder = Storage(location)
        if folder.exists(MANIFEST):
            one = left[location] = replace(one, begun=sorted(shards_with(folder, one.named)))
            _write(storage, left)
        if one.begun is not None and any(folder.exists(name) for name in (MANIFEST, join(PREVIOUS, MANIFEST))):
            take_out(folder, one.begun, one.gone, amended)
        else:
            take_out_unfinished(folder, one.gone)
        del left[location]
        _write(storage, left)
        done.append(location)
    return done


def forget(storage: Storage, location: str) -> None:
    """Never look for these shards again: they are gone for good."""
    forget_pack(storage, location)
    _write(storage, {place: one for place, one in owed(storage).items() if place != location})


def _write(storage: Storage, left: dict[str, Owed]) -> None:
    if left:
        storage.write_bytes(OWED, json.dumps({location: asdict(one) for location, one in left.items()}).encode())
    else:
        storage.delete([OWED])
