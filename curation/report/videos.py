"""What a report says of the source videos."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from curation.dataset.duck import connect, quoted, scan
from curation.dataset.journal import VIDEOS
from curation.dataset.schema import VIDEOS as VIDEOS_SCHEMA
from curation.dataset.storage import Storage

if TYPE_CHECKING:
    import duckdb

# Heading → the value that videos are counted by, in SQL.
COUNTED_BY = {
    "Codecs": quoted("codec"),
    "Containers": quoted("container"),
    "Resolutions": "width || ' × ' || height",
    "Frame rates": "CASE WHEN is_vfr THEN 'variable' ELSE printf('%g', round(fps, 2)) || ' fps' END",
}


@dataclass(frozen=True)
class Count:
    """``label``: a value, None for none; ``number``: how many have it."""

    label: str | None
    number: int


@dataclass(frozen=True)
class VideoFacts:
    """``seconds``: of all videos that could be opened; ``without_clips``: those that did not fail and gave no clip;
    ``lost_s``: of shots, given up to snapping; ``repeated``: further sources with the content of another; ``counts``:
    per heading of `COUNTED_BY` the values, the most frequent first; ``transitions``: how many of each kind."""

    number: int
    failed: int
    seconds: float
    without_clips: int
    lost_s: float
    repeated: int
    counts: dict[str, list[Count]]
    transitions: list[Count]


def read_videos(storage: Storage) -> duckdb.DuckDBPyConnection:
    """A connection with the table ``videos``, read once; empty where the dataset has none."""
    connection = connect(storage)
    parts = storage.files(VIDEOS, ".parquet")
    if parts:
        columns = ", ".join(quoted(name) for name in VIDEOS_SCHEMA.names)
        connection.execute(f"CREATE TABLE videos AS SELECT {columns} FROM {scan(storage, parts)}")
    else:
        connection.register("videos", VIDEOS_SCHEMA.empty_table())
    return connection


def video_facts(connection: duckdb.DuckDBPyConnection) -> VideoFacts:
    """Count all source videos, whatever became of them; ``connection``: that of `read_videos`."""
    query = """SELECT count(*), count(*) FILTER (status = 'failed'), coalesce(sum(duration_s), 0)::DOUBLE,
        count(*) FILTER (status = 'ok' AND num_clips = 0), coalesce(sum(lost_s), 0)::DOUBLE,
        coalesce(sum(len(duplicates)), 0)::BIGINT FROM videos"""
    ((number, failed, seconds, without_clips, lost_s, repeated),) = connection.sql(query).fetchall()
    counts = {
        heading: _counts(connection, f"SELECT {value} AS label FROM videos WHERE codec IS NOT NULL")
        for heading, value in COUNTED_BY.items()
    }
    kinds = _counts(connection, "SELECT t.kind AS label FROM (SELECT unnest(transitions) AS t FROM videos)")
    return VideoFacts(number, failed, seconds, without_clips, lost_s, repeated, counts, kinds)


def _counts(connection: duckdb.DuckDBPyConnection, labels: str) -> list[Count]:
    query = f"SELECT label, count(*) FROM ({labels}) GROUP BY label ORDER BY count(*) DESC, label"
    return [Count(label, number) for label, number in connection.sql(query).fetchall()]
