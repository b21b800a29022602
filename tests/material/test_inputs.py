"""Every broken or odd input is what it claims to be, told by opening and decoding it as the product does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from curation.errors import ItemError
from curation.video.reader import decode_frames, open_video
from tests.material import broken, hostile, odd
from tests.material.inputs import Maker

MAKERS = broken.MAKERS | hostile.MAKERS | odd.MAKERS


def decode(path: Path) -> int:
    """Number of frames, or 0 where the product refuses the file."""
    if path.is_fifo():
        return 0
    try:
        with open_video(path) as (container, stream):
            return sum(1 for _ in decode_frames(container, stream))
    except ItemError:
        return 0


@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
def test_input_is_what_it_claims(maker: Maker, tmp_path: Path) -> None:
    outcome, _ = MAKERS[maker]
    if maker is broken.no_permission and os.geteuid() == 0:
        pytest.skip("the superuser may read everything")
    frames = decode(maker(tmp_path))
    if outcome == "ok":
        assert frames > 3
    if outcome == "failed":
        assert frames == 0


def test_every_name_holds_a_sound_video_of_its_own(tmp_path: Path) -> None:
    inputs = odd.make_names(tmp_path)
    assert len(list(tmp_path.iterdir())) == len(inputs) == len(odd.NAMES)
    assert len({item.path.read_bytes() for item in inputs}) == len(inputs)
    assert {decode(item.path) for item in inputs} == {120}


def test_make_all_makes_every_damaged_and_hostile_input(tmp_path: Path) -> None:
    inputs = [*broken.make_all(tmp_path / "broken"), *hostile.make_all(tmp_path / "hostile")]
    skipped = os.geteuid() == 0
    assert len(inputs) == len(broken.MAKERS) + len(hostile.MAKERS) - skipped
    assert all(os.path.lexists(item.path) for item in inputs)
