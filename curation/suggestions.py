"""The end of a message about an unknown name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``; did you mean "fps"?`` when a known name is close, else ``; known: a, b``, else nothing."""
    names = sorted(known)
    by_folded = {other.casefold(): other for other in names}
    close = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    if close:
        return f'; did you mean "{by_folded[close[0]]}"?'
    return f"; known: {', '.join(names)}" if names else ""
