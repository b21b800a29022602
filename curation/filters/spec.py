"""What can stand in a filter of pipelines.yaml."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StrictBool,
    StrictInt,
    model_validator,
)

from curation.config.validation import show
from curation.filters.percent import WHOLE, Percent


def _number(value: Any) -> Any:
    """YAML takes 1e-3 for a text, and yes for a truth value."""
    if isinstance(value, str):
        with suppress(ValueError):
            value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
        raise ValueError(f"should be a finite number, not {show(value)}")
    return value


# A day.
LONGEST_SQL_S = 86_400

Number = Annotated[StrictInt | float, Field(union_mode="left_to_right"), BeforeValidator(_number)]


def _value(value: Any) -> Any:
    if isinstance(value, bool | str):
        return value
    if not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
        raise ValueError(f"should be a finite number, true or false, or a text (in quotes), not {show(value)}")
    return value


Value = Annotated[Any, BeforeValidator(_value)]


def _names(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _one_or_more(names: tuple[str, ...]) -> str | list[str]:
    return names[0] if len(names) == 1 else list(names)


def _regular_expression(pattern: str) -> str:
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        pc.match_substring_regex(pa.array([""]), pattern)
    except pa.ArrowInvalid as error:
        raise ValueError(
            f"is no regular expression of RE2: {str(error).removeprefix('Invalid regular expression: ')}"
        ) from None
    return pattern


class ColumnSpec(BaseModel):
    """What a column must hold for a clip to be kept; all keys that are given count.

    A null (a failed or missing value; NaN too) is dropped unless ``nulls`` is "keep".
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    min: Number | None = Field(None, description="the least value that is kept")
    max: Number | None = Field(None, description="the greatest value that is kept")
    drop_lowest: Percent | None = Field(None, description="drop this share of the clips, those with the least values")
    drop_highest: Percent | None = Field(None, description="drop this share, those with the greatest values")
    within: Annotated[tuple[str, ...], BeforeValidator(_names), PlainSerializer(_one_or_more)] = Field(
        (), description="column or columns: each group of clips that are equal in them has its own percentiles"
    )
    in_: tuple[Value, ...] | None = Field(None, alias="in", min_length=1, description="values that are kept")
    not_in: tuple[Value, ...] | None = Field(None, min_length=1, description="values that are dropped")
    matches: Annotated[str, AfterValidator(_regular_expression)] | None = Field(
        None, description="a regular expression (RE2) that must be found in the text"
    )
    is_: StrictBool | None = Field(None, alias="is", description="the truth value that is kept")
    not_null: Literal[True] | None = Field(None, description="any value is kept, nulls are dropped")
    nulls: Literal["drop", "keep"] = Field("drop", description="what becomes of nulls")

    @model_validator(mode="after")
    def _makes_sense(self) -> ColumnSpec:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min} is more than max {self.max}: no clip could be kept")
        shares = [share.parts for share in (self.drop_lowest, self.drop_highest) if share is not None]
        if sum(shares) >= WHOLE:
            raise ValueError("drop_lowest and drop_highest together drop all clips")
        if self.within and not shares:
            raise ValueError("within needs drop_lowest or drop_highest beside it")
        if self.not_null and self.nulls == "keep":
            raise ValueError("not_null: true and nulls: keep contradict each other")
        if not self.as_written().keys() - {"nulls", "within"}:
            keys = "min, max, drop_lowest, drop_highest, in, not_in, matches, is, not_null"
            raise ValueError(f"says nothing: give it one or more of {keys}")
        return self

    def as_written(self) -> dict[str, Any]:
        """Plain values, as they would stand in YAML."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)


class SqlSpec(BaseModel):
    """A rule in SQL: an expression over the columns of one clip that is true where the clip is kept."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sql: Annotated[str, Field(min_length=1)]
    name: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    timeout_s: Annotated[float, Field(gt=0, le=LONGEST_SQL_S)] | None = None


def _one_column(item: Any) -> Any:
    if isinstance(item, dict) and ("sql" in item or len(item) == 1):
        return item
    raise ValueError(
        'a rule is one column with what is kept below it, such as "motion_score: {drop_lowest: 25%}", or "sql: …"'
    )


RuleItem = Annotated[dict[str, Any], BeforeValidator(_one_column)]


class FilterSpec(BaseModel):
    """A filter. A rule over a column that ``extends`` has rules over replaces them; null removes them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    extends: str | None = None
    description: str | None = None
    rules: Annotated[list[RuleItem], BeforeValidator(lambda value: [] if value is None else value)] = []
