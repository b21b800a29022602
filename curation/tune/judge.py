"""What a draft of a filter keeps, fast enough to follow a hand: only the rule that moved is judged again."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.filters import (
    Amount,
    ClipTable,
    Filter,
    Funnel,
    FunnelRow,
    ResolvedRule,
    Rule,
    evaluate,
    funnel,
    resolve,
)
from curation.tune.draft import DRAFT
from curation.tune.tally import Combinations

Mask = npt.NDArray[np.bool_]
Codes = npt.NDArray[Any]

# Beyond that the table of all combinations of rules is larger than it is worth.
MOST_COUNTED = 12
CACHE_BYTES = 256 << 20
FEWEST_CACHED, MOST_CACHED = 16, 64


@dataclass(frozen=True)
class Judged:
    """What one rule says. ``dropped``: bool [clips]; ``nulls``: how many of these it drops for a null."""

    resolved: ResolvedRule
    dropped: Mask
    nulls: int


@dataclass(frozen=True)
class Verdict:
    """What rules say together. ``codes``: unsigned [clips], bit i is set where rule i drops the clip."""

    rules: tuple[Judged, ...]
    codes: Codes

    @property
    def kept(self) -> Mask:
        """[clips]: whether no rule drops it."""
        kept: Mask = self.codes == 0
        return kept

    def only(self, index: int) -> Mask:
        """[clips]: whether rule ``index`` drops it and no other does."""
        only: Mask = self.codes == self.codes.dtype.type(1 << index)
        return only


class Judge:
    """Judges the clips of a table by rules that change little from one question to the next.

    The verdict of a rule is kept until others have taken its place; so are the codes of the last question, of which
    only the bits of changed rules are set anew. May be used by several threads.
    """

    def __init__(self, table: ClipTable) -> None:
        self.table = table
        self._judged: OrderedDict[str, Judged] = OrderedDict()
        self._last: tuple[list[str], Codes] = ([], np.zeros(len(table), np.uint8))
        self._combinations = Combinations(table.seconds)
        self._lock = threading.Lock()

    def verdict(self, rules: Sequence[Rule]) -> Verdict:
        """What each rule, and all of them, say of each clip. The rules must have passed `check_filter`.

        Raises:
            UserError: SQL fails on a value of some clip.
        """
        with self._lock:
            return self._verdict(rules)

    def funnel(self, rules: Sequence[Rule]) -> Funnel:
        """As `curation.filters.funnel`, by counting combinations of rules, and only the clips whose own has changed."""
        if len(rules) > MOST_COUNTED:
            filter = Filter(DRAFT, tuple(rules))
            return funnel(evaluate(resolve(filter, self.table), self.table), self.table.seconds)
        with self._lock:
            verdict = self._verdict(rules)
            clips, seconds = self._combinations.count(verdict.codes, 1 << len(rules))
        return _funnel(verdict.rules, clips, seconds)

    def amount(self, chosen: Mask) -> Amount:
        """How many clips are chosen, and how long they are."""
        return Amount(int(np.count_nonzero(chosen)), float(np.einsum("i,i", chosen, self.table.seconds)))

    def _verdict(self, rules: Sequence[Rule]) -> Verdict:
        keys = [_key(rule) for rule in rules]
        judged = tuple(self._judge(rule, key, len(rules)) for rule, key in zip(rules, keys, strict=True))
        codes = self._codes(keys, judged)
        self._last = (keys, codes)
        return Verdict(judged, codes)

    def _judge(self, rule: Rule, key: str, num_rules: int) -> Judged:
        found = self._judged.get(key)
        if found is None:
            resolved = resolve(Filter(DRAFT, (rule,)), self.table)
            (verdict,) = evaluate(resolved, self.table).rules
            found = Judged(resolved.rules[0], verdict.dropped, int(np.count_nonzero(verdict.null)))
        self._judged[key] = found
        self._judged.move_to_end(key)
        room = max(min(CACHE_BYTES // max(len(self.table), 1), MOST_CACHED), FEWEST_CACHED, num_rules)
        while len(self._judged) > room:
            self._judged.popitem(last=False)
        return found

    def _codes(self, keys: list[str], judged: Sequence[Judged]) -> Codes:
        last_keys, last = self._last
        kind = np.min_scalar_type((1 << len(keys)) - 1 if keys else 0)
        if len(keys) != len(last_keys) or last.dtype != kind:
            last_keys, last = [""] * len(keys), np.zeros(len(self.table), kind)
        if keys == last_keys:
            return last
        codes = last.copy()
        for index, (key, before) in enumerate(zip(keys, last_keys, strict=True)):
            if key != before:
                bit = kind.type(1 << index)
                codes &= ~bit
                codes |= judged[index].dropped * bit
        return codes


def _key(rule: Rule) -> str:
    return json.dumps(rule.to_dict(), sort_keys=True, default=str)


def _funnel(judged: Sequence[Judged], clips: npt.NDArray[np.int64], seconds: npt.NDArray[np.float64]) -> Funnel:
    """``clips`` and ``seconds``: of each combination of rules that drop a clip, by its code."""
    codes = np.arange(len(clips))
    lowest = codes & -codes

    def amount(chosen: Mask) -> Amount:
        return Amount(int(clips[chosen].sum()), float(seconds[chosen].sum()))

    left = total = amount(codes >= 0)
    rows = []
    for index, rule in enumerate(judged):
        bit = 1 << index
        here = amount(lowest == bit)
        left = Amount(left.clips - here.clips, left.seconds - here.seconds)
        rows.append(
            FunnelRow(rule.resolved.rule.label, amount(codes & bit != 0), here, amount(codes == bit), left, rule.nulls)
        )
    return Funnel(total, amount(codes == 0), tuple(rows))
