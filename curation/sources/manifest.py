"""Manifests: files that list sources, one a row, with columns that are carried into `videos`."""

from __future__ import annotations

import csv
import io
import json
import os
import posixpath
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urljoin

import pyarrow as pa
import pyarrow.parquet as pq

from curation.errors import ItemError, UserError
from curation.sources.fetch import read_bytes
from curation.sources.formats import extension
from curation.sources.location import local_name, local_path, scheme, shown

PATH_COLUMNS = ("path", "url", "video", "file")

Row = tuple[str, dict[str, Any]]
"""Where the row stands, for messages, and its cells."""


def read_manifest(name: str) -> list[tuple[str, dict[str, Any]]]:
    """The sources that a manifest lists, in its order: (absolute path or URL, its other columns).

    Relative paths are relative to the manifest. Whether the sources exist is not looked at.

    Raises:
        UserError: it cannot be read, is malformed, lists nothing, or does not tell which column holds the path.
    """
    try:
        data = read_bytes(name)
    except ItemError as error:
        raise UserError(f"{shown(name)}: {error}") from error
    kind = extension(name)
    if kind == ".parquet":
        rows = list(_parquet(data, name))
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise UserError(f"{shown(name)}: not a text file in UTF-8; a manifest lists one source per line") from error
        if kind == ".txt":
            rows = list(_lines(text, name))
        elif kind in (".csv", ".tsv"):
            rows = list(_csv(text, name, "\t" if kind == ".tsv" else ","))
        else:
            rows = list(_jsonl(text, name))
    if not rows:
        raise UserError(f"{shown(name)}: lists no videos")
    column = _path_column(dict.fromkeys(key for _, cells in rows for key in cells), name)
    sources = []
    for where, cells in rows:
        entry = cells.pop(column, None)
        if not isinstance(entry, str) or not entry:
            raise UserError(f'{where}: "{column}" should be a path or URL, not {json.dumps(entry, default=str)}')
        sources.append((_absolute(_representable(entry), name), cells))
    return sources


def _path_column(columns: Iterable[str], name: str) -> str:
    candidates = [column for column in columns if column.strip().lower() in PATH_COLUMNS]
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        raise UserError(
            f"{shown(name)}: {' and '.join(candidates)} could both name the source; rename or remove all but one"
        )
    raise UserError(
        f"{shown(name)}: no column named {', '.join(PATH_COLUMNS[:-1])} or {PATH_COLUMNS[-1]} among "
        f"{', '.join(map(shown, columns))}; rename the one that names the source"
    )


def _representable(entry: str) -> str:
    """JSON can spell half a surrogate pair, which no file name and no table holds: such a name is escaped."""
    try:
        os.fsencode(entry)
    except UnicodeEncodeError:
        return entry.encode(errors="backslashreplace").decode()
    return entry


def _absolute(entry: str, manifest: str) -> str:
    if scheme(entry) is not None and not (local_path(manifest) and os.path.lexists(_beside(entry, manifest))):
        return entry
    path = local_path(manifest)
    if path is not None:
        return local_name(_beside(entry, manifest))
    if manifest.startswith(("http://", "https://")):
        return urljoin(manifest, entry)
    if entry.startswith("/"):
        return local_name(entry)
    first, chain, rest = manifest.partition("::")
    protocol, _, inside = first.partition("://")
    return f"{protocol}://{posixpath.normpath(posixpath.join(posixpath.dirname(inside), entry))}{chain}{rest}"


def _beside(entry: str, manifest: str) -> str:
    path = local_path(manifest)
    return os.path.join(path.parent if path else "", entry)


def _lines(text: str, name: str) -> Iterator[Row]:
    label = shown(name)
    for number, line in enumerate(text.split("\n"), 1):
        entry = line.strip()
        if entry and not entry.startswith("#"):
            yield f"{label}:{number}", {"path": entry}


def _csv(text: str, name: str, delimiter: str) -> Iterator[Row]:
    label = shown(name)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    try:
        for cells in reader:
            where = f"{label}:{reader.line_num}"
            if not cells:
                continue
            if header is None:
                header = [cell.strip() or f"column_{index}" for index, cell in enumerate(cells)]
                twice = sorted({column for column in header if header.count(column) > 1})
                if twice:
                    raise UserError(f'{where}: the column "{twice[0]}" stands twice; rename one')
                continue
            if len(cells) > len(header):
                raise UserError(f"{where}: {len(cells)} cells under {len(header)} columns; put quotes around commas")
            padded = [*cells, *[""] * (len(header) - len(cells))]
            yield where, {column: cell or None for column, cell in zip(header, padded, strict=True)}
    except csv.Error as error:
        raise UserError(f"{label}:{reader.line_num}: not valid CSV: {error}") from error


def _jsonl(text: str, name: str) -> Iterator[Row]:
    label = shown(name)
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        where = f"{label}:{number}"
        try:
            cells = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UserError(f"{where}: not valid JSON: {error}; a .jsonl file holds one object per line") from error
        if not isinstance(cells, dict):
            raise UserError(f'{where}: should be an object such as {{"path": "a.mp4"}}')
        yield where, cells


def _parquet(data: bytes, name: str) -> Iterator[Row]:
    label = shown(name)
    try:
        table = pq.read_table(pa.BufferReader(data))
        rows = table.to_pylist()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UserError(f"{label}: not valid Parquet: {' '.join(str(error).split())}") from error
    for index, cells in enumerate(rows):
        yield f"{label}: row {index}", cells
