"""Files below a folder on any fsspec URL, read by range; safe to use in processes that were forked."""

from __future__ import annotations

import io
import os
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import fsspec
from fsspec.implementations.local import LocalFileSystem

from models.diffusion.data.errors import DataError

ASIDE = ".aside-"
_MOST_OPEN = 256
_LONGEST_READ = 1 << 20


# Libraries that speak to object stores, and have errors of their own.
_DRIVERS = frozenset({"botocore", "aiobotocore", "aiohttp", "google", "gcsfs", "azure", "adlfs"})


@contextmanager
def _told() -> Iterator[None]:
    """Raises OSError for every way in which a store cannot be reached."""
    try:
        yield
    except Exception as error:
        if isinstance(error, OSError) or type(error).__module__.partition(".")[0] not in _DRIVERS:
            raise
        raise OSError(" ".join(str(error).split())) from error


class Files:
    """``url``: a local path or any URL of fsspec. All names are relative to it.

    Raises:
        DataError: no such protocol, or its driver is not installed.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/") or "/"
        try:
            fs, root = fsspec.core.url_to_fs(url, use_listings_cache=False)
        except (ImportError, ValueError) as error:
            raise DataError(f"{url}: {error}") from error
        self.is_local = isinstance(fs, LocalFileSystem)
        self.root = os.path.abspath(root) if self.is_local else root.rstrip("/")
        self._open: OrderedDict[str, int] = OrderedDict()

    def __getstate__(self) -> dict[str, object]:
        return {**vars(self), "_open": OrderedDict()}

    def __del__(self) -> None:
        for handle in getattr(self, "_open", {}).values():
            os.close(handle)

    @property
    def fs(self) -> fsspec.AbstractFileSystem:
        """The file system; fsspec makes another one in each process."""
        return fsspec.core.url_to_fs(self.url, use_listings_cache=False)[0]

    def path(self, name: str) -> str:
        """The full path as the file system names it."""
        return f"{self.root}/{name}" if name else self.root

    def read_all(self, name: str) -> bytes:
        """The content of a file. Raises FileNotFoundError or another OSError."""
        if self.is_local:
            return Path(self.path(name)).read_bytes()
        with _told():
            return bytes(self.fs.cat_file(self.path(name)))

    def exists(self, name: str) -> bool:
        if self.is_local:
            return os.path.exists(self.path(name))
        with _told():
            return bool(self.fs.exists(self.path(name)))

    def sizes(self) -> dict[str, int]:
        """Bytes of the files directly in the folder, by name."""
        if self.is_local:
            with os.scandir(self.root) as entries:
                return {entry.name: entry.stat().st_size for entry in entries if entry.is_file()}
        try:
            with _told():
                found = self.fs.ls(self.root, detail=True)
        except FileNotFoundError:
            return {}
        return {str(one["name"]).rsplit("/", 1)[1]: int(one["size"]) for one in found if one["type"] == "file"}

    def read(self, name: str, offset: int, size: int) -> bytes:
        """``size`` bytes from ``offset`` on.

        Raises:
            EOFError: the file ends before.
            OSError: it cannot be read.
        """
        if self.is_local:
            data = os.pread(self._handle(name), size, offset)
        else:
            with _told():
                data = bytes(self.fs.cat_file(self.path(name), start=offset, end=offset + size))
        while len(data) < size:
            more = os.pread(self._handle(name), size - len(data), offset + len(data)) if self.is_local else b""
            if not more:
                raise EOFError(f"{name} ends {size - len(data)} bytes too early")
            data += more
        return data

    def open_range(self, name: str, offset: int, size: int) -> BinaryIO:
        """A part of a file as a file: of a local one only what is asked for is read, of others all at once."""
        if self.is_local:
            return cast(BinaryIO, _Range(self._handle(name), offset, size))
        return io.BytesIO(self.read(name, offset, size))

    def publish(self, name: str, local: Path) -> None:
        """Move a local file there, whole or not at all; on a local disk it should be on the same one."""
        if self.is_local:
            os.replace(local, self.path(name))
        else:
            with _told():
                self.fs.put_file(str(local), self.path(name))

    def write(self, name: str, data: bytes) -> None:
        """Publish a small file."""
        if not self.is_local:
            with _told():
                self.fs.pipe_file(self.path(name), data)
            return
        aside = Path(self.path(f"{ASIDE}{os.getpid()}-{name}"))
        try:
            aside.write_bytes(data)
            os.replace(aside, self.path(name))
        finally:
            aside.unlink(missing_ok=True)

    def make_folder(self) -> None:
        """The folder itself, on a disk; object stores have none."""
        if self.is_local:
            os.makedirs(self.root, exist_ok=True)

    def remove_aside(self, name: str) -> None:
        """What a process that was killed had written aside of this file, on a disk."""
        if self.is_local:
            for path in Path(self.root).glob(f"{ASIDE}*-{name}"):
                path.unlink(missing_ok=True)

    def _handle(self, name: str) -> int:
        handle = self._open.get(name)
        if handle is None:
            handle = self._open[name] = os.open(self.path(name), os.O_RDONLY | os.O_CLOEXEC)
            if len(self._open) > _MOST_OPEN:
                os.close(self._open.popitem(last=False)[1])
        self._open.move_to_end(name)
        return handle


class _Range(io.RawIOBase):
    """Bytes ``offset`` … ``offset + size`` of an open file, without a position of the file's own."""

    def __init__(self, handle: int, offset: int, size: int) -> None:
        self._handle = handle
        self._offset = offset
        self._size = size
        self._position = 0

    def read(self, size: int = -1, /) -> bytes:
        left = self._size - self._position
        wanted = min(left if size < 0 else size, left, _LONGEST_READ if size >= 0 else left)
        data = os.pread(self._handle, max(0, wanted), self._offset + self._position)
        self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True
