"""Which clips can stand together, and what is drawn for a sample."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from models.diffusion.data.buckets import grid_points, nearest_sizes, sort_clips
from models.diffusion.data.captions import draw_caption
from models.diffusion.data.draw import draw
from models.diffusion.data.settings import DataSettings
from models.diffusion.data.shards import Shards
from tests.models.diffusion.data.packed import MIX, Clip, clips, write_shards


@given(
    frames=st.integers(1, 500),
    fps=st.sampled_from([12.0, 23.976, 24.0, 25.0, 29.97, 60.0]),
    rate=st.sampled_from([3.0, 6.0, 8.0, 24.0, 30.0, 100.0]),
)
def test_a_grid_ends_at_the_last_frame(frames: int, fps: float, rate: float) -> None:
    points = int(grid_points(frames, fps, rate))
    read = min(rate, fps) if fps >= rate * 1.02 else fps
    assert (points - 1) / read <= (frames - 1) / fps + 1e-6
    assert points / read > (frames - 1) / fps - 1e-6
    if rate >= fps:
        assert points == frames


def test_the_nearest_shape() -> None:
    sizes = ((256, 384), (384, 256), (320, 320))
    heights, widths = np.array([720, 1280, 500, 480, 100.0]), np.array([1280, 720, 500, 640, 120.0])
    assert nearest_sizes(heights, widths, sizes).tolist() == [0, 1, 2, 0, 2]


def test_clips_go_to_buckets(tmp_path: Path) -> None:
    packed = [
        Clip("wide"),
        Clip("tall", size=(64, 48)),
        Clip("short", frames=10),
        Clip("shorter", frames=3),
        Clip("fast", frames=40, fps=48),
        Clip("unknown", facts={"width": None}),
    ]
    shards = Shards([str(write_shards(tmp_path, packed))])
    settings = DataSettings(frames=8, shorter_frames=(4,), fps=8, sizes=((48, 64), (64, 48)))
    # 24 frames at 24 per second: 8 points at 8 per second; 10 frames: 4; 3 frames: 1; 40 frames at 48: 7
    found = sort_clips(shards, settings)
    names = {bucket.name: [shards.clip(row).key for row in bucket.rows] for bucket in found.training}
    assert names == {"8×48×64": ["wide"], "8×64×48": ["tall"], "4×48×64": ["short", "fast"]}
    assert found.left_out == {"too short": 1, "media whose size or rate is not known": 1}
    strict = sort_clips(shards, settings.model_copy(update={"sizes": ((48, 64),), "max_cropped": 0.3}))
    assert strict.left_out["of another shape"] == 1  # 64 × 48 as 48 × 64 loses 0.44


def test_held_out_clips_are_a_matter_of_their_ids(tmp_path: Path) -> None:
    packed = clips(12)
    settings = DataSettings(frames=8, fps=8, sizes=((48, 64),), held_out=3)
    chosen = []
    for name, order in (("a", packed), ("b", packed[::-1])):
        shards = Shards([str(write_shards(tmp_path / name, order))])
        found = sort_clips(shards, settings)
        held = {shards.clip(row).key for bucket in found.held_out for row in bucket.rows}
        trained = {shards.clip(row).key for bucket in found.training for row in bucket.rows}
        assert len(held) == 3
        assert not held & trained
        assert len(trained) == 9
        chosen.append(held)
    assert chosen[0] == chosen[1]


def test_what_is_drawn(tmp_path: Path) -> None:
    shards = Shards([str(write_shards(tmp_path, [Clip("a", frames=48)]))])
    clip = shards.clip(0)
    settings = DataSettings(
        frames=8, fps=24, other_fps=(8, 3), sizes=((48, 64),), crop="random", horizontal_flip=True, image_share=0.25
    )
    drawn = [draw(clip, 8, settings, seed=1, index=index) for index in range(2000)]
    assert drawn == [draw(clip, 8, settings, seed=1, index=index) for index in range(2000)]
    assert drawn != [draw(clip, 8, settings, seed=2, index=index) for index in range(2000)]
    rates = Counter(one.fps for one in drawn)
    assert set(rates) == {24.0, 8.0}  # at 3 per second 2 seconds are 6 frames
    assert abs(rates[24.0] - 1000) < 100
    starts = {one.start for one in drawn if one.fps == 24 and not one.is_still}
    assert starts == set(range(41))
    assert max(one.start for one in drawn if one.fps == 24 and one.is_still) > 40
    assert abs(sum(one.is_still for one in drawn) - 500) < 80
    assert abs(sum(one.is_mirrored for one in drawn) - 1000) < 100
    assert 0.45 < np.mean([one.crop for one in drawn]) < 0.55
    plain = draw(clip, 8, DataSettings(frames=8, fps=24, sizes=((48, 64),)), seed=1, index=0)
    assert plain.crop == (0.5, 0.5)
    assert not plain.is_mirrored


def test_the_mix_of_captions() -> None:
    rng = np.random.default_rng(0)
    all_three = {**dict.fromkeys(MIX, "text"), "caption_weights": MIX}
    drawn = Counter(draw_caption(all_three, None, rng.random())[0] for _ in range(4000))  # type: ignore[index]
    assert all(abs(drawn[name] / 4000 - weight) < 0.03 for name, weight in MIX.items())
    one = {"caption_llm": "text", "caption_coca": None, "caption_weights": MIX}
    assert draw_caption(one, None, 0.999) == ("caption_llm", "text")
    assert draw_caption(all_three, {"caption_llm": 1.0, "caption_coca": 0.0}, 0.0) == ("caption_llm", "text")
    assert draw_caption({"caption_weights": MIX}, None, 0.5) is None
    assert draw_caption({}, None, 0.5) is None


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"shorter_frames": [14]}, "fewer than frames"),
        ({"sizes": [[0, 64]]}, "each side"),
        ({"sizes": [[64, 64], [64, 64]]}, "each may stand once"),
        ({"captions": {"a": -1}}, "0 or more"),
        ({"other_fps": [24]}, "each may stand once"),
        ({"frame": 3}, "Extra inputs"),
    ],
)
def test_impossible_settings(wrong: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        DataSettings.model_validate(wrong)
