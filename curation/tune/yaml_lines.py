"""Where things stand in a YAML text: lines that can be replaced while all others stay as they are, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml


@dataclass(frozen=True)
class Entry:
    """A key with its value, or an item of a list. ``first`` and ``last``: its lines, counted from 0; ``column``: where
    the key, or the dash of the item, stands; ``value``: the node."""

    first: int
    last: int
    column: int
    value: yaml.Node


def compose(text: str) -> yaml.Node | None:
    """The tree of a text that is known to be one YAML document."""
    loader = yaml.SafeLoader(text)
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


def entries(node: yaml.Node | None, lines: list[str]) -> dict[str, Entry] | None:
    """The entries of a mapping in block style by key; None for any other node."""
    if not isinstance(node, yaml.MappingNode) or node.flow_style or not node.value:
        return None
    return {
        key.value: Entry(key.start_mark.line, last_line(value, lines), key.start_mark.column, value)
        for key, value in node.value
    }


def items(node: yaml.Node, lines: list[str]) -> list[Entry] | None:
    """The items of a list in block style, each beginning on a line of its own; None for any other node."""
    if not isinstance(node, yaml.SequenceNode) or node.flow_style or not node.value:
        return None
    found = []
    for item in node.value:
        line = item.start_mark.line
        dash = len(lines[line]) - len(lines[line].lstrip())
        if not lines[line].lstrip().startswith("- "):
            return None
        found.append(Entry(line, last_line(item, lines), dash, item))
    return found


def last_line(node: yaml.Node, lines: list[str]) -> int:
    """The last line that holds a part of the value: comments and empty lines after it are not part of it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        return max(last_line(child, lines) for child in _children(node))
    end = node.end_mark
    last = end.line if end.column or end.line == node.start_mark.line else end.line - 1
    # A text in block style ends where the next thing begins.
    while last > node.start_mark.line and isinstance(node, yaml.ScalarNode) and _is_empty(lines[last]):
        last -= 1
    return int(last)


def _children(node: yaml.CollectionNode) -> Iterator[Any]:
    for child in node.value:
        yield from child if isinstance(child, tuple) else (child,)


def _is_empty(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")
