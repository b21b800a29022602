"""Planted duplicates, found by the command line with nothing that has to be downloaded."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import duckdb
import pytest

from tests.curation.video.clip_files import decoded_frames, write_clip
from tests.material.recipes import Encoding

PIPELINES = """\
pipelines:
  dedup:
    extends: quickstart
    stages:
      - clipping: {min_seconds: 0.5}
      - optical_flow: null
      - text_detection: null
      - perceptual_hash: {}
      - dedup: {}
"""
COARSE = Encoding("coarse", ".mp4", "libx264", options={"crf": "30", "preset": "ultrafast"})


@pytest.fixture
def videos(tmp_path: Path, bikes: Path) -> Path:
    """A film of five shots; the same packets in a file of other bytes; a small, brighter and coarser copy."""
    folder = tmp_path / "videos"
    folder.mkdir()
    (folder / "film.mp4").write_bytes(bikes.read_bytes())
    (folder / "other-bytes.mp4").write_bytes(bikes.read_bytes() + bytes(8))
    frames = decoded_frames(bikes, range(250)).values()
    small = [cv2.resize(frame.to_ndarray(format="rgb24"), (424, 180), interpolation=cv2.INTER_AREA) for frame in frames]
    write_clip(folder / "small.mp4", [cv2.convertScaleAbs(picture, beta=8) for picture in small], 25, encoding=COARSE)
    return folder


def duplicates(dataset: Path) -> list[tuple[str, int, str | None, int | None, float | None]]:
    """Source and clip_index of each clip, of the one that is kept in its place, and the similarity."""
    return duckdb.sql(f"""
        SELECT parse_filename(clip.source), clip.clip_index, parse_filename(kept.source), kept.clip_index,
            duplicate_similarity
        FROM '{dataset}/clips/*.parquet' AS clip JOIN '{dataset}/annotations/dedup/*.parquet' USING (clip_id)
            LEFT JOIN '{dataset}/clips/*.parquet' AS kept ON kept.clip_id = duplicate_of
        WHERE dedup_error IS NULL ORDER BY ALL
    """).fetchall()


def test_planted_duplicates(
    tmp_path: Path, videos: Path, curation_here: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    config, dataset = tmp_path / "pipelines.yaml", tmp_path / "dataset"
    config.write_text(PIPELINES)
    request = ("run", videos, "-o", dataset, "--config", config, "-p", "dedup", "--in-process")
    planned = curation_here("plan", *request[1:-1])
    assert "by=perceptual_hash, min_similarity=0.9" in planned.stdout
    done = curation_here(*request)
    assert done.returncode == 0, done.stderr
    assert "dedup: looking at all clips together" in done.stderr
    assert "dedup" in done.stdout
    rows = duplicates(dataset)
    kept = {(source, index) for source, index, of, _, _ in rows if of is None}
    assert len(rows) == 15
    assert sorted(index for _, index in kept) == [0, 1, 2, 3, 4]
    assert "small.mp4" not in {source for source, _ in kept}
    for source, index, of, of_index, similarity in rows:
        if of is not None:
            assert (of, of_index) in kept
            assert of_index == index
            assert (source == "small.mp4") == (0.9 <= similarity < 1)

    again = curation_here(*request)
    assert (again.returncode, again.stdout.startswith("Nothing to do")) == (0, True)
    only_equal = curation_here(
        "annotate", dataset, "--stage", "dedup", "--set", "dedup.min_similarity=1", "--in-process"
    )
    assert only_equal.returncode == 0, only_equal.stderr
    rows = duplicates(dataset)
    assert {of for source, _, of, _, _ in rows if source == "small.mp4"} == {None}
    others = [row for row in rows if row[0] != "small.mp4"]
    assert {row[:2] for row in others if row[2] is None} == kept
    assert {row[4] for row in others} == {None, 1}
