"""The funnel: what each rule drops, alone, at its place among the others, and that no other does."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.filters.evaluate import Verdicts
from curation.filters.table import Mask


@dataclass(frozen=True)
class Amount:
    """A number of clips and how long they are together."""

    clips: int
    seconds: float

    @property
    def hours(self) -> float:
        """Their length in hours."""
        return self.seconds / 3600


@dataclass(frozen=True)
class FunnelRow:
    """One rule. ``alone``: what it drops whatever the others do; ``here``: what is left of that after the rules before
    it; ``only``: what no other rule drops; ``left``: what is kept after it and the rules before it; ``nulls``: the
    clips of ``alone`` that it drops because the value is null."""

    label: str
    alone: Amount
    here: Amount
    only: Amount
    left: Amount
    nulls: int


@dataclass(frozen=True)
class Funnel:
    """``total``: all clips of the dataset; ``kept``: those that no rule drops; a row per rule, in order."""

    total: Amount
    kept: Amount
    rows: tuple[FunnelRow, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def funnel(verdicts: Verdicts, seconds: npt.NDArray[np.float64]) -> Funnel:
    """The funnel of a filter; ``seconds``: float64 [clips], the length of each clip."""
    total = Amount(len(seconds), float(seconds.sum()))
    num_rules = len(verdicts.rules)
    first = verdicts.first
    here = _amounts(first, seconds, num_rules)
    only = _amounts(np.where(verdicts.num_reasons == 1, first, -1), seconds, num_rules)
    rows = []
    left = total
    for index, (verdict, rule) in enumerate(zip(verdicts.rules, verdicts.resolved.rules, strict=True)):
        left = Amount(left.clips - here[index].clips, left.seconds - here[index].seconds)
        alone = _amount(verdict.dropped, seconds)
        nulls = int(np.count_nonzero(verdict.null))
        rows.append(FunnelRow(rule.rule.label, alone, here[index], only[index], left, nulls))
    return Funnel(total, _amount(verdicts.kept, seconds), tuple(rows))


def _amount(chosen: Mask, seconds: npt.NDArray[np.float64]) -> Amount:
    return Amount(int(np.count_nonzero(chosen)), float(np.einsum("i,i", chosen, seconds)))


def _amounts(rule: npt.NDArray[np.int16], seconds: npt.NDArray[np.float64], num_rules: int) -> list[Amount]:
    """Per rule the clips that have its number in ``rule``; −1 is none."""
    numbers = rule.astype(np.intp) + 1
    clips = np.bincount(numbers, minlength=num_rules + 1)[1:]
    lengths = np.bincount(numbers, weights=seconds, minlength=num_rules + 1)[1:]
    return [Amount(int(number), float(length)) for number, length in zip(clips, lengths, strict=True)]
