"""Still images: in folders where they are asked for, by name in any case."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from curation.errors import UserError
from curation.sources.discover import discover

Make = Callable[..., Path]


def urls(*inputs: str | Path, images: bool) -> list[str]:
    return [ref.url for ref in discover([str(name) for name in inputs], images=images)]


def test_a_folder_gives_images_where_they_are_asked_for(make: Make, tmp_path: Path) -> None:
    video = make("a.mp4")
    pictures = [make("b/1.JPG"), make("b/2.webp"), make("c.png")]
    for other in ("notes.md", ".hidden.png", "d.psd"):
        make(other)
    for name in (tmp_path, tmp_path / "*", f"file://{tmp_path}"):
        assert urls(name, images=True) == sorted(map(str, [video, *pictures]))
        assert urls(name, images=False) == [str(video)]


def test_images_that_are_named_are_sources_in_any_case(make: Make, tmp_path: Path) -> None:
    picture = make("c.png")
    (tmp_path / "list.csv").write_text("path,label\nc.png,sky\n")
    for name in (picture, tmp_path / "*.png", tmp_path / "list.csv"):
        assert urls(name, images=False) == urls(name, images=True) == [str(picture)]


def test_an_empty_folder_says_what_was_looked_for(make: Make, tmp_path: Path) -> None:
    make("notes.md")
    with pytest.raises(UserError, match=r"no videos or images found; looked for \.mp4, \.mkv, \.webm and 42 more"):
        urls(tmp_path, images=True)
    with pytest.raises(UserError, match=r"no videos found; looked for \.mp4, \.mkv, \.webm and 34 more"):
        urls(tmp_path, images=False)


def test_a_remote_folder(make: Make, tmp_path: Path) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.pipe({"/images/a.png": b"x", "/images/b.mp4": b"x", "/images/c.txt.md": b"x"})
    try:
        assert urls("memory://images", images=True) == ["memory:///images/a.png", "memory:///images/b.mp4"]
        assert urls("memory://images/*", images=False) == ["memory:///images/b.mp4"]
    finally:
        memory.rm("/images", recursive=True)
