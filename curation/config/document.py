"""YAML with the line of every key, for messages that say where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from curation.errors import UserError

Keys = tuple[str | int, ...]

MAX_VALUES = 100_000
MAX_DEPTH = 40


@dataclass(frozen=True)
class Document:
    """A YAML text as plain values, with the line of each key and list item.

    ``label``: what stands before the line number in messages.
    """

    label: str
    data: Any
    lines: Mapping[Keys, int]

    def place(self, keys: Keys) -> str:
        """``label:line`` of a key; of the nearest key around it where it is not in the text."""
        while keys and keys not in self.lines:
            keys = keys[:-1]
        return f"{self.label}:{self.lines[keys]}" if keys else self.label


def parse(text: str, label: str) -> Document:
    """Read one YAML document. Keys must be text and stand once; anchors, aliases and merge keys work.

    Raises:
        UserError: not valid YAML, a key that stands twice, or more than `MAX_VALUES` values (aliases multiplied out).
    """
    try:
        loader = yaml.SafeLoader(text)
    except yaml.reader.ReaderError as error:
        where = f"{label}:{text.count(chr(10), 0, error.position) + 1}"
        raise UserError(f"{where}: not valid YAML: the character {error.character:#06x} is not allowed") from error
    try:
        node = loader.get_single_node()
        reader = _Reader(loader, label)
        data = None if node is None else reader.read(node, ())
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        mend = " (indent with spaces)" if "'\\t'" in str(error.problem) else ""
        raise UserError(f"{label}{line}: not valid YAML: {error.problem}{mend}") from error
    except RecursionError:
        raise UserError(f"{label}: nested too deeply") from None
    finally:
        loader.dispose()
    return Document(label, data, reader.lines)


@dataclass
class _Reader:
    loader: yaml.SafeLoader
    label: str
    lines: dict[Keys, int] = field(default_factory=dict)
    count: int = 0

    def read(self, node: yaml.Node, keys: Keys) -> Any:
        self.count += 1
        if self.count > MAX_VALUES:
            raise UserError(f"{self.label}: more than {MAX_VALUES} values (aliases multiplied out)")
        if len(keys) > MAX_DEPTH:
            raise UserError(f"{self._place(node)}: nested too deeply")
        if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
            return self._mapping(node, keys)
        if isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
            items = []
            for index, item in enumerate(node.value):
                self.lines[*keys, index] = item.start_mark.line + 1
                items.append(self.read(item, (*keys, index)))
            return items
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        raise UserError(f"{self._place(node)}: the tag {node.tag} is not supported here")

    def _mapping(self, node: yaml.MappingNode, keys: Keys) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        first_line: dict[str, int] = {}
        for key_node, value_node in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                for parent in reversed(value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]):
                    values = self.read(parent, keys)
                    if not isinstance(values, dict):
                        raise UserError(f"{self._place(key_node)}: << must name a mapping, or a list of mappings")
                    merged.update(values)
                continue
            key = self._scalar(key_node) if isinstance(key_node, yaml.ScalarNode) else None
            if not isinstance(key, str):
                raise UserError(f"{self._place(key_node)}: a key must be text; put it in quotes")
            line = key_node.start_mark.line + 1
            if key in first_line:
                raise UserError(f'{self.label}:{line}: "{key}" stands here twice, first in line {first_line[key]}')
            first_line[key] = line
            own[key] = value_node
        for key, value_node in own.items():
            self.lines[*keys, key] = first_line[key]
            own[key] = self.read(value_node, (*keys, key))
        return {**merged, **own}

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        try:
            return self.loader.construct_object(node)
        except ValueError as error:
            raise UserError(f"{self._place(node)}: {node.value}: {error}; put it in quotes if it is text") from error

    def _place(self, node: yaml.Node) -> str:
        return f"{self.label}:{node.start_mark.line + 1}"
