"""The middle frame of a clip found by seeking, against the one that decoding all of it gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from curation.errors import ItemError, ItemTimeoutError
from curation.video.clip_frames import decode_clip
from curation.video.middle_frame import middle_frame
from curation.video.reader import decode_frames
from curation.video.sampling import FrameRequest
from curation.video.types import Deadline
from tests.curation.video.clip_files import numbered, numbers_of, write_clip
from tests.material.recipes import Encoding

ENCODINGS = {
    "several GOPs, B frames": Encoding("h264", ".mp4", "libx264", options={"crf": "12"}, gop=6, b_frames=2),
    "one GOP": Encoding("h264", ".mp4", "libx264", options={"crf": "12"}, gop=250),
    "a stream without duration": Encoding("h264", ".mkv", "libx264", options={"crf": "12"}, gop=8),
}


@pytest.mark.parametrize("encoding", ENCODINGS.values(), ids=list(ENCODINGS))
@pytest.mark.parametrize("count", [1, 2, 23, 24])
def test_it_is_the_middle_one(count: int, encoding: Encoding, tmp_path: Path) -> None:
    path = write_clip(tmp_path / f"clip{encoding.suffix}", numbered(count), encoding=encoding)
    found = middle_frame(path, long_side=32)
    assert found.shape == (24, 32, 3)
    whole = decode_clip(path, {"middle": FrameRequest(at="middle", long_side=32)})["middle"]
    assert np.array_equal(found, whole[0])
    assert numbers_of(found[None]) == [count // 2]


def test_only_one_group_of_pictures_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_clip(tmp_path / "clip.mp4", numbered(48), encoding=ENCODINGS["several GOPs, B frames"])
    decoded = []

    def counting(*arguments: Any) -> Iterator[av.VideoFrame]:
        for frame in decode_frames(*arguments):
            decoded.append(frame.pts)
            yield frame

    monkeypatch.setattr("curation.video.middle_frame.decode_frames", counting)
    assert numbers_of(middle_frame(path, long_side=64)[None]) == [24]
    assert len(decoded) <= 7


def test_it_is_upright(tmp_path: Path) -> None:
    encoding = replace(ENCODINGS["several GOPs, B frames"], rotation=90)
    picture = middle_frame(write_clip(tmp_path / "clip.mp4", numbered(9), encoding=encoding), long_side=32)
    assert picture.shape == (32, 24, 3)


def test_what_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"nothing of a video")
    with pytest.raises(ItemError, match="cannot open as video"):
        middle_frame(path, long_side=240)


def test_deadline(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", numbered(9))
    with pytest.raises(ItemTimeoutError):
        middle_frame(path, long_side=240, deadline=Deadline(0.0))
