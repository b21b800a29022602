"""Files of a dataset on any fsspec URL. What is published appears whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

import fsspec
from fsspec.implementations.local import LocalFileSystem

from curation.errors import DiskFullError, UserError
from curation.scratch import scratch_space

ASIDE = ".aside-"


class Storage:
    """The root of a dataset; all names are POSIX paths relative to it. Picklable."""

    def __init__(self, url: str) -> None:
        """``url``: a local path or any fsspec URL.

        Raises:
            UserError: no such protocol, or its driver is not installed.
        """
        self.url = url
        try:
            self.fs, root = fsspec.core.url_to_fs(url, use_listings_cache=False)
        except ImportError as error:
            raise UserError(f"{url}: {error}; install it, for S3: pip install 'curation[s3]'") from error
        except ValueError as error:
            raise UserError(f"{url}: {error}") from error
        self.is_local = isinstance(self.fs, LocalFileSystem)
        self.root: str = os.path.abspath(root) if self.is_local else root.rstrip("/")

    def __reduce__(self) -> tuple[type[Storage], tuple[str]]:
        return Storage, (self.location,)

    @property
    def location(self) -> str:
        """What names this root in other processes too, whatever directory they work in."""
        return self.root if self.is_local else self.url

    def path(self, name: str) -> str:
        """The full path as the file system names it."""
        return f"{self.root}/{name}" if name else self.root

    def url_of(self, name: str) -> str:
        """A URL or local path that opens this file from anywhere."""
        return self.path(name) if self.is_local else str(self.fs.unstrip_protocol(self.path(name)))

    def write_bytes(self, name: str, data: bytes) -> None:
        """Publish ``data``: write aside and rename (local), or one PUT."""
        with _disk_full(self.path(name)):
            if self.is_local:
                with self._aside(name) as aside:
                    aside.write_bytes(data)
            else:
                self.fs.pipe_file(self.path(name), data)

    def put_file(self, local: Path, name: str) -> None:
        """Publish a copy of a local file; on a local dataset the file is moved where the disk allows it."""
        with _disk_full(self.path(name)):
            if not self.is_local:
                self.fs.put_file(str(local), self.path(name))
                return
            with self._aside(name) as aside:
                try:
                    os.replace(local, aside)
                except OSError as error:
                    if error.errno != errno.EXDEV:
                        raise
                    self.fs.cp_file(str(local), str(aside))

    @contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        """A new file, published when the body ends; where it fails, nothing is."""
        if self.is_local:
            with _disk_full(self.path(name)), self._aside(name) as aside, aside.open("wb") as file:
                yield file
            return
        with tempfile.NamedTemporaryFile() as scratch:
            with scratch_space():
                yield cast("BinaryIO", scratch)
                scratch.flush()
            self.put_file(Path(scratch.name), name)

    def read_bytes(self, name: str) -> bytes:
        """The content of a file. Raises FileNotFoundError."""
        return bytes(self.fs.cat_file(self.path(name)))

    def open(self, name: str) -> BinaryIO:
        """A file for reading piece by piece. Raises FileNotFoundError."""
        return cast(BinaryIO, self.fs.open(self.path(name), "rb"))

    def read_range(self, name: str, start: int, stop: int) -> bytes:
        """The bytes from ``start`` up to ``stop``. Raises FileNotFoundError."""
        return bytes(self.fs.cat_file(self.path(name), start=start, end=stop))

    def sha256(self, name: str) -> str:
        """The hash of a file's content in hex. Raises FileNotFoundError."""
        with self.fs.open(self.path(name), "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def exists(self, name: str = "") -> bool:
        return bool(self.fs.exists(self.path(name)))

    def entries(self) -> list[str]:
        """Names of the files and folders at the root, sorted."""
        try:
            found = self.fs.ls(self.root, detail=False)
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(str(path).rstrip("/").rsplit("/", 1)[1] for path in found)

    def files(self, folder: str, suffix: str = "") -> list[str]:
        """Names of all published files below ``folder``, sorted."""
        try:
            found = self.fs.find(self.path(folder))
        except FileNotFoundError:
            return []
        names = (self._name(str(path)) for path in found)
        return sorted(name for name in names if name.endswith(suffix) and ASIDE not in name)

    def sizes(self, folder: str, suffix: str = "") -> dict[str, int]:
        """Bytes of all published files below ``folder``, by name, sorted."""
        try:
            found = self.fs.find(self.path(folder), detail=True)
        except FileNotFoundError:
            return {}
        sizes = {self._name(path): int(info["size"]) for path, info in found.items()}
        return {name: sizes[name] for name in sorted(sizes) if name.endswith(suffix) and ASIDE not in name}

    def delete(self, names: list[str]) -> None:
        """Remove files; those that are gone already are no error."""
        for name in names:
            try:
                self.fs.rm_file(self.path(name))
            except FileNotFoundError:
                continue

    def delete_tree(self, folder: str) -> None:
        if self.exists(folder):
            self.fs.rm(self.path(folder), recursive=True)

    def remove_leftovers(self) -> None:
        """Delete what an interrupted run had written aside (remote stores never show such files)."""
        if self.is_local:
            for path in Path(self.root).rglob(f"{ASIDE}*"):
                path.unlink(missing_ok=True)

    def _name(self, path: str) -> str:
        return path.lstrip("/")[len(self.root.lstrip("/")) + 1 :]

    @contextmanager
    def _aside(self, name: str) -> Iterator[Path]:
        target = Path(self.path(name))
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = target.with_name(f"{ASIDE}{uuid.uuid4().hex}")
        try:
            yield aside
            os.replace(aside, target)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise


def join(*parts: str) -> str:
    """A name inside a dataset from its parts."""
    return str(PurePosixPath(*parts))


@contextmanager
def _disk_full(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(f"no space left to write {path}") from error
        raise
