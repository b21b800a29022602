"""A tar file whose bytes follow from its members alone, hashed while it is written."""

from __future__ import annotations

import hashlib
import tarfile
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import BinaryIO

END = bytes(2 * tarfile.BLOCKSIZE)
WRITE_BYTES = 2**20
# Writes that the hash may be behind: enough that neither waits for the other's every hitch.
HASHES_BEHIND = 4


class TarWriter:
    """Writes members one after the other, all in USTAR: the plain form that every reader knows.

    Owner, group and time are 0. The SHA-256 of the file is computed by a thread beside the writing one. A context
    manager: leaving it without an error ends the archive. ``num_bytes`` and ``sha256`` hold from then on.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._pending: list[bytes] = []
        self._num_pending = 0
        self._hash = hashlib.sha256()
        self._thread = ThreadPoolExecutor(1)
        self._hashing: deque[Future[None]] = deque()
        self.num_bytes = 0
        self.sha256 = ""

    def __enter__(self) -> TarWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._put(END)
                self._put(bytes(-self.num_bytes % tarfile.RECORDSIZE))
                self._write()
        finally:
            self._thread.shutdown()
        self.sha256 = self._hash.hexdigest()

    def add(self, name: str, data: bytes) -> int:
        """Write a member; returns at which byte of the file its content begins.

        Raises:
            ValueError: the name or the size does not fit into a USTAR header (100 characters; 8 GiB).
        """
        member = tarfile.TarInfo(name)
        member.size = len(data)
        member.mode = 0o444
        self._put(member.tobuf(tarfile.USTAR_FORMAT))
        offset = self.num_bytes
        self._put(data)
        self._put(bytes(-len(data) % tarfile.BLOCKSIZE))
        return offset

    def copy(self, raw: bytes) -> int:
        """Write a member as it stands in another file: header, content, padding; returns as `add`."""
        offset = self.num_bytes + tarfile.BLOCKSIZE
        self._put(raw)
        return offset

    def _put(self, data: bytes) -> None:
        self._pending.append(data)
        self._num_pending += len(data)
        self.num_bytes += len(data)
        if self._num_pending >= WRITE_BYTES:
            self._write()

    def _write(self) -> None:
        pieces, self._pending, self._num_pending = self._pending, [], 0
        if len(self._hashing) >= HASHES_BEHIND:
            self._hashing.popleft().result()
        self._hashing.append(self._thread.submit(self._update, pieces))
        self._stream.writelines(pieces)

    def _update(self, pieces: list[bytes]) -> None:
        for piece in pieces:
            self._hash.update(piece)
