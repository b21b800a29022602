"""From the name of a source to its bytes: a local path, its content's identity, a mark of change."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from curation.errors import CurationError, DiskFullError, ItemError
from curation.scratch import scratch_space
from curation.sources.formats import extension, is_video_name
from curation.sources.location import filesystem, local_path
from curation.sources.reasons import reason
from curation.sources.stamp import stamp_of, stamp_of_stat

CHUNK = 1 << 20
REMOTE_BLOCK = 16 << 20
ID_DIGITS = 32


@dataclass(frozen=True)
class Identity:
    """What a source holds.

    ``video_id``: the first `ID_DIGITS` hex digits of the SHA-256 of its content; ``bytes``: its size;
    ``stamp``: equal as long as the content is, None where the store gives no such mark.
    """

    video_id: str
    bytes: int
    stamp: str | None


def identity(source: str) -> Identity:
    """Read the whole content of a local path or URL once and hash it.

    Raises:
        ItemError: it cannot be read; the message is the reason.
    """
    mark = stamp(source)
    digest, size = hashlib.sha256(), 0
    with _reasons(), _opened(source) as file:
        for chunk in _chunks(file):
            digest.update(chunk)
            size += len(chunk)
    return Identity(digest.hexdigest()[:ID_DIGITS], size, mark)


def stamp(source: str) -> str | None:
    """The mark of change of a local path or URL, without reading the content; None where there is none.

    Raises:
        ItemError: there is no such file, or it cannot be asked about.
    """
    path = local_path(source)
    with _reasons():
        if path is not None:
            return stamp_of_stat(_regular_file(path))
        fs, name = filesystem(source)
        return stamp_of(fs.info(name))


def fetch(source: str, workdir: Path, max_bytes: int | None = None) -> Path:
    """A local file with the content: a local path is used in place (links resolved), a URL is copied to ``workdir``.

    Raises:
        ItemError: it cannot be read, or is larger than ``max_bytes``.
        DiskFullError: no space is left in ``workdir``.
    """
    path = local_path(source)
    with _reasons():
        if path is not None:
            size = _regular_file(path).st_size
            if max_bytes is not None and size > max_bytes:
                raise ItemError(f"has {size} bytes, more than the {max_bytes} allowed")
            with path.open("rb"):
                return path.resolve()
        target = workdir / f"source{extension(source) if is_video_name(source) else ''}"
        with _opened(source) as file:
            _copy(file, target, max_bytes)
        return target


def read_bytes(source: str) -> bytes:
    """The whole content of a local path or URL. Raises ItemError when it cannot be read."""
    with _reasons(), _opened(source) as file:
        return b"".join(_chunks(file))


def _copy(file: BinaryIO, target: Path, max_bytes: int | None) -> None:
    announced = getattr(file, "size", None)
    if max_bytes is not None and announced is not None and announced > max_bytes:
        raise ItemError(f"has {announced} bytes, more than the {max_bytes} allowed")
    size = 0
    with scratch_space(), target.open("wb") as copy:
        for chunk in _chunks(file):
            size += len(chunk)
            if max_bytes is not None and size > max_bytes:
                raise ItemError(f"has more than the {max_bytes} bytes allowed")
            copy.write(chunk)
    if announced is not None and size != announced:
        raise ItemError(f"the download ended after {size} of {announced} bytes")


@contextmanager
def _opened(source: str) -> Iterator[BinaryIO]:
    path = local_path(source)
    if path is not None:
        _regular_file(path)
        with path.open("rb", buffering=0) as file:
            yield file
        return
    fs, name = filesystem(source)
    # Over HTTP one request for the whole: not every server serves ranges.
    block_size = 0 if name.startswith(("http://", "https://")) else REMOTE_BLOCK
    with fs.open(name, "rb", block_size=block_size) as file:
        yield file


def _chunks(file: Any) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk


def _regular_file(path: Path) -> os.stat_result:
    """Its status. A pipe or device is never opened: reading one may wait for ever."""
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise ItemError("is a folder" if os.access(path, os.R_OK | os.X_OK) else "a folder that cannot be listed")
    if not stat.S_ISREG(status.st_mode):
        raise ItemError("is not a regular file")
    return status


@contextmanager
def _reasons() -> Iterator[None]:
    """Whatever reading raises becomes an ItemError: remote file systems have error classes of their own."""
    try:
        yield
    except (ItemError, DiskFullError):
        raise
    except CurationError as error:
        raise ItemError(str(error)) from error
    except Exception as error:
        raise ItemError(reason(error)) from error
