from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from curation.errors import ItemError
from curation.sources.fetch import fetch, identity, stamp
from tests.curation.sources.conftest import put

Make = Callable[..., Path]
TRAILER = Path(__file__).parents[3] / "examples/videos/big_buck_bunny_trailer.mp4"


def test_the_id_is_the_sha256_of_the_content_wherever_it_lies(
    tmp_path: Path, memory: str, s3_bucket: str, http_root: tuple[str, Path]
) -> None:
    data = TRAILER.read_bytes()
    url, folder = http_root
    (folder / "t.mp4").write_bytes(data)
    names = [str(TRAILER), put(f"{memory}/t.mp4", data), put(f"{s3_bucket}/t.mp4", data), f"{url}/t.mp4"]
    for index, name in enumerate(names):
        found = identity(name)
        assert (found.video_id, found.bytes) == (hashlib.sha256(data).hexdigest()[:32], len(data))
        assert found.stamp == stamp(name)
        assert found.stamp is not None
        workdir = tmp_path / str(index)
        workdir.mkdir()
        assert fetch(name, workdir).read_bytes() == data
        assert fetch(name, workdir).suffix == ".mp4"


def test_a_local_file_is_used_in_place_and_links_are_resolved(make: Make, tmp_path: Path) -> None:
    path = make("real.mp4")
    (tmp_path / "link.mp4").symlink_to(path)
    assert fetch(str(tmp_path / "link.mp4"), tmp_path / "unused") == path.resolve()


def test_the_stamp_changes_with_the_content(make: Make, memory: str, s3_bucket: str) -> None:
    path = make("a.mp4", b"1")
    os.utime(path, ns=(0, 1))
    before = stamp(str(path))
    assert stamp(str(path)) == before
    os.utime(path, ns=(0, 2))
    assert stamp(str(path)) != before
    for root in (memory, s3_bucket):
        url = put(f"{root}/change.mp4", "1")
        before = stamp(url)
        assert stamp(url) == before
        put(url, "2")
        assert stamp(url) != before


def test_what_cannot_be_read_has_a_reason(make: Make, tmp_path: Path, memory: str) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "link.mp4").symlink_to("nowhere")
    (tmp_path / "loop.mp4").symlink_to("loop.mp4")
    reasons = {
        str(tmp_path / "gone.mp4"): "not found",
        str(tmp_path / "link.mp4"): "not found",
        str(tmp_path / "loop.mp4"): "cannot be read: Too many levels of symbolic links",
        str(tmp_path / "pipe.mp4"): "is not a regular file",
        str(tmp_path): "is a folder",
        "a\0b.mp4": "cannot be read: embedded null byte",
        f"{memory}/gone.mp4": "not found",
        "http://127.0.0.1:1/x.mp4": "cannot be read: Cannot connect to host 127.0.0.1:1",
        "nope://x.mp4": 'nope://x.mp4: unknown protocol "nope"',
    }
    for name, reason in reasons.items():
        for look in (identity, stamp, lambda source: fetch(source, tmp_path)):
            with pytest.raises(ItemError) as caught:
                look(name)
            assert str(caught.value).startswith(reason), name
            assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_permission_denied(make: Make, tmp_path: Path) -> None:
    path = make("secret.mp4")
    path.chmod(0)
    with pytest.raises(ItemError, match=r"^permission denied$"):
        identity(str(path))
    with pytest.raises(ItemError, match=r"^permission denied$"):
        fetch(str(path), tmp_path)


def test_the_size_may_be_bounded(make: Make, tmp_path: Path, memory: str, http_root: tuple[str, Path]) -> None:
    root, folder = http_root
    (folder / "a.mp4").write_bytes(b"x" * 1000)
    for name in (str(make("a.mp4", b"x" * 1000)), put(f"{memory}/a.mp4", b"x" * 1000), f"{root}/a.mp4"):
        assert fetch(name, tmp_path, max_bytes=1000).stat().st_size == 1000
        with pytest.raises(ItemError, match="999"):
            fetch(name, tmp_path, max_bytes=999)
