from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from curation.sources.formats import IMAGE_EXTENSIONS
from curation.video.kind import kind_of


@pytest.mark.parametrize("suffix", sorted(IMAGE_EXTENSIONS))
def test_images_are_known_by_their_content(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"image{suffix}"
    Image.new("RGB", (80, 64), (200, 10, 10)).save(path)
    assert kind_of(path, "https://host/anything?format=full") == "image"
    assert kind_of(path, str(path)) == "image"
    assert kind_of(path, "stream.mjpeg") == "video"
    assert kind_of(path, "wrongly-named.MP4") == "video"


def test_all_else_is_a_video(bikes: Path, tmp_path: Path) -> None:
    assert kind_of(bikes, "film.jpg") == "video"
    for number, content in enumerate((b"", b"BM", b"BM and some text that is no bitmap", b"RIFF\0\0\0\0AVI LIST")):
        path = tmp_path / str(number)
        path.write_bytes(content)
        assert kind_of(path, "unknown") == "video"
