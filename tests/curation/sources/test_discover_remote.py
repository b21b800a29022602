from __future__ import annotations

import sys
from pathlib import Path

import fsspec
import pytest
from fsspec.registry import _registry as fsspec_registry

from curation.errors import UserError
from curation.sources.discover import SourceRef, discover
from curation.sources.fetch import stamp
from tests.curation.sources.conftest import put


def urls(*inputs: str) -> list[str]:
    return [ref.url for ref in discover(inputs)]


def test_files_folders_and_globs(memory: str) -> None:
    a, b = put(f"{memory}/v/a b.mp4", "1"), put(f"{memory}/v/deep/[1]#%.mkv", "2")
    put(f"{memory}/v/.hidden/c.mp4", "3")
    put(f"{memory}/v/read.me", "4")
    assert urls(a) == urls(f"{memory}/v/*")[:1] == [a]
    assert urls(b) == [b]
    assert urls(memory) == urls(f"{memory}/v/") == urls(f"{memory}/**/*.m*") == [a, b]


def test_a_manifest_is_read_where_it_lies(memory: str) -> None:
    put(f"{memory}/lists/m.csv", f"path,label\n../a.mp4,x\n{memory}/b.mp4,y\n/local/c.mp4,z\n")
    assert discover([f"{memory}/lists/*.csv"]) == [
        SourceRef(f"{memory}/a.mp4", {"label": "x"}),
        SourceRef(f"{memory}/b.mp4", {"label": "y"}),
        SourceRef("/local/c.mp4", {"label": "z"}),
    ]


def test_inside_an_archive(tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "v.zip", "w") as archive:
        archive.writestr("in/a.mp4", "1")
        archive.writestr("in/b.txt", "2")
    chain = f"::file://{tmp_path}/v.zip"
    assert urls(f"zip://in{chain}") == urls(f"zip://**/*.mp4{chain}") == [f"zip://in/a.mp4{chain}"]


@pytest.mark.parametrize("name", ["gone.mp4", "gone/"])
def test_nothing_there(memory: str, name: str) -> None:
    with pytest.raises(UserError, match="no such file or folder"):
        discover([f"{memory}/{name}"])


def test_a_missing_driver_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(fsspec_registry, "s3", raising=False)
    (tmp_path / "m.txt").write_text("s3://bucket/a.mp4\n")
    for name in ("s3://bucket/a.mp4", str(tmp_path / "m.txt")):
        with pytest.raises(UserError) as caught:
            discover([name])
        assert str(caught.value) == "s3://bucket/a.mp4: its driver is not installed: pip install 'curation[s3]'"


def test_http(http_root: tuple[str, Path]) -> None:
    root, folder = http_root
    (folder / "a.mp4").write_bytes(b"1")
    (folder / "list").mkdir()
    (folder / "list/m.txt").write_text("../a.mp4\nhttp://127.0.0.1:1/b.mp4\n")
    assert urls(f"{root}/a.mp4?token=x") == [f"{root}/a.mp4?token=x"]
    assert urls(f"{root}/list/m.txt") == [f"{root}/a.mp4", "http://127.0.0.1:1/b.mp4"]
    assert urls(f"{root}/") == urls(f"{root}/*.mp4") == [f"{root}/a.mp4"]
    with pytest.raises(UserError, match="no such file or folder"):
        discover([f"{root}/gone.mp4"])
    with pytest.raises(UserError, match="cannot be read: Cannot connect"):
        discover(["http://127.0.0.1:1/x.mp4"])


def test_s3_lists_a_page_at_a_time(s3_bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """60 files in pages of 20: a few requests, and none per file."""
    from aiobotocore.client import AioBaseClient

    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "20")
    fs = fsspec.filesystem("s3")
    fs.pipe({f"{s3_bucket}/many/{index:04}.mp4": b"x" for index in range(60)})
    put(f"{s3_bucket}/manyfold.mp4", "not below the folder")
    calls: list[str] = []
    make_call = AioBaseClient._make_api_call

    async def counted(self: AioBaseClient, operation: str, arguments: object) -> object:
        calls.append(operation)
        return await make_call(self, operation, arguments)

    monkeypatch.setattr(AioBaseClient, "_make_api_call", counted)
    refs = discover([f"{s3_bucket}/many"])
    assert [ref.url for ref in refs] == [f"{s3_bucket}/many/{index:04}.mp4" for index in range(60)]
    assert calls.count("ListObjectsV2") >= 3, "the server gave pages"
    assert len(calls) <= 8, calls
    assert refs[7].stamp == stamp(refs[7].url), "the listing's mark of change is the one that a later look gives"
    assert urls(f"{s3_bucket}/many/000*.mp4") == [f"{s3_bucket}/many/{index:04}.mp4" for index in range(10)]
