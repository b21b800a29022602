"""What failed, by stage and reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from curation.dataset.duck import literal, quoted
from curation.dataset.storage import Storage
from curation.dataset.wide import CLIP_ID, SOURCE, Column, view
from curation.stats.columns import ERROR_SUFFIX

if TYPE_CHECKING:
    import duckdb

MOST_REASONS = 15


@dataclass(frozen=True)
class Failure:
    """``number`` items failed for one reason; ``example``: the source of one of them."""

    reason: str
    number: int
    example: str


@dataclass(frozen=True)
class StageFailures:
    """What failed in one stage: ``items`` ("videos" or "clips"), ``number`` of them for ``num_reasons`` reasons;
    ``reasons`` are the most frequent of these."""

    stage: str
    items: str
    number: int
    num_reasons: int
    reasons: list[Failure]


def failures(storage: Storage, known: Mapping[str, Column], videos: duckdb.DuckDBPyConnection) -> list[StageFailures]:
    """Of videos first, then of the clips in each annotation; ``videos``: the connection of `read_videos`."""
    query = "SELECT coalesce(error_stage, 'unknown stage'), error, source FROM videos WHERE status = 'failed'"
    rows = videos.sql(_by_reason(query)).fetchall()
    found = [*_stages(rows, "videos")]
    for column in known.values():
        if column.stage is not None and column.name == f"{column.stage}{ERROR_SUFFIX}":
            clips = view(storage, [known[CLIP_ID], known[SOURCE], column])
            error = quoted(column.name)
            query = f"SELECT {literal(column.stage)}, {error}, source FROM clips WHERE {error} IS NOT NULL"
            found += _stages(clips.sql(_by_reason(query)).fetchall(), "clips")
    return found


def _by_reason(items: str) -> str:
    """``items``: a query for stage, reason, source."""
    return f"""
        WITH items(stage, reason, source) AS ({items}),
        reasons AS (SELECT stage, coalesce(reason, '') AS reason, count(*) AS number, min(source) AS example
                    FROM items GROUP BY ALL)
        SELECT stage, sum(number) OVER stages, count(*) OVER stages, reason, number, example
        FROM reasons WINDOW stages AS (PARTITION BY stage)
        QUALIFY row_number() OVER (PARTITION BY stage ORDER BY number DESC, reason) <= {MOST_REASONS}
        ORDER BY 2 DESC, stage, number DESC, reason"""


def _stages(rows: list[tuple[str, int, int, str, int, str]], items: str) -> list[StageFailures]:
    found: dict[str, StageFailures] = {}
    for stage, total, num_reasons, reason, number, example in rows:
        group = found.setdefault(stage, StageFailures(stage, items, int(total), num_reasons, []))
        group.reasons.append(Failure(reason, number, example))
    return list(found.values())
