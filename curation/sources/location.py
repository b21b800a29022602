"""Local paths and URLs, and the file system behind a URL."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import fsspec
from fsspec.spec import AbstractFileSystem

from curation.errors import UserError
from curation.suggestions import did_you_mean

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)(://|::)")
_LOCAL_SCHEMES = ("file", "local")
_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"}


def scheme(name: str) -> str | None:
    """The protocol of a URL in lower case; None for a local path."""
    match = _SCHEME.match(name)
    return match[1].lower() if match else None


def local_path(name: str) -> Path | None:
    """The path behind a local path or file:// URL; None for any other URL.

    A file:// URL is taken as it stands where such a file exists, else with its %xx decoded.
    """
    protocol = scheme(name)
    if protocol is None:
        return Path(name)
    if protocol not in _LOCAL_SCHEMES or "::" in name:
        return None
    rest = name.partition("://")[2]
    return Path(rest) if os.path.lexists(rest) else Path(os.fsdecode(unquote_to_bytes(rest)))


def local_name(path: str) -> str:
    """The absolute path as text that any table can hold: a file:// URL where the name is not valid Unicode."""
    absolute = os.path.abspath(path)
    try:
        absolute.encode()
    except UnicodeEncodeError:
        return Path(absolute).as_uri()
    return absolute


def filesystem(url: str) -> tuple[AbstractFileSystem, str]:
    """The fsspec file system of a URL and the path in it.

    Raises:
        UserError: the protocol is unknown, or its driver is not installed.
    """
    protocol = scheme(url) or "file"
    try:
        fs, path = fsspec.core.url_to_fs(url, **_options(protocol))
    except ImportError as error:
        raise UserError(f"{shown(url)}: {missing_driver(protocol) or error}") from error
    except ValueError as error:
        if protocol in fsspec.available_protocols():
            raise UserError(f"{shown(url)}: {error}") from error
        hint = did_you_mean(protocol, fsspec.available_protocols()).partition("; known")[0]
        raise UserError(f'{shown(url)}: unknown protocol "{protocol}"{hint}') from error
    return fs, str(path)


def missing_driver(protocol: str) -> str | None:
    """What to install before this protocol can be read; None when nothing is missing, or it is not known at all."""
    try:
        fsspec.get_filesystem_class(protocol)
    except ImportError as error:
        extra = _EXTRAS.get(protocol)
        return (
            f"its driver is not installed: pip install 'curation[{extra}]'" if extra else " ".join(str(error).split())
        )
    except ValueError:
        return None
    return None


def shown(name: str) -> str:
    """A name for a message of one line: control characters escaped."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in name)


def _options(protocol: str) -> dict[str, Any]:
    options: dict[str, Any] = {"use_listings_cache": False}
    if protocol in ("http", "https"):
        import aiohttp

        # aiohttp's default ends every download after five minutes, however well it goes.
        options["client_kwargs"] = {"timeout": aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=60)}
    return options
