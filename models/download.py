"""One file from a plain address, whole and as published, or not at all."""

from __future__ import annotations

import hashlib
import secrets
import urllib.request
from http.client import HTTPException
from pathlib import Path

_TIMEOUT_S = 60
_BLOCK = 1 << 20


class DownloadError(Exception):
    """The file cannot be had, or is not the published one; one line: what, where, why."""


def download(url: str, target: Path, sha256: str) -> Path:
    """``target``, fetched from ``url`` if it is not there; written aside and renamed, with a progress bar.

    ``sha256``: the digest of the file in hexadecimal, its beginning where only that was published, or "".

    Raises:
        DownloadError: it cannot be fetched or written, or its digest differs.
    """
    if target.is_file():
        return target
    aside = target.with_name(f"{target.name}.{secrets.token_hex(4)}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            found = _copy(url, aside, target.name)
            if not found.startswith(sha256):
                raise DownloadError(f"{url}: not the file that was published (SHA-256 differs)")
            aside.replace(target)
        finally:
            aside.unlink(missing_ok=True)
    except (OSError, ValueError, HTTPException) as error:
        raise DownloadError(f"{url} cannot be fetched to {target.parent}: {error}") from error
    return target


def _copy(url: str, aside: Path, name: str) -> str:
    """Fetch to ``aside``; returns the SHA-256. Raises OSError where less came than was announced."""
    from tqdm import tqdm

    digest = hashlib.sha256()
    with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer, aside.open("xb") as file:
        announced = answer.headers.get("Content-Length")
        total = int(announced) if announced else None
        with tqdm(total=total, unit="B", unit_scale=True, desc=name, disable=None) as bar:
            while block := answer.read(_BLOCK):
                digest.update(block)
                bar.update(file.write(block))
        if total is not None and file.tell() != total:
            raise OSError(f"{file.tell()} of {total} bytes came")
    return digest.hexdigest()
