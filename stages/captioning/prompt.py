"""The prompt of caption merging: a template with a named field per input."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from curation.suggestions import did_you_mean

_STEERING = re.compile(r"<\|[^|<>\s]{1,40}\|>|</?s>|\[/?INST\]|<(?:start|end)_of_turn>", re.IGNORECASE)


@dataclass(frozen=True)
class PromptTemplate:
    """A text with fields in braces, as in `str.format`: ``{coca}``. A brace itself is written twice.

    A line whose fields all have no value is left out.
    """

    text: str

    def fields(self) -> set[str]:
        """The names in braces.

        Raises:
            ValueError: a brace without its partner, or a field that is more than a name.
        """
        return {name for line in self.text.splitlines() for name in _fields(line)}

    def check(self, known: Iterable[str], given: Iterable[str]) -> None:
        """Raise a ValueError unless the template has fields, all of them ``known``, and the ``given`` ones exactly."""
        found, known, given = self.fields(), list(known), set(given)
        for name in sorted(found - set(known)):
            raise ValueError(f"unknown field {{{name}}}{did_you_mean(name, known)}")
        for name in sorted(found - given):
            raise ValueError(f"the field {{{name}}} is not among the inputs; add {name} to inputs")
        for name in sorted(given - found):
            raise ValueError(
                f"the input {name} is not used; write {{{name}}} where it belongs, or remove it from inputs"
            )

    def fill(self, values: Mapping[str, str | None]) -> str:
        """The prompt for one clip. Marks that would end a turn of the chat are taken out of the values."""
        plain = {name: _plain(value) for name, value in values.items() if value is not None}
        lines = []
        for line in self.text.splitlines():
            fields = _fields(line)
            if not fields or fields & plain.keys():
                lines.append(line.format_map({name: plain.get(name, "") for name in fields}))
        return "\n".join(lines)


def _fields(line: str) -> set[str]:
    names = set()
    for _, name, specification, conversion in string.Formatter().parse(line):
        if name is None:
            continue
        if not name.isidentifier() or specification or conversion:
            shown = f"{{{name}{'!' + conversion if conversion else ''}{':' + specification if specification else ''}}}"
            raise ValueError(f"{shown}: a field is a name in braces, and nothing else")
        names.add(name)
    return names


def _plain(value: str) -> str:
    before = None
    while before != value:
        before = value
        value = _STEERING.sub("", value)
    return " ".join(value.split())
