"""Writing one filter into a text of YAML that a person keeps: everything else stays as it is, comments too."""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from curation.config.document import parse
from curation.errors import UserError
from curation.filters import Filter, filter_of
from curation.tune.line_ends import with_ends_of, without_dos
from curation.tune.yaml_lines import Entry, compose, entries, items
from curation.tune.yaml_rules import RULES, rule_lines, rules_edited

FILTERS, DESCRIPTION, EXTENDS = "filters", "description", "extends"
INDENT = 2
_ODD_LINE_ENDS = re.compile("[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")


def with_filter(text: str, filter: Filter, label: str) -> str:
    """``text`` with the filter under ``filters:``, in the place of one that has its name.

    Only lines of that filter are written: of one that is there, those of rules that are not as they were. A comment
    that has a line of its own always stays. What is laid out in a way that cannot be edited by lines, such as
    ``filters: {…}``, is written anew by ruamel.yaml, which keeps comments but not every space.

    Raises:
        UserError: the text is not valid YAML; ``label`` names it; it uses anchors so that it cannot be edited safely.
    """
    data = parse(text, label).data or {}
    if not isinstance(data, dict) or not isinstance(data.get(FILTERS) or {}, dict):
        raise UserError(f"{label}: should hold the sections pipelines, filters and recipes")
    for edit in (_by_lines, _by_ruamel):
        edited = edit(without_dos(text), filter)
        if edited is not None and _differs_only_in(filter, edited, data):
            return with_ends_of(text, edited)
    raise UserError(f"{label}: cannot be edited without changing other parts; save under another name, or by hand")


def _differs_only_in(filter: Filter, edited: str, before: Mapping[str, Any]) -> bool:
    """Whether the edited text says the same as before, but for that filter, which it says in full."""
    try:
        data = parse(edited, "").data
        written = filter_of(filter.name, data[FILTERS].pop(filter.name))
    except UserError:
        return False
    others = {name: values for name, values in (before.get(FILTERS) or {}).items() if name != filter.name}
    return bool(written == filter and data == {**before, FILTERS: others})


def _by_ruamel(text: str, filter: Filter) -> str | None:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    editor = YAML()
    editor.preserve_quotes = True
    editor.width = 4096
    editor.indent(mapping=INDENT, sequence=2 * INDENT, offset=INDENT)
    try:
        data = editor.load(text) or {}
        if not data.get(FILTERS):
            data[FILTERS] = {}
        data[FILTERS][filter.name] = filter.to_dict()
        out = io.StringIO()
        editor.dump(data, out)
    except (YAMLError, AttributeError, TypeError):
        return None
    return out.getvalue()


def _by_lines(text: str, filter: Filter) -> str | None:
    """None where the layout does not allow it."""
    if _ODD_LINE_ENDS.search(text):
        return None
    lines = text.splitlines()
    root = compose(text)
    if root is None:
        return _joined([*lines, *([""] if lines else []), f"{FILTERS}:", *_block(filter, INDENT)])
    sections = entries(root, lines)
    if sections is None:
        return None
    if FILTERS not in sections:
        return _joined([*lines, "", f"{FILTERS}:", *_block(filter, INDENT)])
    section = sections[FILTERS]
    there = entries(section.value, lines)
    if there is None:
        return _into_empty(lines, section, filter)
    if filter.name in there:
        return _replaced(lines, there[filter.name], filter)
    column = next(iter(there.values())).column
    end = _end_of_comments(lines, max(entry.last for entry in there.values()) + 1, section.column)
    return _joined([*lines[:end], "", *_block(filter, column), *lines[end:]])


def _end_of_comments(lines: list[str], start: int, column: int) -> int:
    """Where the comments end that follow a section and stand deeper than its key at ``column``: they belong to it."""
    end = start
    for number in range(start, len(lines)):
        line = lines[number]
        if line.strip() and not (line.lstrip().startswith("#") and len(line) - len(line.lstrip()) > column):
            break
        end = number + 1 if line.strip() else end
    return end


def _into_empty(lines: list[str], section: Entry, filter: Filter) -> str | None:
    """``filters:`` or ``filters: {}``, with nothing in it."""
    head = lines[section.first]
    if section.value.value or section.last != section.first:
        return None
    key, colon, rest = head.partition(":")
    comment = rest[rest.index("#") :] if "#" in rest else ""
    line = f"{key}{colon}{'  ' if comment else ''}{comment}"
    block = _block(filter, section.column + INDENT)
    return _joined([*lines[: section.first], line, *block, *lines[section.first + 1 :]])


def _replaced(lines: list[str], entry: Entry, filter: Filter) -> str | None:
    """The filter that is there with what is different in it."""
    parts = entries(entry.value, lines)
    old_rules = None if parts is None or RULES not in parts else items(parts[RULES].value, lines)
    if parts is None or old_rules is None:
        return _joined([*lines[: entry.first], *_block(filter, entry.column), *lines[entry.last + 1 :]])
    edits: list[tuple[int, int, list[str]]] = []
    first = next(iter(parts.values()))
    if EXTENDS in parts:
        edits.append((parts[EXTENDS].first, parts[EXTENDS].last + 1, []))
    edits += _description(parts, filter, first, lines)
    edits.append(rules_edited(lines, parts[RULES], old_rules, filter))
    for start, end, new in sorted(edits, key=lambda edit: edit[:2], reverse=True):
        lines = [*lines[:start], *new, *lines[end:]]
    return _joined(lines)


def _description(
    parts: Mapping[str, Entry], filter: Filter, first: Entry, lines: list[str]
) -> list[tuple[int, int, list[str]]]:
    new = []
    if filter.description:
        new = textwrap.indent(_dumped({DESCRIPTION: filter.description}), " " * first.column).splitlines()
    old = parts.get(DESCRIPTION)
    if old is None:
        return [(first.first, first.first, new)] if new else []
    same = isinstance(old.value, yaml.ScalarNode) and old.value.value == filter.description
    return [] if same else [(old.first, old.last + 1, new)]


def _block(filter: Filter, column: int) -> list[str]:
    """A filter from its name on, at ``column``."""
    body = [_dumped({filter.name: None}).removesuffix(" null\n")]
    if filter.description:
        body += textwrap.indent(_dumped({DESCRIPTION: filter.description}), " " * INDENT).splitlines()
    rules = [line for rule in filter.rules for line in rule_lines(rule, 2 * INDENT)]
    body += [f"{' ' * INDENT}{RULES}:", *rules] if rules else [f"{' ' * INDENT}{RULES}: []"]
    return [f"{' ' * column}{line}".rstrip() for line in body]


def _dumped(values: Mapping[str, Any]) -> str:
    return str(yaml.safe_dump(dict(values), allow_unicode=True, width=1000))


def _joined(lines: Sequence[str]) -> str:
    return "\n".join(lines) + "\n"
