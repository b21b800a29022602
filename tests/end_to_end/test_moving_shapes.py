"""The moving shapes of the examples, from the generator to batches of a training."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from statistics import mean

import duckdb
import numpy as np
import pytest

from models.diffusion.data import DataSettings, TrainingData

EXAMPLES = Path(__file__).parents[2] / "examples"
CONFIG = EXAMPLES / "moving_shapes.yaml"
Call = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shapes")
    command = [sys.executable, str(EXAMPLES / "moving_shapes.py"), str(folder), "--count", "24", "--seconds", "2"]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "manifest.csv"


def rows(manifest: Path) -> list[dict[str, str]]:
    with manifest.open() as file:
        return list(csv.DictReader(file))


def test_captions_say_what_is_seen(shapes: Path) -> None:
    """Colour and direction by the middle of the coloured pixels."""
    import av

    steps = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
    for row in rows(shapes):
        assert row["caption"] == f"a {row['colour']} {row['shape']} moves {row['direction']} {row['speed']}"
        with av.open(str(shapes.parent / row["path"])) as container:
            frames = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
        assert frames.shape == (32, 64, 64, 3)
        coloured = frames.max(-1).astype(int) - frames.min(-1) > 60
        places = [np.argwhere(one).mean(0)[::-1] for one in (coloured[0], coloured[-1])]
        moved = places[1] - places[0]
        assert np.argmax(np.abs(moved)) == (row["direction"] in ("up", "down"))
        assert float(moved @ steps[row["direction"]]) > 4
        strongest = frames[0][coloured[0]].mean(0)
        channels = {"red": [0], "green": [1], "blue": [2], "yellow": [0, 1]}[row["colour"]]
        assert set(np.argsort(strongest)[-len(channels) :].tolist()) == set(channels)
        border = np.concatenate([coloured[:, [0, -1]].ravel(), coloured[:, :, [0, -1]].ravel()])
        assert not border.any()  # all of the way is seen


def test_combinations_come_equally_often() -> None:
    sys.path.insert(0, str(EXAMPLES))
    try:
        from moving_shapes import videos
    finally:
        sys.path.remove(str(EXAMPLES))
    counts = Counter(video.caption for video in videos(288, 0))
    assert len(counts) == 144
    assert set(counts.values()) == {2}
    assert videos(288, 0) == videos(288, 0) != videos(288, 1)


def test_from_videos_to_batches(shapes: Path, tmp_path: Path, curation_here: Call) -> None:
    dataset, config = tmp_path / "dataset", ("--config", CONFIG)
    for words in (
        ("run", shapes, "--output", dataset, *config, "--pipeline", "shapes", "--in-process"),
        ("filter", dataset, "--filter", "shapes", *config),
        ("pack", dataset, "--filter", "shapes"),
    ):
        done = curation_here(*words)
        assert done.returncode == 0, done.stderr
    speeds = duckdb.sql(
        f"SELECT speed, avg(motion_score) AS score FROM '{dataset}/clips/*.parquet' "
        f"JOIN '{dataset}/annotations/optical_flow/*.parquet' USING (clip_id) "
        f"JOIN '{dataset}/videos/*.parquet' USING (video_id) GROUP BY speed ORDER BY score"
    ).fetchall()
    assert [speed for speed, _ in speeds] == ["slowly", "steadily", "quickly"]
    settings = DataSettings(frames=8, fps=8, sizes=((32, 32),), workers=0)
    data = TrainingData(settings, [str(dataset / "shards/shapes")], seed=0, batch_size=4)
    assert data.num_samples == 24
    assert mean(data.motion_scores().tolist()) > 0
    known = Counter(row["caption"] for row in rows(shapes))
    seen = Counter(caption for batch in islice(data.batches(0), 6) for caption in batch.captions)
    assert seen == known
