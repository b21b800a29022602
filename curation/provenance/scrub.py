"""Taking names out of plain values, such as JSON."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

IN_TEXT = "(removed)"


def scrub(value: Any, names: Collection[str], texts: Collection[str] = ()) -> Any:
    """The value without ``names``: null where a text is one of them, and lists without items that are one, or an
    object with one. Texts that hold one of ``texts`` have `IN_TEXT` in its place."""
    if isinstance(value, str):
        return None if value in names else scrub_text(value, texts)
    if isinstance(value, dict):
        return {key: scrub(item, names, texts) for key, item in value.items()}
    if isinstance(value, list):
        return [scrub(item, names, texts) for item in value if not _is_about(item, names)]
    return value


def scrub_text(text: str, texts: Collection[str]) -> str:
    """The text with `IN_TEXT` in the place of each of ``texts``, the longest first."""
    for name in sorted(texts, key=len, reverse=True):
        text = text.replace(name, IN_TEXT)
    return text


def _is_about(item: Any, names: Collection[str]) -> bool:
    values = item.values() if isinstance(item, dict) else [item]
    return any(isinstance(value, str) and value in names for value in values)
