"""Texts of a dataset as a page can show them: of bounded length, on one line, without secrets of URLs."""

from __future__ import annotations

import re

from curation.sources.location import scheme, shown

LONGEST = 200
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]*@")


def clipped(text: object, most: int = LONGEST) -> str:
    """The text on one line, control characters escaped, its end left out where it is longer than ``most``."""
    line = shown(" ".join(str(text)[: 8 * most].split()))
    return line if len(line) <= most else f"{line[: most - 1]}…"


def source_name(source: str) -> str:
    """A source as it may be passed on: without the user, password and query (signatures) of a URL."""
    if scheme(source) is not None:
        source = _CREDENTIALS.sub("", source.partition("?")[0].partition("#")[0])
    return source


def base_name(source: str) -> str:
    """The last part of a path or URL."""
    return source_name(source).rstrip("/").rsplit("/", 1)[-1]
