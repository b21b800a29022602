"""Which clips are shown, and where thresholds are, against plain Python on random tables and rules."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from curation.filters import ClipTable, evaluate, filter_of, resolve
from curation.report.histogram import Mark, histogram_figure
from curation.report.samples import choose
from curation.report.scores import bin_edges, counted
from curation.report.thresholds import thresholds
from curation.stats.distribution import distribution

VALUES = st.one_of(st.none(), st.integers(-4, 4).map(float), st.floats(-5, 5, width=32))
ROWS = st.lists(st.tuples(VALUES, VALUES, st.sampled_from("ab")), min_size=1, max_size=40)
SPECS = st.sampled_from(
    [
        {"min": -1.5},
        {"max": 2},
        {"min": -2, "max": 2, "nulls": "keep"},
        {"drop_lowest": "25%"},
        {"drop_highest": "40%", "min": -3},
        {"drop_lowest": "30%", "within": "group"},
        {"not_null": True},
    ]
)
SIZE = 3


def table_of(rows: Sequence[tuple[float | None, float | None, str]]) -> ClipTable:
    columns = {
        "clip_id": [f"{place:03}" for place in range(len(rows))],
        "duration_s": [1.0] * len(rows),
        "a": pa.array([row[0] for row in rows], pa.float32()),
        "b": pa.array([row[1] for row in rows], pa.float32()),
        "group": [row[2] for row in rows],
    }
    return ClipTable.of(pa.table(columns))


@given(ROWS, SPECS, SPECS)
def test_shown_clips_are_the_nearest_ones(
    rows: list[tuple[float | None, float | None, str]], first: dict[str, object], second: dict[str, object]
) -> None:
    table = table_of(rows)
    verdicts = evaluate(resolve(filter_of("f", {"rules": [{"a": first}, {"b": second}]}), table), table)
    found = thresholds(verdicts, table)
    samples = choose(verdicts, found, len(table), SIZE)
    for around in samples.around:
        threshold = around.threshold
        dropped = verdicts.rules[threshold.rule].dropped
        other = verdicts.rules[1 - threshold.rule].dropped
        outside = [p for p in range(len(rows)) if threshold.margin[p] < 0]
        inside = [p for p in range(len(rows)) if threshold.margin[p] >= 0 and not dropped[p]]
        assert dropped[outside].all()
        for sample, side in ((around.dropped, outside), (around.kept, inside)):
            alone = [p for p in side if not other[p]]
            assert sample.alone == (bool(alone) or not side)
            chosen = alone or side
            nearest = sorted(chosen, key=lambda p: (abs(threshold.margin[p]), p))[:SIZE]
            assert list(sample.clips) == nearest
    assert set(samples.kept) <= set(np.flatnonzero(verdicts.kept))
    assert len(samples.kept) == min(2 * SIZE, int(verdicts.kept.sum()))
    ruled = {threshold.rule for threshold in found}
    assert [row.rule for row in samples.dropped_by] == [place for place in (0, 1) if place not in ruled]


@given(ROWS, SPECS)
def test_thresholds_divide_as_the_rule_does(
    rows: list[tuple[float | None, float | None, str]], spec: dict[str, object]
) -> None:
    table = table_of(rows)
    verdicts = evaluate(resolve(filter_of("f", {"rules": [{"a": spec}]}), table), table)
    found = thresholds(verdicts, table)
    for place in np.flatnonzero(~table.missing("a")):
        inside = all(threshold.margin[place] >= 0 for threshold in found)
        assert inside == (not verdicts.rules[0].dropped[place])
    assert all(math.isnan(threshold.margin[p]) for threshold in found for p in np.flatnonzero(table.missing("a")))


@given(st.lists(st.floats(-1e6, 1e6, width=32), max_size=60), st.lists(st.floats(-1e6, 1e6), max_size=2))
def test_every_value_is_in_one_bin(values: list[float], bounds: list[float]) -> None:
    ordered = np.sort(np.array(values, np.float32))
    edges = bin_edges(distribution(ordered, 0, 0), bounds)
    if not values:
        assert len(edges) == 0
        return
    assert (np.diff(edges) > 0).all()
    counts = counted(ordered, edges)
    assert counts.sum() == len(values)
    for place, count in enumerate(counts[1:-1], start=1):
        assert count == sum(edges[place] <= value < edges[place + 1] for value in ordered.astype(np.float64))
    near = [bound for bound in bounds if edges[0] < bound < edges[-1]]
    if bounds and near[:1] == bounds[:1]:
        assert np.abs(edges - bounds[0]).min() < 1e-6 * (edges[-1] - edges[0])


@given(st.lists(st.integers(-50, 2000), min_size=1, max_size=60), st.lists(st.floats(-60, 2100), max_size=2))
def test_edges_of_integers_are_integers(values: list[int], bounds: list[float]) -> None:
    ordered = np.sort(np.array(values, np.int32))
    edges = bin_edges(distribution(ordered, 0, 0), bounds, is_whole=True)
    assert np.array_equal(edges, np.round(edges))
    assert (np.diff(edges) > 0).all()
    counts = counted(ordered, edges)
    assert counts.sum() == len(values)
    for bound in bounds[:1]:
        if edges[0] < bound < edges[-1] and len(edges) > 2:
            assert sum(value >= bound for value in values) == counts[edges[:-1] >= bound].sum()


def test_labels_do_not_overlap() -> None:
    marks = [Mark(value, value, "threshold", "left") for value in (4.0, 4.1, 4.2, 9.0)] + [Mark(99, 99, "far", "right")]
    drawn = histogram_figure("Scores", np.linspace(0, 10, 5), np.array([1, 5, 2, 0]), marks=marks, description="4 bins")
    texts = [element for element in ElementTree.fromstring(drawn.svg).iter("text") if "thres" in (element.text or "")]
    places = [(float(text.attrib["x"]), float(text.attrib["y"])) for text in texts]
    assert len({height for _, height in places}) == 3
    for first, second in combinations(places, 2):
        assert abs(first[1] - second[1]) > 12 or abs(first[0] - second[0]) > 60
    assert "far →" in drawn.svg
