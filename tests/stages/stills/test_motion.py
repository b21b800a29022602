"""Windows over a still image: inside, in the shape of the frames, moving evenly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.stills.motion import MAX_ASPECT, plan_motion

sides = st.integers(64, 6000)


@given(sides, sides, st.integers(1, 120), st.floats(1.01, 4), st.integers(16, 1080), st.text(max_size=8))
def test_windows_stay_inside_and_pixels_are_never_enlarged(
    width: int, height: int, frames: int, max_zoom: float, short_side: int, seed: str
) -> None:
    motion = plan_motion(width, height, frames, max_zoom, short_side, seed)
    out_width, out_height = motion.size
    left, top, right, bottom = motion.boxes.T
    assert motion.boxes.shape == (frames, 4)
    assert left.min() >= 0
    assert top.min() >= 0
    assert right.max() <= width
    assert bottom.max() <= height
    assert out_width % 2 == out_height % 2 == 0
    assert min(motion.size) <= max(2, short_side)
    assert max(motion.size) <= (MAX_ASPECT + 0.5) * (min(motion.size) + 2)
    assert (right - left).min() >= out_width - 1e-6
    np.testing.assert_allclose((right - left) * out_height, (bottom - top) * out_width, rtol=1e-9, atol=1e-6)


@given(sides, sides, st.floats(1.05, 4), st.text(max_size=8))
def test_corners_move_at_constant_speed_and_the_magnification_changes(
    width: int, height: int, max_zoom: float, seed: str
) -> None:
    boxes = plan_motion(width, height, 48, max_zoom, 480, seed).boxes
    np.testing.assert_allclose(np.diff(boxes, n=2, axis=0), 0, atol=1e-7)
    widths = boxes[:, 2] - boxes[:, 0]
    zooms = widths.max() / widths
    assert zooms.max() > 1
    assert widths.max() / widths.min() <= max_zoom * (1 + 1e-9)


def test_the_seed_decides_all() -> None:
    first, same, other = (plan_motion(1200, 800, 24, 1.3, 480, seed).boxes for seed in ("a", "a", "b"))
    np.testing.assert_array_equal(first, same)
    assert np.abs(first - other).max() > 5


def test_zoom_goes_in_and_out_and_pans_in_all_directions() -> None:
    ends = [plan_motion(1000, 1000, 2, 2.0, 480, str(seed)).boxes for seed in range(60)]
    grows = [box[1, 2] - box[1, 0] > box[0, 2] - box[0, 0] for box in ends]
    assert 15 < sum(grows) < 45
    moves = np.array([(box[1, :2] + box[1, 2:] - box[0, :2] - box[0, 2:]) / 2 for box in ends])
    assert {(bool(x > 0), bool(y > 0)) for x, y in moves} == {(a, b) for a in (False, True) for b in (False, True)}


@pytest.mark.parametrize(("width", "height"), [(20000, 100), (100, 20000)])
def test_a_panorama_gets_a_window_that_moves_along_it(width: int, height: int) -> None:
    motion = plan_motion(width, height, 10, 1.3, 720, "seed")
    assert max(motion.size) / min(motion.size) == pytest.approx(MAX_ASPECT, rel=0.05)
