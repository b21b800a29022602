"""`quickstart` on the sample video, as the README runs it: what is known of this film is found."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import duckdb
import pytest

FPS = Fraction(24)
HARD_CUTS = [593, 864, 900, 988, 1049]
FADES_NEAR = [240, 330, 775, 1230]
# Clips that show a title or a credit in their first, middle or last frame, by a time that lies within them.
WITH_TEXT = [4.0, 20.0, 54.0]


@pytest.fixture(scope="module")
def dataset(trailer_dataset: Path) -> Path:
    return trailer_dataset


def test_cuts_to_the_frame_and_fades(dataset: Path) -> None:
    marks = duckdb.sql(
        f"SELECT mark.kind, mark.start_s, mark.end_s FROM "
        f"(SELECT unnest(transitions) AS mark FROM '{dataset}/videos/*.parquet')"
    ).fetchall()
    assert [round(start * FPS) for kind, start, _ in marks if kind == "cut"] == HARD_CUTS
    gradual = [(start * FPS, end * FPS) for kind, start, end in marks if kind != "cut"]
    for near in FADES_NEAR:
        assert any(start - 12 <= near <= end + 12 for start, end in gradual), near


def test_no_clip_holds_two_shots(dataset: Path) -> None:
    spans = duckdb.sql(f"SELECT start_s, end_s, verified FROM '{dataset}/clips/*.parquet' ORDER BY start_s").fetchall()
    assert spans
    assert all(verified for *_, verified in spans)
    for start, end, _ in spans:
        assert not any(round(start * FPS) < boundary < round(end * FPS) for boundary in HARD_CUTS + FADES_NEAR), start


def test_clips_with_titles_have_the_largest_text_area(dataset: Path) -> None:
    rows = duckdb.sql(
        f"SELECT start_s, end_s, text_area, motion_score FROM '{dataset}/clips/*.parquet' "
        f"JOIN '{dataset}/annotations/text_detection/*.parquet' USING (clip_id) "
        f"JOIN '{dataset}/annotations/optical_flow/*.parquet' USING (clip_id)"
    ).fetchall()
    titled = [area for start, end, area, _ in rows if any(start <= time < end for time in WITH_TEXT)]
    plain = [area for start, end, area, _ in rows if not any(start <= time < end for time in WITH_TEXT)]
    assert len(titled) == len(WITH_TEXT)
    assert min(titled) > 0
    assert sum(titled) / len(titled) > sum(plain) / len(plain)
    still = min(rows, key=lambda row: row[3])
    assert still[0] > 50, "the closing title card is the stillest clip"
