"""Which columns statistics are about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from curation.dataset.column_types import kind_of
from curation.dataset.journal import VIDEOS
from curation.dataset.wide import DURATION, VIDEO_PREFIX, Column
from curation.errors import UserError
from curation.suggestions import did_you_mean

OF_THE_CLIP = (DURATION, "fps", "width", "height")
ERROR_SUFFIX = "_error"


def scores(known: Mapping[str, Column]) -> list[str]:
    """Numbers that annotators wrote or a manifest brought, and the clip's own that filters are made of."""
    numbers = [column for column in known.values() if kind_of(column.type) == "number"]
    annotated = [column.name for column in numbers if column.stage is not None]
    carried = [column.name for column in numbers if column.table == VIDEOS and not column.name.startswith(VIDEO_PREFIX)]
    return [*annotated, *carried, *(name for name in OF_THE_CLIP if name in known)]


def chosen(names: Sequence[str], known: Mapping[str, Column]) -> list[str]:
    """``names``, checked.

    Raises:
        UserError: there is no such column, or it holds no numbers.
    """
    numbers = [column.name for column in known.values() if kind_of(column.type) == "number"]
    for name in names:
        if name not in known:
            raise UserError(f"--column {name}: no such column{did_you_mean(name, numbers)}")
        if name not in numbers:
            raise UserError(
                f"--column {name}: holds no numbers ({known[name].type}); name one of: {', '.join(scores(known))}"
            )
    return list(dict.fromkeys(names))


def group_column(name: str, known: Mapping[str, Column]) -> str:
    """``name``, checked.

    Raises:
        UserError: there is no such column, or clips cannot be grouped by it.
    """
    if name not in known:
        raise UserError(f"--by {name}: no such column{did_you_mean(name, known)}")
    if known[name].is_nested:
        raise UserError(f"--by {name}: holds lists; clips cannot be grouped by it")
    return name


def error_column(name: str, known: Mapping[str, Column]) -> str | None:
    """The column that says why a value is missing; None where its table has none."""
    column = known[name]
    error = f"{column.stage}{ERROR_SUFFIX}"
    return error if error in known and known[error].table == column.table else None


def error_columns(names: Sequence[str], known: Mapping[str, Column]) -> list[str]:
    """Those of `error_column`, each once."""
    errors = (error_column(name, known) for name in names)
    return list(dict.fromkeys(error for error in errors if error is not None))
