from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.errors import UserError
from curation.sources.discover import discover

Make = Callable[..., Path]


def found(path: Path) -> list[tuple[str, dict[str, object]]]:
    return [(ref.url, dict(ref.columns)) for ref in discover([str(path)])]


def test_text(make: Make, tmp_path: Path) -> None:
    manifest = make(
        "lists/all.txt", "\ufeff# my videos\r\n\r\na.mp4\r\n ../b c#1.mp4 \r\n/abs/c.mp4\r\ns3://bucket/d.mp4\r\n"
    )
    pytest.importorskip("s3fs")
    assert found(manifest) == [
        (f"{tmp_path}/lists/a.mp4", {}),
        (f"{tmp_path}/b c#1.mp4", {}),
        ("/abs/c.mp4", {}),
        ("s3://bucket/d.mp4", {}),
    ]


def test_csv_carries_columns_as_text(make: Make, tmp_path: Path) -> None:
    manifest = make("m.csv", 'Label,URL,caption\n007,a.mp4,"two, ""quoted""\nlines"\n,b.mp4\n')
    assert found(manifest) == [
        (f"{tmp_path}/a.mp4", {"Label": "007", "caption": 'two, "quoted"\nlines'}),
        (f"{tmp_path}/b.mp4", {"Label": None, "caption": None}),
    ]


def test_tsv(make: Make, tmp_path: Path) -> None:
    assert found(make("m.tsv", "file\tlabel\na, b.mp4\tx\n")) == [(f"{tmp_path}/a, b.mp4", {"label": "x"})]


def test_jsonl_keeps_kinds_and_makes_each_column_one_kind(make: Make, tmp_path: Path) -> None:
    rows = [
        {"video": "a.mp4", "n": 1, "x": 1, "mixed": True, "tags": ["p", "q"], "hash": 2**64, "only_a": 1},
        {"video": "b.mp4", "n": 2, "x": 0.5, "mixed": "yes", "tags": None, "hash": 3},
    ]
    assert found(make("m.jsonl", "\n".join(map(json.dumps, rows)) + "\n\n")) == [
        (
            f"{tmp_path}/a.mp4",
            {"n": 1, "x": 1.0, "mixed": "true", "tags": '["p", "q"]', "hash": "18446744073709551616", "only_a": 1},
        ),
        (f"{tmp_path}/b.mp4", {"n": 2, "x": 0.5, "mixed": "yes", "tags": None, "hash": "3"}),
    ]


def test_parquet(tmp_path: Path) -> None:
    day = datetime.date(2024, 2, 29)
    table = pa.table(
        {"Path": ["a.mp4", "/x/b.mp4"], "label": pa.array(["u", None]).dictionary_encode(), "day": [day, None]}
    )
    pq.write_table(table, tmp_path / "m.parquet")
    assert found(tmp_path / "m.parquet") == [
        (f"{tmp_path}/a.mp4", {"label": "u", "day": "2024-02-29"}),
        ("/x/b.mp4", {"label": None, "day": None}),
    ]


def test_columns_that_the_table_of_videos_has_itself_are_renamed(make: Make) -> None:
    ((_, columns),) = found(make("m.csv", "path,FPS,status,label\na.mp4,25,new,x\n"))
    assert columns == {"manifest_FPS": "25", "manifest_status": "new", "label": "x"}


def test_columns_of_two_manifests_are_joined_and_the_first_value_wins(make: Make, tmp_path: Path) -> None:
    make("v/a.mp4")
    first = make("1.csv", "path,label\nv/a.mp4,one\n")
    second = make("2.jsonl", '{"path": "v/a.mp4", "label": "two", "n": 5}\n')
    (ref,) = discover([str(tmp_path / "v"), str(first), str(second)])
    assert ref.columns == {"label": "one", "n": 5}


def test_an_entry_that_does_not_exist_is_left_for_later(make: Make, tmp_path: Path) -> None:
    entries = ["gone.mp4", "nope://x/y.mp4", "half\ud800.mp4"]
    manifest = make("m.jsonl", "".join(json.dumps({"path": entry}) + "\n" for entry in entries))
    assert [url for url, _ in found(manifest)] == [
        f"{tmp_path}/gone.mp4",
        "nope://x/y.mp4",
        f"{tmp_path}/half\\ud800.mp4",
    ]


def test_a_file_beside_the_manifest_wins_over_a_url_of_the_same_name(make: Make, tmp_path: Path) -> None:
    make("a::b.mp4")
    assert found(make("m.txt", "a::b.mp4\n")) == [(f"{tmp_path}/a::b.mp4", {})]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("m.txt", "# nothing\n", "m.txt: lists no videos"),
        ("m.txt", b"\x00\x00\x00\x20ftyp\xff", "m.txt: not a text file in UTF-8; a manifest lists one source per line"),
        ("m.csv", "path,url\na,b\n", "m.csv: path and url could both name the source; rename or remove all but one"),
        (
            "m.csv",
            "name,label\na,b\n",
            "m.csv: no column named path, url, video or file among name, label; rename the one that names the source",
        ),
        ("m.csv", "path,label,label\na,b,c\n", 'm.csv:1: the column "label" stands twice; rename one'),
        ("m.csv", "path,label\na,b,c\n", "m.csv:2: 3 cells under 2 columns; put quotes around commas"),
        ("m.csv", 'path,label\na,"b\n', "m.csv:2: not valid CSV: unexpected end of data"),
        ("m.csv", "path,label\n,b\n", 'm.csv:2: "path" should be a path or URL, not null'),
        ("m.jsonl", '{"path": "a"}\n[1]\n', 'm.jsonl:2: should be an object such as {"path": "a.mp4"}'),
        ("m.jsonl", '{"path": 3}\n', 'm.jsonl:1: "path" should be a path or URL, not 3'),
    ],
)
def test_malformed_manifests(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: str | bytes, message: str
) -> None:
    make(name, content)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as caught:
        discover([name])
    assert str(caught.value) == f"{tmp_path}/{message}"


@pytest.mark.parametrize(("name", "content"), [("m.jsonl", "{'path': 1}\n"), ("m.parquet", "PAR1 not really")])
def test_what_the_parser_says_is_passed_on_in_one_line(make: Make, name: str, content: str) -> None:
    with pytest.raises(UserError, match=f"{name}.*not valid") as caught:
        discover([str(make(name, content))])
    assert "\n" not in str(caught.value)


def test_a_column_named_as_another_would_be_renamed_is_kept(make: Make, tmp_path: Path) -> None:
    rows = [{"path": "a.mp4", "manifest_fps": "m", "fps": 25}, {"path": "b.mp4", "FPS": 24}]
    assert found(make("m.jsonl", "\n".join(map(json.dumps, rows)))) == [
        (f"{tmp_path}/a.mp4", {"manifest_fps": 25, "manifest_manifest_fps": "m"}),
        (f"{tmp_path}/b.mp4", {"manifest_FPS": 24}),
    ]
    first = make("first.jsonl", '{"path": "a.mp4", "fps": 25}')
    second = make("second.jsonl", '{"path": "a.mp4", "manifest_fps": "m"}')
    (ref,) = discover([str(first), str(second)])
    assert ref.columns == {"manifest_fps": 25, "manifest_manifest_fps": "m"}
