"""All intervals of a window as possible dissolves or wipes, and the few that are worth a closer look."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stages.cuts.evidence import Evidence, Floats

Ints = npt.NDArray[np.int64]

# Where between the two ends the mixture is looked at, as shares of the length.
INTERIOR = (np.arange(12) + 0.5) / 12
# Interval lengths grow by this factor; what lies between is settled when the interval is bounded.
LENGTH_STEP = 1.3


@dataclass(frozen=True)
class Hypotheses:
    """Intervals from frame ``start`` (the last before) to ``end`` (the first after), one row each.

    With A and B the pictures at the two ends and D = |B − A|² (squared levels, per pixel, over the planes):
    ``difference``: D;
    ``novelty``: D of the texture as a share of the two variances (1: unrelated pictures, 0: the same picture);
    ``fine_novelty``: the same of the fine texture;
    ``residual``: how far the frames between are from being mixtures, over D (0: exactly mixtures). The squared distance
    of a frame with weight w from the line through A and B is 0 in a dissolve, w (1 − w) D in a wipe, whose pixels
    are each of A or of B; the mean deviation from one or the other, whichever is less;
    ``nonlinearity``: mean |w − s| between the weight w of B found and the elapsed share s of the interval;
    ``backward``: how far the weight falls back on its way from 0 to 1, in total;
    ``unrest``: squared change in the quarter of the length before A and after B, over D;
    ``before``, ``after``: how far the weight has still to go before A, and goes on after B;
    ``dip``, ``fine_dip``: a mixture of unrelated pictures has less contrast than either. The loss of variance found, as
    a share of the one expected of mixtures with those weights (1: dissolve, however much moves in it; 0: none is lost).
    """

    start: Ints
    end: Ints
    difference: Floats
    novelty: Floats
    fine_novelty: Floats
    residual: Floats
    nonlinearity: Floats
    backward: Floats
    unrest: Floats
    before: Floats
    after: Floats
    dip: Floats
    fine_dip: Floats

    def taking(self, rows: npt.NDArray[np.bool_]) -> Hypotheses:
        """Only these rows."""
        return Hypotheses(*(column[rows] for column in vars(self).values()))

    def plausible(self) -> npt.NDArray[np.bool_]:
        """Rows that may be a transition: the ends differ, and the frames between lead from one to the other."""
        ends_differ = (self.novelty > 0.35) & (self.fine_novelty > 0.5)
        mixed = (self.residual < 0.5) & (self.backward < 0.3) & (self.nonlinearity < 0.35)
        bounded = (self.unrest < 1.8) & (np.abs(self.before) < 0.6) & (np.abs(self.after) < 0.6)
        return ends_differ & mixed & bounded

    def explained(self) -> Floats:
        """How much of the change is explained as one transition over exactly this interval."""
        doubt = 2 * self.residual + np.abs(self.before) + np.abs(self.after) + self.nonlinearity + self.backward
        return self.difference * (1 - doubt)


def distance(gram: Floats, first: npt.NDArray[np.int64], second: npt.NDArray[np.int64]) -> Floats:
    """Squared distances of pairs of frames, from their Gram matrix."""
    return np.asarray(np.maximum(gram[first, first] + gram[second, second] - 2 * gram[first, second], 0), np.float32)


def hypotheses(evidence: Evidence, shortest: int, longest: int) -> Hypotheses:
    """Every start with lengths from ``shortest`` to ``longest`` frames (difference of the two frame numbers)."""
    count = len(evidence.texture)
    steps = int(np.ceil(np.log(max(longest, shortest) / shortest) / np.log(LENGTH_STEP))) + 1
    lengths = sorted({min(longest, round(shortest * LENGTH_STEP**step)) for step in range(steps)})
    parts = [of_pairs(evidence, np.arange(count - length), length) for length in lengths if 2 <= length < count]
    if not parts:
        return of_pairs(evidence, np.arange(0), 2)
    columns = zip(*(vars(part).values() for part in parts), strict=True)
    return Hypotheses(*(np.concatenate(column) for column in columns))


def of_pairs(evidence: Evidence, start: Ints, length: int) -> Hypotheses:
    """The hypotheses from each of ``start`` to ``length`` frames later."""
    gram = evidence.texture + evidence.colour
    end = start + length
    times = np.unique(np.round(INTERIOR * length).astype(np.int64))
    times = times[(times > 0) & (times < length)]
    middle, first, last = start[:, None] + times[None], start[:, None], end[:, None]
    difference = distance(gram, start, end) + 1e-3

    def weight(frames: Ints) -> Floats:
        mixed = gram[frames, last] - gram[frames, first] - gram[first, last] + gram[first, first]
        return np.asarray(mixed / difference[:, None], np.float32)

    weights = weight(middle)
    off_line = np.maximum(distance(gram, middle, first) / difference[:, None] - weights**2, 0)
    off_wipe = np.abs(off_line - np.clip(weights * (1 - weights), 0, 0.25))
    margin = max(2, length // 4)
    earlier, later = np.maximum(start - margin, 0), np.minimum(end + margin, len(gram) - 1)
    share = np.clip(weights, 0, 1)

    def dip(gram: Floats) -> Floats:
        expected = share * (1 - share) * np.maximum(distance(gram, first, last), 1e-3)
        lost = (1 - share) * gram[first, first] + share * gram[last, last] - gram[middle, middle]
        return np.asarray((lost * expected).sum(axis=1) / (np.square(expected).sum(axis=1) + 1e-6), np.float32)

    return Hypotheses(
        start=start,
        end=end,
        difference=difference,
        novelty=_novelty(evidence.texture, start, end),
        fine_novelty=_novelty(evidence.fine, start, end),
        residual=np.minimum(off_line.mean(axis=1), off_wipe.mean(axis=1)),
        nonlinearity=np.abs(weights - times[None] / length).mean(axis=1),
        backward=np.maximum(-np.diff(weights, axis=1, prepend=0, append=1), 0).sum(axis=1),
        unrest=(distance(gram, earlier, start) + distance(gram, later, end)) / difference,
        before=weight(earlier[:, None])[:, 0],
        after=weight(later[:, None])[:, 0] - 1,
        dip=dip(evidence.texture),
        fine_dip=dip(evidence.fine),
    )


def _novelty(gram: Floats, start: Ints, end: Ints) -> Floats:
    return distance(gram, start, end) / (gram[start, start] + gram[end, end] + 1e-3)
