"""Every broken or odd input is what it claims to be, told by opening and decoding it as the product does."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from curation.errors import ItemError
from curation.video.reader import decode_frames, open_video
from tests.material import broken, odd
from tests.material.inputs import Maker

DECODED_BY_THIS_FFMPEG = 16000 * 16000


def decode(path: Path) -> int:
    """Number of frames, or 0 where the product refuses the file."""
    if not stat.S_ISREG(path.lstat().st_mode) and not path.is_file():
        return 0
    try:
        with open_video(path) as (container, stream):
            return sum(1 for _ in decode_frames(container, stream))
    except ItemError:
        return 0


@pytest.mark.parametrize("maker", [*broken.MAKERS, *odd.MAKERS], ids=lambda maker: maker.__name__)
def test_input_is_what_it_claims(maker: Maker, tmp_path: Path) -> None:
    outcome, _ = (broken.MAKERS | odd.MAKERS)[maker]
    if maker is broken.no_permission and tmp_path.stat().st_uid == 0:
        pytest.skip("the superuser may read everything")
    frames = decode(maker(tmp_path))
    if outcome == "ok":
        assert frames > 5
    if outcome == "failed":
        assert frames == 0
