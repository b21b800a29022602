from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation.errors import UserError
from curation.sources.discover import discover

Make = Callable[..., Path]


def urls(*inputs: str | Path, limit: int | None = None) -> list[str]:
    return [ref.url for ref in discover([str(name) for name in inputs], limit)]


def test_a_file_is_taken_whatever_its_name_ends_in(make: Make) -> None:
    path = make("holiday.bin")
    assert urls(path) == [str(path)]


def test_a_folder_gives_videos_below_it_sorted_without_hidden_ones(make: Make, tmp_path: Path) -> None:
    wanted = [make("b/2.MKV"), make("b/10.mp4"), make("a.webm"), make("b/c/d.ts")]
    for other in ("notes.txt", "b/picture.jpg", ".hidden.mp4", ".cache/x.mp4", "b/._x.mp4"):
        make(other)
    assert urls(tmp_path) == sorted(map(str, wanted))


def test_relative_names_become_absolute(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make("v/a.mp4")
    monkeypatch.chdir(tmp_path)
    assert urls("v") == urls("v/a.mp4") == urls("v/*.mp4") == [str(tmp_path / "v/a.mp4")]


def test_a_source_named_twice_is_listed_once_in_the_place_of_the_first(make: Make, tmp_path: Path) -> None:
    a, b = make("v/a.mp4"), make("v/b.mp4")
    assert urls(b, tmp_path / "v", tmp_path / "v/../v/a.mp4", f"file://{a}") == [str(b), str(a)]


def test_limit_takes_the_first(make: Make, tmp_path: Path) -> None:
    paths = [make(f"{index}.mp4") for index in range(5)]
    assert urls(tmp_path, limit=2) == [str(path) for path in paths[:2]]


def test_globs(make: Make, tmp_path: Path) -> None:
    a, b, c = make("x/a.mp4"), make("x/deep/b.mp4"), make("x/c.raw")
    make("x/notes.md")
    assert urls(tmp_path / "x/*") == sorted(map(str, (a, b))), "folders are entered, other files passed over"
    assert urls(tmp_path / "**/*.mp4") == sorted(map(str, (a, b)))
    assert urls(tmp_path / "x/*.raw") == [str(c)]
    assert urls(tmp_path / "x/[ab].mp4") == [str(a)]


STRANGE = [
    "two words.mp4",
    "new\nline.mp4",
    "🎬.mp4",
    "-rf.mp4",
    "100%.mp4",
    "%20.mp4",
    "[1].mp4",
    "#1.mp4",
    "a?b*.mp4",
    "http:.mp4",
]


@pytest.mark.parametrize("name", STRANGE)
def test_strange_names(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    path = make(name)
    make("other.mp4")
    monkeypatch.chdir(tmp_path)
    assert urls(name) == urls(path) == urls(f"file://{path}") == [str(path)]
    assert str(path) in urls(".")


def test_an_existing_name_is_not_taken_for_a_glob(make: Make) -> None:
    literal = make("take[1].mp4")
    other = make("take1.mp4")
    assert urls(literal) == [str(literal)]
    literal.unlink()
    assert urls(literal) == [str(other)]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(
        st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=30), max_size=5
    )
)
def test_any_name_is_found_by_name_and_in_its_folder(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("names")
    paths = {str(folder / f"v{name}.mp4") for name in names}
    for path in paths:
        Path(path).write_bytes(b"x")
        assert urls(path) == [path]
    if paths:
        assert urls(folder) == sorted(paths)


def test_a_name_that_is_not_unicode_gets_a_url_that_finds_it(tmp_path: Path) -> None:
    from curation.sources.fetch import fetch, identity

    path = os.path.join(os.fsencode(tmp_path), b"caf\xe9 1.mp4")
    with open(path, "wb") as file:
        file.write(b"content")
    (url,) = urls(tmp_path)
    assert url == f"file://{tmp_path}/caf%E9%201.mp4"
    assert os.fsencode(fetch(url, tmp_path)) == os.path.realpath(path)
    assert identity(url).bytes == 7
    assert urls(url) == [url]


def test_links_to_folders_are_followed_once_and_circles_end(make: Make, tmp_path: Path) -> None:
    make("real/a.mp4")
    (tmp_path / "real/again").symlink_to(tmp_path / "real")
    (tmp_path / "real/loop.mp4").symlink_to(tmp_path / "real/loop.mp4")
    (tmp_path / "in").mkdir()
    (tmp_path / "in/link").symlink_to(tmp_path / "real")
    assert urls(tmp_path / "in") == [f"{tmp_path}/in/link/a.mp4", f"{tmp_path}/in/link/loop.mp4"]


def test_a_pipe_is_not_a_video_but_a_broken_link_is_an_item(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "gone.mp4").symlink_to(tmp_path / "nowhere")
    assert urls(tmp_path) == [f"{tmp_path}/gone.mp4"]


def test_excluded_folders_hold_no_sources(make: Make, tmp_path: Path) -> None:
    a = make("a.mp4")
    make("dataset/media/clip.mp4")
    assert [ref.url for ref in discover([str(tmp_path)], exclude=[str(tmp_path / "dataset")])] == [str(a)]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nope.mp4", "nope.mp4: no such file or folder"),
        ("new\nline.mp4", "new\\nline.mp4: no such file or folder"),
        (
            "*.mp4",
            "*.mp4: no videos found; looked for .mp4, .mkv, .webm and 34 more; other files can be named outright",
        ),
        (
            "empty",
            "empty: no videos found; looked for .mp4, .mkv, .webm and 34 more; other files can be named outright",
        ),
        ("hdfss://x/y.mp4", 'hdfss://x/y.mp4: unknown protocol "hdfss"; did you mean "hdfs"?'),
    ],
)
def test_an_input_that_names_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError) as caught:
        discover([name])
    assert str(caught.value) == message


def test_no_input() -> None:
    with pytest.raises(UserError, match="no input; name a file"):
        discover([])


def test_one_input_that_names_nothing_is_told_even_when_others_do(make: Make, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nope\.mp4"):
        discover([str(make("a.mp4")), str(tmp_path / "nope.mp4")])


def test_the_output_is_no_source_however_it_is_spelled(tmp_path: Path) -> None:
    (tmp_path / "dataset" / "media").mkdir(parents=True)
    (tmp_path / "dataset" / "media" / "clip.mp4").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "dataset")
    for named, output in (("dataset", "link"), ("link", "dataset")):
        with pytest.raises(UserError, match="all its videos lie in the output"):
            discover([str(tmp_path / named)], exclude=[str(tmp_path / output)])
