"""Files of a dataset over HTTP: only those that its tables name, whole or in ranges, local or on any fsspec URL."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import PurePosixPath

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from curation.dataset.storage import Storage
from curation.tune.ranges import RangeNotSatisfiableError, byte_range

BLOCK = 1 << 20
MEDIA, CONTACT_SHEETS = "media", "contact_sheets"


class NoSuchFileError(Exception):
    """The file is not there, or is none that may be read: status 404."""


def checked_name(storage: Storage, name: str, folder: str) -> str:
    """The name of a file of the dataset, when it lies in ``folder``, and really so where links are followed.

    Tables may come from elsewhere: what they name is not trusted. The folder itself may be a link to another disk.

    Raises:
        NoSuchFileError: it does not lie there, or is not there.
    """
    parts = PurePosixPath(name).parts
    if "\\" in name or "\0" in name or len(parts) < 2 or parts[0] != folder or ".." in parts:
        raise NoSuchFileError
    if storage.is_local:
        home = os.path.realpath(storage.path(folder))
        path = os.path.realpath(storage.path(name))
        if os.path.commonpath([home, path]) != home or not os.path.isfile(path):
            raise NoSuchFileError
    return name


def send_file(storage: Storage, name: str, content_type: str, request: Request) -> Response:
    """A file, or the range of it that is asked for; ``name`` has passed `checked_name`.

    Raises:
        NoSuchFileError: it is gone.
    """
    path = storage.path(name)
    try:
        size = int(storage.fs.info(path)["size"])
    except FileNotFoundError:
        raise NoSuchFileError from None
    headers = {"accept-ranges": "bytes", "cache-control": "private, max-age=3600"}
    try:
        wanted = byte_range(request.headers.get("range"), size)
    except RangeNotSatisfiableError:
        return Response(status_code=416, headers={**headers, "content-range": f"bytes */{size}"})
    start, end = wanted or (0, size)
    headers["content-length"] = str(end - start)
    if wanted is not None:
        headers["content-range"] = f"bytes {start}-{end - 1}/{size}"
    status = 200 if wanted is None else 206
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type=content_type)
    return StreamingResponse(_blocks(storage, path, start, end), status, headers, content_type)


def _blocks(storage: Storage, path: str, start: int, end: int) -> Iterator[bytes]:
    for first in range(start, end, BLOCK):
        yield bytes(storage.fs.cat_file(path, start=first, end=min(first + BLOCK, end)))
