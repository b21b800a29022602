"""From the inputs of a command to the list of source videos."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from curation.errors import UserError
from curation.sources.columns import free_names, unify
from curation.sources.formats import IMAGE_EXTENSIONS, VIDEO_EXTENSIONS, is_manifest_name, is_media_name, is_video_name
from curation.sources.listing import Found, IsWanted, list_local, list_remote
from curation.sources.location import local_name, local_path, missing_driver, scheme, shown
from curation.sources.manifest import read_manifest


@dataclass(frozen=True)
class SourceRef:
    """A source video as found.

    ``url``: absolute local path, or URL; ``columns``: what a manifest says of it, values are text, bool, int, float
    or None; ``stamp``: the mark of change that `curation.sources.fetch.stamp` would give, where a listing gave it.
    """

    url: str
    columns: Mapping[str, Any] = field(default_factory=dict)
    stamp: str | None = field(default=None, compare=False)


def discover(
    inputs: Sequence[str], limit: int | None = None, exclude: Sequence[str] = (), *, images: bool = False
) -> list[SourceRef]:
    """All sources that ``inputs`` name, in their order, each once; at most ``limit``.

    An input is a file, a folder (videos below it, by extension; hidden names are left out), a glob, a manifest
    (.txt, .csv, .tsv, .jsonl, .ndjson, .parquet), or any of these as an fsspec URL. A name that exists as it stands
    is never taken for a glob. Where a source is named twice, the columns of both are kept, the first value wins.
    ``exclude``: folders whose content is no source, such as the dataset that is written. ``images``: folders and globs
    give still images too; those that are named outright, or by a manifest, are sources in any case.

    Raises:
        UserError: an input names nothing, cannot be listed, or is a malformed manifest.
    """
    if not inputs:
        raise UserError("no input; name a file, a folder, a glob, a manifest or a URL")
    roots = {root for name in exclude for root in _names_of(name)}
    stamps: dict[str, str | None] = {}
    columns: dict[str, dict[str, Any]] = {}
    for name in inputs:
        any_found, num_excluded = False, 0
        for found, cells in _sources(name, is_media_name if images else is_video_name):
            if any(spelled.startswith(f"{root}/") for spelled in _names_of(found.name) for root in roots):
                num_excluded += 1
                continue
            any_found = True
            stamps.setdefault(found.name, found.stamp)
            columns[found.name] = {**cells, **columns.get(found.name, {})}
        if not any_found and num_excluded:
            raise UserError(f"{shown(name)}: all its videos lie in the output; name an output beside it")
        if not any_found:
            known = len(VIDEO_EXTENSIONS) - 3 + images * len(IMAGE_EXTENSIONS)
            mend = f"looked for .mp4, .mkv, .webm and {known} more; other files can be named outright"
            raise UserError(f"{shown(name)}: no videos{' or images' * images} found; {mend}")
    _check_drivers(columns)
    names = free_names(column for cells in columns.values() for column in cells)
    named = [{names[column]: value for column, value in cells.items()} for cells in columns.values()]
    unified = unify(named)
    refs = [SourceRef(url, cells, stamps[url]) for url, cells in zip(columns, unified, strict=True)]
    return refs[:limit]


def _names_of(name: str) -> set[str]:
    """The ways to spell a name: a local one as it is given, and with symbolic links followed."""
    local = local_path(name)
    if local is None:
        return {name.rstrip("/")}
    return {local_name(str(local)), local_name(os.path.realpath(local))}


def _sources(name: str, is_wanted: IsWanted) -> Iterator[tuple[Found, dict[str, Any]]]:
    """Files that an input names; those of the manifests among them instead of the manifests."""
    path = None if os.path.lexists(name) else local_path(name)
    is_local = path is not None or os.path.lexists(name)
    for found in list_local(str(path or name), is_wanted) if is_local else list_remote(name, is_wanted):
        if is_manifest_name(found.name):
            for url, cells in read_manifest(found.name):
                yield Found(url), {column.strip(): value for column, value in cells.items()}
        else:
            yield found, {}


def _check_drivers(urls: Iterable[str]) -> None:
    """A missing driver fails every source of its protocol: better told before than a million times."""
    first_of: dict[str | None, str] = {}
    for url in urls:
        first_of.setdefault(scheme(url), url)
    for protocol, url in first_of.items():
        missing = missing_driver(protocol) if protocol else None
        if missing:
            raise UserError(f"{shown(url)}: {missing}")
