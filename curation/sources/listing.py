"""Files of folders and globs, local and remote, without a request per file."""

from __future__ import annotations

import glob
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from fsspec.spec import AbstractFileSystem

from curation.errors import CurationError, UserError
from curation.sources.formats import extension, is_video_name
from curation.sources.location import filesystem, local_name, shown
from curation.sources.reasons import reason
from curation.sources.stamp import stamp_of

IsWanted = Callable[[str], bool]


@dataclass(frozen=True)
class Found:
    """A file, and its change marker where the listing gave one."""

    name: str
    stamp: str | None = None


def list_local(name: str, is_wanted: IsWanted = is_video_name) -> list[Found]:
    """What a local name stands for: a file, the videos below a folder, or the matches of a glob; sorted.

    ``is_wanted``: which names of a folder are taken.

    Raises:
        UserError: there is nothing.
    """
    if not os.path.lexists(name):
        expanded = os.path.expanduser(name)
        if os.path.lexists(expanded):
            return list_local(expanded, is_wanted)
        if not glob.has_magic(name):
            raise UserError(f"{shown(name)}: no such file or folder")
        matches = glob.glob(expanded, recursive=True)
        paths = [path for match in matches for path in (_walk(match, is_wanted) if os.path.isdir(match) else [match])]
        return [Found(local_name(path)) for path in sorted(_wanted(name, paths, is_wanted))]
    if not os.path.isdir(name):
        return [Found(local_name(name))]
    return [Found(local_name(path)) for path in sorted(_walk(name, is_wanted))]


def list_remote(url: str, is_wanted: IsWanted = is_video_name) -> list[Found]:
    """What a URL stands for: a file, the videos below a folder, or the matches of a glob; sorted.

    ``is_wanted``: which names of a folder are taken.

    Raises:
        UserError: there is nothing, it cannot be listed, or the protocol cannot be read.
    """
    fs, path = filesystem(url)
    with _told_in_one_line(url):
        kind, info = _kind(fs, path)
        if kind == "file":
            return [Found(_url(fs, path, url), stamp_of(info))]
        if kind == "directory":
            files = _below(fs, path, is_wanted)
        elif glob.has_magic(path):
            files = _matches(fs, path, is_wanted)
        else:
            raise UserError(f"{shown(url)}: no such file or folder")
    return [Found(_url(fs, file, url), stamp_of(details)) for file, details in sorted(files.items())]


def _walk(folder: str, is_wanted: IsWanted) -> Iterator[str]:
    """Videos below a folder. Hidden names are left out; links to folders are followed, once each.

    A folder that cannot be listed stands for itself, so that it becomes an item that failed.
    """
    seen: set[tuple[int, int]] = set()
    pending = [folder]
    while pending:
        current = pending.pop()
        try:
            status = os.stat(current)
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(current) as entries:
                visible = [entry for entry in entries if not entry.name.startswith(".")]
        except OSError:
            yield current
            continue
        for entry in visible:
            if _is_folder(entry):
                pending.append(entry.path)
            elif is_wanted(entry.name) and (entry.is_symlink() or entry.is_file()):
                yield entry.path


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _kind(fs: AbstractFileSystem, path: str) -> tuple[str, Mapping[str, Any]]:
    """("file" | "directory" | "none", details)."""
    if path.startswith(("http://", "https://")):
        if "*" in urlsplit(path).path:
            return "none", {}
        if path.endswith("/"):
            return "directory", {}
    try:
        info = fs.info(path)
    except FileNotFoundError as error:
        if reason(error) != "not found":
            raise
        return "none", {}
    return ("directory" if info["type"] == "directory" else "file"), info


def _below(fs: AbstractFileSystem, folder: str, is_wanted: IsWanted) -> dict[str, Mapping[str, Any]]:
    root = folder.rstrip("/")
    files = fs.find(root, detail=True)
    return {
        path: info
        for path, info in files.items()
        if is_wanted(path) and not _is_hidden(path.removeprefix(root).lstrip("/"))
    }


def _matches(fs: AbstractFileSystem, pattern: str, is_wanted: IsWanted) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    root = _fixed_part(pattern)
    for path, info in fs.glob(pattern, detail=True).items():
        if _is_hidden(path.removeprefix(root).lstrip("/")):
            continue
        found.update(_below(fs, path, is_wanted) if info["type"] == "directory" else {path: info})
    return {path: found[path] for path in _wanted(pattern, found, is_wanted)}


def _fixed_part(pattern: str) -> str:
    """The folder before the first part of a pattern that can match more than one name."""
    parts = pattern.split("/")
    return "/".join(itertools.takewhile(lambda part: not glob.has_magic(part), parts))


def _wanted(pattern: str, paths: Iterable[str], is_wanted: IsWanted) -> list[str]:
    """A pattern that ends in an extension takes what it matches, any other as a folder does."""
    every = extension(pattern) and not glob.has_magic(extension(pattern))
    return [path for path in paths if every or is_wanted(path)]


def _is_hidden(relative: str) -> bool:
    return any(part.startswith(".") for part in PurePosixPath(relative).parts)


def _url(fs: AbstractFileSystem, path: str, asked: str) -> str:
    """The full URL of a path; of a chained URL (zip://…::s3://…) the rest of the chain is kept."""
    first, chain, rest = asked.partition("::")
    if not chain:
        return str(fs.unstrip_protocol(path))
    return f"{first.partition('://')[0]}://{path}::{rest}" if "://" in first else asked


@contextmanager
def _told_in_one_line(url: str) -> Iterator[None]:
    """Whatever a remote file system raises (its libraries have error classes of their own) becomes a UserError."""
    try:
        yield
    except CurationError:
        raise
    except Exception as error:
        raise UserError(f"{shown(url)}: {reason(error)}") from error
