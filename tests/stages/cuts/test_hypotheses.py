"""The measures of a mixture, on mixtures made exactly."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data

from stages.cuts.bounds import bound, cell_colours
from stages.cuts.evidence import Evidence, picture_vectors
from stages.cuts.hypotheses import hypotheses, of_pairs
from stages.cuts.motion import unexplained
from stages.cuts.thumbnail import HEIGHT, LUMA_SIZE, THUMBNAIL_SIZE, WIDTH, Thumbnails


def picture(name: str) -> Thumbnails:
    import cv2

    rgb = cv2.resize(getattr(data, name)(), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420).reshape(-1)


BEFORE, AFTER = picture("astronaut"), picture("coffee")
FIRST, LENGTH = 20, 24  # of the transition: the last frame before it, and the frames from there to the first after it


def dissolve(weights: np.ndarray) -> Thumbnails:
    mixed = BEFORE + weights[:, None] * (AFTER.astype(float) - BEFORE)
    return np.round(mixed).astype(np.uint8)


def ramp() -> np.ndarray:
    return np.clip((np.arange(64) - FIRST) / LENGTH, 0, 1)


PLANES = ((0, HEIGHT, WIDTH), (LUMA_SIZE, HEIGHT // 2, WIDTH // 2), (LUMA_SIZE * 5 // 4, HEIGHT // 2, WIDTH // 2))


def wipe() -> Thumbnails:
    thumbs = np.repeat(BEFORE[None], 64, axis=0)
    for thumb, share in zip(thumbs, ramp(), strict=True):
        for first, height, width in PLANES:
            part = slice(first, first + height * width)
            columns = round(share * width)
            thumb[part].reshape(height, width)[:, :columns] = AFTER[part].reshape(height, width)[:, :columns]
    return thumbs


def test_an_exact_dissolve() -> None:
    row = of_pairs(Evidence.of(dissolve(ramp())), np.array([FIRST]), LENGTH)
    assert row.residual[0] < 0.01
    assert row.nonlinearity[0] < 0.02
    assert row.backward[0] == pytest.approx(0, abs=1e-3)
    assert row.unrest[0] == pytest.approx(0, abs=1e-3)
    assert row.dip[0] == pytest.approx(1, abs=0.05)
    assert row.fine_dip[0] == pytest.approx(1, abs=0.05)
    assert row.plausible().all()


def test_an_exact_wipe_is_as_close_to_its_model() -> None:
    row = of_pairs(Evidence.of(wipe()), np.array([FIRST]), LENGTH)
    assert row.residual[0] < 0.03
    assert row.plausible().all()
    assert row.dip[0] < 0.3


def test_the_best_explained_interval_is_the_true_one() -> None:
    rows = hypotheses(Evidence.of(dissolve(ramp())), 4, 50)
    best = int(np.argmax(np.where(rows.plausible(), rows.explained(), -np.inf)))
    assert abs(rows.start[best] - FIRST) <= 3
    assert abs(rows.end[best] - FIRST - LENGTH) <= 3


@pytest.mark.parametrize("thumbs", [dissolve(ramp()), wipe()], ids=["dissolve", "wipe"])
@pytest.mark.parametrize(("early", "late"), [(0, 0), (4, -3), (-5, 6)])
def test_bounds_cover_the_mixture_and_little_more(thumbs: Thumbnails, early: int, late: int) -> None:
    vectors = np.concatenate(picture_vectors(thumbs), axis=1)
    found = bound(vectors, cell_colours(thumbs), FIRST + early, FIRST + LENGTH + late)
    assert FIRST - 4 <= found.start <= FIRST + 1
    assert FIRST + LENGTH <= found.end <= FIRST + LENGTH + 4


def test_motion_explains_a_shift_but_not_another_picture() -> None:
    shifted = np.zeros(THUMBNAIL_SIZE, np.uint8)
    shifted[:LUMA_SIZE] = np.roll(BEFORE[:LUMA_SIZE].reshape(HEIGHT, WIDTH), 3, axis=1).reshape(-1)
    left, raw = unexplained(BEFORE, shifted)
    assert left < 0.35 * raw
    left, raw = unexplained(BEFORE, AFTER)
    assert left > 0.5 * raw


def test_a_change_of_light_is_no_difference_where_light_does_not_count() -> None:
    darker = BEFORE.copy()
    darker[:LUMA_SIZE] = BEFORE[:LUMA_SIZE] * 0.6
    _, raw = unexplained(BEFORE, darker)
    _, levelled = unexplained(BEFORE, darker, any_light=True)
    assert levelled < 0.05 * raw
