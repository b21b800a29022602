"""Captions: how many there are, how long they are, what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from curation.dataset.column_types import kind_of
from curation.dataset.duck import quoted
from curation.dataset.storage import Storage
from curation.dataset.wide import CLIP_ID, Column, view
from curation.stats.columns import error_column

PREFIX, ORIGIN = "caption", "_source"
MOST_WORDS = 200
MOST_REPEATED = 3
# In the reason of a caption that is not there, or in where one came from instead.
REFUSED = "refus"


@dataclass(frozen=True)
class Repeated:
    """A caption that ``number`` clips have."""

    text: str
    number: int


@dataclass(frozen=True)
class CaptionFacts:
    """One column of captions. ``empty``: texts without a word; ``nulls``: clips without a text; ``refusals``: where a
    model refused to answer; ``words``: clips by the number of words of their caption, up to `MOST_WORDS`, which stands
    for more too; ``origins``: where captions came from, where the stage tells."""

    name: str
    there: int
    empty: int
    nulls: int
    refusals: int
    distinct: int
    words: dict[int, int]
    repeated: list[Repeated]
    origins: dict[str, int]


def caption_columns(known: Mapping[str, Column]) -> list[str]:
    """Texts of annotators whose name begins with `PREFIX`, but for those that tell where another came from."""
    texts = [column.name for column in known.values() if column.stage is not None and kind_of(column.type) == "text"]
    origins = {f"{name}{ORIGIN}" for name in texts}
    return [name for name in texts if name.startswith(PREFIX) and name not in {*origins, error_column(name, known)}]


def caption_facts(storage: Storage, known: Mapping[str, Column], name: str) -> CaptionFacts:
    """Look at the captions of all clips."""
    error, origin = error_column(name, known), f"{name}{ORIGIN}"
    told = [other for other in (error, origin) if other is not None and other in known]
    clips = view(storage, [known[wanted] for wanted in (CLIP_ID, name, *told)])
    refused = " OR ".join(f"{quoted(column)} ILIKE '%{REFUSED}%'" for column in told) or "false"
    # What lies between spaces: to split by any white space would cost four times as much.
    words = f"least(len(string_split(trim({quoted(name)}), ' ')), {MOST_WORDS})"
    came_from = quoted(origin) if origin in told else "NULL::VARCHAR"
    clips.execute(
        f"""CREATE TEMP TABLE captions AS SELECT {quoted(name)} AS caption, {words} AS words, {came_from} AS origin,
        coalesce({refused}, false) AS refused FROM clips"""
    )
    there, empty, nulls, refusals, distinct = clips.sql(
        """SELECT count(*) FILTER (trim(caption) <> ''), count(*) FILTER (trim(caption) = ''),
        count(*) FILTER (caption IS NULL), count(*) FILTER (refused),
        count(DISTINCT caption) FILTER (trim(caption) <> '') FROM captions"""
    ).fetchall()[0]
    by_words = "SELECT words, count(*) FROM captions WHERE trim(caption) <> '' GROUP BY words ORDER BY words"
    repeated = f"""SELECT caption, count(*) FROM captions WHERE trim(caption) <> '' GROUP BY caption HAVING count(*) > 1
        ORDER BY count(*) DESC, caption LIMIT {MOST_REPEATED}"""
    origins = (
        "SELECT origin, count(*) FROM captions WHERE origin IS NOT NULL GROUP BY origin ORDER BY 2 DESC, 1 LIMIT 20"
    )
    return CaptionFacts(
        name,
        there,
        empty,
        nulls,
        refusals,
        distinct,
        dict(clips.sql(by_words).fetchall()),
        [Repeated(*row) for row in clips.sql(repeated).fetchall()],
        dict(clips.sql(origins).fetchall()),
    )
