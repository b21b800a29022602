"""Which clips a report shows: those nearest to each threshold, on both sides of it, and some of all that are kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from curation.filters.evaluate import Verdicts
from curation.filters.table import Mask
from curation.report.thresholds import Threshold

SEED = 0
# Of all clips that are shown; a page of that many stays below 10 MB.
MOST_SHOWN = 240


@dataclass(frozen=True)
class Sample:
    """Some clips. ``clips``: their places in the table; ``alone``: whether no other rule has a part in their fate, so
    that they would change sides with this threshold."""

    clips: tuple[int, ...]
    alone: bool = True


@dataclass(frozen=True)
class Around:
    """The clips nearest to a threshold, the nearest first."""

    threshold: Threshold
    dropped: Sample
    kept: Sample


@dataclass(frozen=True)
class DroppedBy:
    """Some clips that a rule without a threshold drops."""

    rule: int
    label: str
    dropped: Sample


@dataclass(frozen=True)
class Samples:
    """All clips that a report shows. ``kept``: random ones that the filter keeps; without a filter any."""

    around: tuple[Around, ...]
    dropped_by: tuple[DroppedBy, ...]
    kept: tuple[int, ...]

    def places(self) -> list[int]:
        """Places of all clips in the table, each once."""

        def all_of() -> Iterator[Iterable[int]]:
            for around in self.around:
                yield around.dropped.clips
                yield around.kept.clips
            for rule in self.dropped_by:
                yield rule.dropped.clips
            yield self.kept

        return list(dict.fromkeys(place for some in all_of() for place in some))


def choose(verdicts: Verdicts | None, found: Sequence[Threshold], num_clips: int, size: int) -> Samples:
    """``size``: clips on each side of a threshold, and twice that many random ones; fewer with many rules."""
    random = np.random.default_rng(SEED)
    if verdicts is None:
        return Samples((), (), _some(np.arange(num_clips), min(2 * size, MOST_SHOWN), random))
    ruled = {threshold.rule for threshold in found}
    others = [place for place in range(len(verdicts.rules)) if place not in ruled]
    sides = 2 * len(found) + len(others) + 2
    size = min(size, MOST_SHOWN // sides)
    return Samples(
        tuple(_around(threshold, verdicts, size) for threshold in found),
        tuple(_dropped_by(place, verdicts, size, random) for place in others),
        _some(np.flatnonzero(verdicts.kept), 2 * size, random),
    )


def _around(threshold: Threshold, verdicts: Verdicts, size: int) -> Around:
    dropped, others = verdicts.rules[threshold.rule].dropped, _others(verdicts, threshold.rule)
    outside = dropped & (threshold.margin < 0)
    inside = ~dropped & (threshold.margin >= 0)
    distance = np.abs(threshold.margin)
    return Around(threshold, _nearest(outside, others, distance, size), _nearest(inside, others, distance, size))


def _nearest(side: Mask, others: Mask, distance: npt.NDArray[np.float64], size: int) -> Sample:
    """``others``: bool [clips], whether another rule drops a clip; such clips are taken where there are none else."""
    alone = side & ~others
    is_alone = bool(alone.any()) or not side.any()
    clips = np.flatnonzero(alone if is_alone else side)
    nearest = clips[np.argsort(distance[clips], kind="stable")[:size]]
    return Sample(tuple(nearest.tolist()), is_alone)


def _dropped_by(place: int, verdicts: Verdicts, size: int, random: np.random.Generator) -> DroppedBy:
    dropped = verdicts.rules[place].dropped
    alone = dropped & ~_others(verdicts, place)
    is_alone = bool(alone.any()) or not dropped.any()
    label = verdicts.resolved.rules[place].rule.label
    clips = np.flatnonzero(alone if is_alone else dropped)
    return DroppedBy(place, label, Sample(_some(clips, size, random), is_alone))


def _others(verdicts: Verdicts, rule: int) -> Mask:
    """Whether any rule but this one drops a clip."""
    others: Mask = verdicts.num_reasons > verdicts.rules[rule].dropped
    return others


def _some(clips: npt.NDArray[np.intp], size: int, random: np.random.Generator) -> tuple[int, ...]:
    return tuple(np.sort(random.choice(clips, min(size, len(clips)), replace=False)).tolist())
