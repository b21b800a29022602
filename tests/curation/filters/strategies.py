"""Random tables of clips and random rules over them: nulls, NaN, infinities, ties, groups, the edges of every type."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from tests.curation.filters.plain import EXPRESSIONS

TYPES = {
    "number": pa.float32(),
    "double": pa.float64(),
    "whole": pa.int64(),
    "small": pa.uint8(),
    "text": pa.string(),
    "label": pa.string(),
    "flag": pa.bool_(),
}
FLOATS = st.sampled_from([0.0, -0.0, 0.1, 0.5, 1.5, 2.0, float("nan"), float("inf"), -float("inf")])
WHOLES = st.sampled_from([-1, 0, 1, 2, 3, 2**53, 2**53 + 1, -(2**63), 2**63 - 1])
TEXTS = st.sampled_from(["", "a", "ab", "b cat", "Cat", "été", "x\ny"])
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "number": FLOATS | st.floats(width=32),
    "double": FLOATS | st.floats(),
    "whole": WHOLES | st.integers(-3, 3),
    "small": st.integers(0, 255),
    "text": TEXTS,
    "label": st.sampled_from(["cat", "dog"]),
    "flag": st.booleans(),
}
NUMBERS = ("number", "double", "whole", "small")
PERCENT = st.integers(0, 99).map(lambda number: f"{number}%") | st.sampled_from(["12.5%", "0.000001%", "99.999999%"])


@st.composite
def tables(draw: st.DrawFn, least: int = 0) -> pa.Table:
    """clip_id, duration_s and a column of each type."""
    size = draw(st.integers(least, 30))
    columns = {
        name: pa.array(draw(st.lists(st.none() | VALUES[name], min_size=size, max_size=size)), kind)
        for name, kind in TYPES.items()
    }
    ids = draw(st.permutations([f"{index:04x}" for index in range(size)]))
    seconds = [float(index % 7) for index in range(size)]
    return pa.table({"clip_id": pa.array(ids, pa.string()), "duration_s": pa.array(seconds, pa.float64()), **columns})


def rules() -> st.SearchStrategy[list[dict[str, Any]]]:
    """Lists of rules as they stand in YAML."""
    return st.lists(
        _number_rules() | _other_rules() | st.sampled_from(list(EXPRESSIONS)).map(lambda sql: {"sql": sql}), max_size=5
    )


@st.composite
def _number_rules(draw: st.DrawFn) -> dict[str, Any]:
    column = draw(st.sampled_from(NUMBERS))
    bounds = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0, 1, 0.1, 2, 2**53 + 1, -1, 2**64])
    spec: dict[str, Any] = {}
    chosen = draw(
        st.sets(st.sampled_from(["min", "max", "drop_lowest", "drop_highest", "in", "not_in", "not_null"]), min_size=1)
    )
    low, high = sorted([draw(bounds), draw(bounds)])
    spec |= {"min": low} if "min" in chosen else {}
    spec |= {"max": high} if "max" in chosen else {}
    members = st.lists(bounds | VALUES["small"], min_size=1, max_size=3)
    spec |= {key: draw(members) for key in ("in", "not_in") if key in chosen}
    if "drop_lowest" in chosen:
        spec["drop_lowest"] = draw(PERCENT)
    elif "drop_highest" in chosen:
        spec["drop_highest"] = draw(PERCENT)
    if spec.keys() & {"drop_lowest", "drop_highest"}:
        within = draw(st.lists(st.sampled_from(["label", "flag", "small"]), unique=True, max_size=2))
        spec |= {"within": within} if within else {}
    if "not_null" in chosen or not spec:
        spec["not_null"] = True
    elif draw(st.booleans()):
        spec["nulls"] = "keep"
    return {column: spec}


@st.composite
def _other_rules(draw: st.DrawFn) -> dict[str, Any]:
    column, key, values = draw(
        st.sampled_from(
            [
                ("text", "in", st.lists(TEXTS, min_size=1)),
                ("text", "not_in", st.lists(TEXTS, min_size=1)),
                ("text", "matches", st.sampled_from(["a", "^a$", "(?i)cat", "[bé]", "^$", "."])),
                ("flag", "is", st.booleans()),
                ("label", "not_null", st.just(True)),
            ]
        )
    )
    nulls = {"nulls": "keep"} if key != "not_null" and draw(st.booleans()) else {}
    return {column: {key: draw(values), **nulls}}
