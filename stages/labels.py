"""The class label of a video as words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from curation.errors import ItemError

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def label_words(columns: Mapping[str, Any], column: str) -> str | None:
    """The label in ``column`` of a manifest in words; None where there is none.

    A name without spaces is taken apart at "_", "-" and capitals, and put into small letters: "ApplyEyeMakeup" and
    "apply_eye_makeup" give "apply eye makeup". Other labels stay as they are.

    Raises:
        ItemError: the label is not text.
    """
    value = columns.get(column)
    if value is None:
        return None
    if not isinstance(value, str):
        raise ItemError(f"the manifest's {column} is {value!r}: a label must be a name, not a number")
    text = " ".join(value.split())
    if text and " " not in text:
        words = " ".join(re.split(r"[_-]+", text)).strip()
        text = _HUMP.sub(" ", words)
        text = text.lower() if text != value else text
    return text or None
