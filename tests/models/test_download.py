"""Files from plain addresses, over real HTTP."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from models.download import DownloadError, download
from tests.models.hub_fixtures import hub_fixture  # noqa: F401
from tests.models.hub_server import HubServer, Repository

CONTENT = bytes(range(256)) * 40


@pytest.fixture
def url(hub: HubServer) -> str:
    hub.repositories["org/plain"] = Repository({"head.pth": CONTENT})
    return f"{hub.url}/org/plain/resolve/main/head.pth"


@pytest.mark.parametrize("known", [64, 8, 0])
def test_a_file_is_fetched_once(hub: HubServer, url: str, tmp_path: Path, known: int) -> None:
    digest = hashlib.sha256(CONTENT).hexdigest()[:known]
    target = tmp_path / "folder" / "head.pth"
    assert download(url, target, digest).read_bytes() == CONTENT
    asked = len(hub.requests)
    assert download(url, target, digest) == target
    assert len(hub.requests) == asked
    assert [path.name for path in target.parent.iterdir()] == ["head.pth"]


def test_what_is_not_the_published_file_is_not_kept(url: str, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="SHA-256"):
        download(url, tmp_path / "head.pth", "0" * 64)
    assert list(tmp_path.glob("head*")) == []


def test_what_cannot_be_fetched_is_told(hub: HubServer, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="401") as failure:
        download(f"{hub.url}/org/nothing/resolve/main/x", tmp_path / "x", "")
    assert "\n" not in str(failure.value)
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(DownloadError, match="cannot be fetched to"):
        download(f"{hub.url}/org/nothing/resolve/main/x", tmp_path / "file" / "x", "")
