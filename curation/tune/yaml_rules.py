"""The list of rules of a filter in a text of YAML: lines of rules that did not change stay as they are."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import yaml

from curation.errors import UserError
from curation.filters import ColumnRule, Filter, Rule, filter_of, to_yaml
from curation.tune.yaml_lines import Entry, compose

RULES = "rules"


def rules_edited(lines: list[str], part: Entry, old: Sequence[Entry], filter: Filter) -> tuple[int, int, list[str]]:
    """The lines of the list of rules: of each rule that is as it was, its own ones."""
    column = old[0].column
    there = [_read(item.value) for item in old]
    start = old[0].first
    left = list(range(len(old)))
    body: list[str] = []
    done = start

    def comments_before(place: int) -> None:
        """Lines between rules, as far as they have not been written yet."""
        nonlocal done
        for number in range(done, old[place].first):
            if not any(entry.first <= number <= entry.last for entry in old):
                body.append(lines[number])
        done = max(done, old[place].last + 1)

    for rule in filter.rules:
        place = _match(rule, there, left)
        if place is None:
            body += rule_lines(rule, column)
            continue
        left.remove(place)
        comments_before(place)
        own = lines[old[place].first : old[place].last + 1]
        body += own if there[place] == rule else _with_comment(rule_lines(rule, column), own)
    for place in range(len(old)):
        comments_before(place)
    return start, part.last + 1, body


def _read(item: yaml.Node) -> Rule | None:
    """A rule as it stands in the text; None where it is null, to take an inherited one away, or wrong."""
    try:
        (rule,) = filter_of("x", {RULES: [yaml.SafeLoader("").construct_document(item)]}).rules
    except UserError:
        return None
    return rule


def _match(rule: Rule, there: Sequence[Rule | None], left: Sequence[int]) -> int | None:
    """Which of the rules that are left this one is, or takes the place of."""
    same = [place for place in left if there[place] == rule]
    alike = [place for place in left if _subject(there[place]) == _subject(rule) is not None]
    return next(iter([*same, *alike]), None)


def _subject(rule: Rule | None) -> tuple[str, str] | None:
    """What a rule has in common with one that takes its place."""
    if isinstance(rule, ColumnRule):
        return "column", rule.column
    return None if rule is None or rule.name is None else ("sql", rule.name)


def _with_comment(new: list[str], old: list[str]) -> list[str]:
    """The comment at the end of the old line, where it was one line and the new one is."""
    if len(new) == len(old) == 1:
        token_end = _end_of_value(old[0])
        comment = old[0][token_end:].strip()
        if comment.startswith("#"):
            return [f"{new[0]} {comment}"]
    return new


def _end_of_value(line: str) -> int:
    node = compose(line.lstrip())
    assert node is not None
    return len(line) - len(line.lstrip()) + max(_columns(node))


def _columns(node: yaml.Node) -> list[int]:
    """Where the parts of a value that stands on one line end."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style:
        return [end for child in _flat(node) for end in _columns(child)]
    return [node.end_mark.column]


def _flat(node: yaml.CollectionNode) -> list[yaml.Node]:
    return [part for child in node.value for part in (child if isinstance(child, tuple) else (child,))]


def rule_lines(rule: Rule, column: int) -> list[str]:
    """An item of the list of rules, as `to_yaml` writes it."""
    whole = to_yaml(Filter("x", (rule,)))
    item = textwrap.dedent(whole.partition(f"{RULES}:\n")[2])
    return textwrap.indent(item, " " * column).rstrip("\n").splitlines()
