"""Media over HTTP: whole files, ranges, pictures; local and on an object store."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from starlette.testclient import TestClient

from curation.tune.ranges import RangeNotSatisfiableError, byte_range
from tests.curation.tune.clips import write_playable_dataset
from tests.curation.tune.conftest import Client

CLIP = f"{3:032x}"
DATA = bytes(range(100))


@given(st.integers(0, 100), st.none() | st.integers(0, 200), st.none() | st.integers(0, 200))
def test_ranges_are_those_of_the_standard(size: int, first: int | None, last: int | None) -> None:
    header = f"bytes={'' if first is None else first}-{'' if last is None else last}"
    if first is None and last is None:
        assert byte_range(header, size) is None
        return
    if first is None:
        assert last is not None
        wanted = DATA[:size][-last:] if last else b""
    else:
        wanted = DATA[:size][first : size if last is None else last + 1]
    if first is not None and last is not None and last < first:
        assert byte_range(header, size) is None
    elif not wanted:
        with pytest.raises(RangeNotSatisfiableError):
            byte_range(header, size)
    else:
        found = byte_range(header, size)
        assert found is not None
        assert DATA[slice(*found)] == wanted
        assert found[1] <= size


@pytest.mark.parametrize(
    "header", [None, "bytes", "bytes=", "bytes=-", "items=0-1", "bytes=0-1,3-4", "bytes=a-b", "bytes=1--2"]
)
def test_what_is_no_range_asks_for_the_whole_file(header: str | None) -> None:
    assert byte_range(header, 10) is None


def _assert_served(client: TestClient, content: bytes) -> None:
    whole = client.get(f"/media/{CLIP}")
    assert (whole.status_code, whole.content) == (200, content)
    assert whole.headers["content-type"] == "video/mp4"
    assert whole.headers["accept-ranges"] == "bytes"
    part = client.get(f"/media/{CLIP}", headers={"range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, content[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(content)}"
    assert part.headers["content-length"] == "10"
    end = client.get(f"/media/{CLIP}", headers={"range": "bytes=-5"})
    assert (end.status_code, end.content) == (206, content[-5:])
    beyond = client.get(f"/media/{CLIP}", headers={"range": f"bytes={len(content)}-"})
    assert (beyond.status_code, beyond.content) == (416, b"")
    assert beyond.headers["content-range"] == f"bytes */{len(content)}"
    head = client.head(f"/media/{CLIP}")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(content)))
    picture = Image.open(io.BytesIO(client.get(f"/posters/{CLIP}").content))
    assert (picture.format, picture.size) == ("JPEG", (160, 90))
    red, _, blue = picture.convert("RGB").getpixel((155, 5))  # the bar is not there in the middle of the clip
    assert blue > red  # clips with an odd number are blue
    assert client.get(f"/contact_sheets/{CLIP}").headers["content-type"] == "image/jpeg"


def test_local_media(client: TestClient, playable: Path) -> None:
    _assert_served(client, (playable / f"media/v0/v00/{CLIP}.mp4").read_bytes())
    assert client.get("/media/../dataset.json").status_code == 404


def test_media_on_an_object_store(client_of: Client, s3_bucket: str, tmp_path: Path) -> None:
    storage = write_playable_dataset(f"{s3_bucket}/dataset", tmp_path)
    client = client_of(url=f"{s3_bucket}/dataset")
    _assert_served(client, storage.read_bytes(f"media/v0/v00/{CLIP}.mp4"))
    assert client.get(f"/media/{'f' * 32}").status_code == 404


def test_clips_without_a_file_or_a_picture(client_of: Client, dataset: Path) -> None:
    (dataset / f"media/v0/v00/{CLIP}.mp4").write_bytes(b"no film")
    (dataset / f"media/v0/v00/{1:032x}.mp4").unlink()
    client = client_of(url=str(dataset))
    assert client.get(f"/media/{CLIP}").content == b"no film"
    assert client.get(f"/posters/{CLIP}").status_code == 404
    assert client.get(f"/media/{1:032x}").status_code == 404
    assert client.get(f"/media/{'f' * 32}").status_code == 404
    assert client.get(f"/contact_sheets/{39:032x}").status_code == 404
