"""What a page says of a dataset and a filter, against what DuckDB says of the tables."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from curation.config import load_config
from curation.dataset.fingerprint import dataset_fingerprint
from curation.dataset.storage import Storage
from curation.filters import ClipTable, filter_of, load_filter, write_selection
from curation.filters.apply import apply_filter
from curation.report.provenance import filter_provenance
from curation.report.report import build_report
from tests.curation.report.conftest import PIPELINES, SOURCES
from tests.curation.report.html_page import Node, self_contained
from tests.curation.report.small_datasets import ident

# A quarter of the 58 values, half up: 15 are below the bound.
BOUND = "(SELECT motion_score FROM t ORDER BY motion_score LIMIT 1 OFFSET 15)"
OTHERS = "text_area <= 0.5 AND mode <> 'exact'"
KEPT = f"motion_score BETWEEN {BOUND} AND 50 AND {OTHERS}"
EACH_SIDE = 3


def build(films: Storage, filter: str, folder: Path, *overrides: str) -> Node:
    (folder / "pipelines.yaml").write_text(PIPELINES)
    wanted = load_filter(load_config(folder / "pipelines.yaml"), filter, overrides)
    return self_contained(build_report(films, wanted, clips_each_side=EACH_SIDE).html)


@pytest.fixture(scope="module")
def page(films: Storage, tmp_path_factory: pytest.TempPathFactory) -> Node:
    return build(films, "still", tmp_path_factory.mktemp("still"))


def sql(storage: Storage, query: str) -> list[tuple[object, ...]]:
    """A query over the wide table ``t``, made by hand."""
    root = storage.root
    joins = " ".join(
        f"LEFT JOIN '{root}/annotations/{stage}/*.parquet' USING (clip_id)"
        for stage in ("optical_flow", "text_detection", "vlm", "dedup")
    )
    return duckdb.sql(f"WITH t AS (SELECT * FROM '{root}/clips/*.parquet' {joins}) {query}").fetchall()


def ids_in(strip: Node) -> list[str]:
    return [node.text for node in strip.all("code")]


def amount(clips: int, whole: int, seconds: float) -> str:
    return f"{clips} {100 * clips / whole:.1f} % · {seconds / 60:.1f} min"


def test_amounts(page: Node, films: Storage) -> None:
    length = "end_s - start_s"
    ((clips, seconds, kept, kept_s),) = sql(
        films, f"SELECT count(*), sum({length}), count(*) FILTER ({KEPT}), sum({length}) FILTER ({KEPT}) FROM t"
    )
    assert page.one(id="videos-number").text == "5 3.0 min"
    assert page.one(id="videos-failed").text.split()[0] == "2"
    assert page.one(id="clips-number").text == f"{clips} {seconds / 60:.1f} min"
    assert page.one(id="clips-kept").text == amount(kept, clips, kept_s)
    hours = next(svg for svg in page.all("svg") if "Length of video" in svg.attributes["aria-label"])
    assert f"kept by still: {kept_s / 60:.1f} min" in hours.attributes["aria-label"]


def test_funnel(page: Node, films: Storage) -> None:
    drops = {
        "motion_score: max 50, drop_lowest 25%": f"motion_score IS NULL OR motion_score NOT BETWEEN {BOUND} AND 50",
        "text_area: max 0.5": "text_area > 0.5",
        "mode: not_in [exact]": "mode = 'exact'",
    }
    rows = page.one("table", id="funnel").rows()
    assert [row[0] for row in rows] == ["all clips", *drops]
    ((clips,),) = sql(films, "SELECT count(*) FROM t")
    for place, (row, drop) in enumerate(zip(rows[1:], drops.values(), strict=True)):
        before = " AND ".join(f"NOT ({other})" for other in list(drops.values())[:place]) or "true"
        others = " AND ".join(f"NOT ({other})" for other in drops.values() if other != drop)
        for cell, condition in {
            2: drop,
            3: f"({drop}) AND {before}",
            4: f"({drop}) AND {others}",
            5: f"NOT ({drop}) AND {before}",
        }.items():
            ((number, seconds),) = sql(
                films, f"SELECT count(*), coalesce(sum(end_s - start_s), 0) FROM t WHERE {condition}"
            )
            assert row[cell] == amount(number, clips, seconds), (row[0], cell)
    assert rows[1][1] == "2"


def test_scores(page: Node, films: Storage) -> None:
    scores = {row[0]: row[1:] for row in page.one("table", id="score-table").rows()}
    assert list(scores)[:2] == ["motion_score", "text_area"]
    assert scores["motion_score"][:3] == ["58", "2", "1"]
    quantiles = "[0, 0.05, 0.5, 0.95, 1]"
    for name in ("motion_score", "text_area", "duplicate_similarity"):
        ((expected,),) = sql(films, f"SELECT quantile_cont({name}::DOUBLE, {quantiles}) FROM t")
        assert [float(value) for value in scores[name][3:]] == pytest.approx(expected, rel=1e-3)
    told = [svg.attributes["aria-label"] for svg in page.all("svg")]
    (motion,) = [text for text in told if text.startswith("Histogram of motion_score")]
    ((kept,),) = sql(films, f"SELECT count(*) FROM t WHERE {KEPT}")
    assert "58 clips from 0 to 59" in motion
    assert f"{kept} kept by the filter, threshold ≥ 16, threshold ≤ 50" in motion


def test_clips_around_each_threshold(page: Node, films: Storage) -> None:
    strips = {strip.one("h4").text: strip for strip in page.all(class_="strip")}
    for heading, query in {
        "Just dropped, below 16": f"WHERE motion_score < {BOUND} AND {OTHERS} ORDER BY motion_score DESC",
        "Just kept, from 16": f"WHERE motion_score BETWEEN {BOUND} AND 50 AND {OTHERS} ORDER BY motion_score",
        "Just dropped, above 50": f"WHERE motion_score > 50 AND {OTHERS} ORDER BY motion_score",
        "Just kept, up to 50": f"WHERE motion_score BETWEEN {BOUND} AND 50 AND {OTHERS} ORDER BY motion_score DESC",
    }.items():
        nearest = sql(films, f"SELECT clip_id, motion_score::INT::VARCHAR FROM t {query} LIMIT {EACH_SIDE}")
        assert ids_in(strips[heading]) == [clip_id for clip_id, _ in nearest], heading
        assert [node.text for node in strips[heading].all("b")] == [score for _, score in nearest]
    alone = f"mode = 'exact' AND text_area <= 0.5 AND motion_score BETWEEN {BOUND} AND 50"
    exact = {row[0] for row in sql(films, f"SELECT clip_id FROM t WHERE {alone}")}
    assert exact
    assert set(ids_in(strips["mode: not_in [exact]"])) == exact
    random = ids_in(page.one(id="samples"))
    assert len(random) == 2 * EACH_SIDE
    assert set(random) <= {row[0] for row in sql(films, f"SELECT clip_id FROM t WHERE {KEPT}")}
    assert len(list(page.all("img"))) == len(list(page.all(class_="clip"))) > 20


def test_failures(page: Node) -> None:
    told = page.one(id="failures").text
    assert "source 2 videos" in told
    assert "optical_flow 1 clip" in told
    assert "cannot decode" in told


def test_captions(page: Node, films: Storage) -> None:
    (row,) = page.one("table", id="caption-table").rows()
    ((there, different),) = sql(
        films, "SELECT count(*), count(DISTINCT caption_vlm) FROM t WHERE trim(caption_vlm) <> ''"
    )
    assert row == ["caption_vlm model 59", str(there), "1", "1", "1", str(different)]
    assert "from 6 to 6 words" in next(page.one(id="captions").all("svg")).attributes["aria-label"]
    assert "2 × a dog runs past tree 1" in page.one(id="captions").text


def test_duplicates(page: Node, films: Storage) -> None:
    ((kept,),) = sql(films, f"SELECT count(*) FROM t WHERE duplicate_of IS NOT NULL AND {KEPT}")
    assert (page.one(id="duplicates-number").text, page.one(id="duplicates-kept").text) == ("4", str(kept))
    pairs = list(page.all(class_="pair"))
    assert [next(pair.all("b")).text for pair in pairs] == ["0.96", "0.97", "0.98", "0.99"]
    assert all(ids_in(pair)[1] == ident(f"{SOURCES[0]}/0") for pair in pairs)


def test_sources_and_kinds(page: Node, films: Storage) -> None:
    rows = page.one("table", id="source-table").rows()
    name = "split_part(parse_filename(source), '?', 1)"
    kept = dict(sql(films, f"SELECT {name}, count(*) FILTER ({KEPT}) FROM t GROUP BY 1"))
    assert {row[0]: int(row[3]) for row in rows} == kept
    told = " ".join(svg.attributes["aria-label"] for svg in page.one(id="clips").all("svg"))
    ((copied,),) = sql(films, f"SELECT count(*) FROM t WHERE {KEPT}")
    for text in (f"copy: {copied} of 57", "exact: 0 of 3", "64 × 48", "25 fps: ", "h264"):
        assert text in told
    assert "cut: 3 · 100.0 %" in page.one(id="transitions").one("svg").attributes["aria-label"]


def test_provenance(page: Node, films: Storage) -> None:
    assert page.one(id="fingerprint").text == dataset_fingerprint(films)
    assert films.root in page.one("table", id="provenance-table").text
    assert "not written yet" in page.one("table", id="provenance-table").text
    assert "text_area: {max: 0.5}" in page.one("pre", id="filter-written").text
    assert page.one("table", id="filter-resolved").rows()[0][2:] == ["16.0", "50"]
    assert "short_side: 64" in page.one(id="provenance").text


def test_secrets_of_urls_stay_out(page: Node) -> None:
    told = {value for node in page.all() for value in (node.text, *node.attributes.values())}
    assert "https://example.com/films/three.mp4" in told
    assert not [text for text in told if "secret" in text or "signature=" in text]


def test_bounds_of_groups(films: Storage, tmp_path: Path) -> None:
    page = build(films, "by-source", tmp_path)
    ordered = "list_sort(list(motion_score) FILTER (motion_score IS NOT NULL))"
    query = f"SELECT source, {ordered}[round(count(motion_score) / 2)::INT + 1] FROM t GROUP BY source ORDER BY source"
    bounds = [row[1] for row in sql(films, query)]
    rows = page.one("table", id="filter-resolved").rows()
    assert [float(row[2]) for row in rows[1:]] == bounds
    figure = next(svg for svg in page.all("svg") if "Histogram of motion_score" in svg.attributes["aria-label"])
    assert f"≥ {min(bounds):g} … {max(bounds):g}, by group" in figure.attributes["aria-label"]
    kept = f"SELECT clip_id FROM t JOIN ({query}) AS b(source, bound) USING (source) WHERE motion_score >= bound"
    (strip,) = page.all(class_="kept")
    assert len(ids_in(strip)) == EACH_SIDE
    assert set(ids_in(strip)) <= {row[0] for row in sql(films, kept)}


def test_stored_selection_is_compared(films: Storage, tmp_path: Path) -> None:
    copy = Storage(str(tmp_path / "copy"))
    for folder in ("videos", "clips", "annotations"):
        copy.fs.copy(films.path(folder), copy.path(folder), recursive=True)
    table = ClipTable.open(copy)
    first, second = (
        apply_filter(table, filter_of("still", {"rules": [{"text_area": {"max": most}}]})) for most in (0.5, 0.3)
    )
    write_selection(copy, first.verdicts, table)
    assert "is the result of these rules on these tables" in filter_provenance(copy, first).selection
    assert "holds the result of other rules" in filter_provenance(copy, second).selection
    copy.delete(copy.files("annotations/vlm"))
    changed = apply_filter(ClipTable.open(copy), first.verdicts.resolved.filter)
    assert "from other tables" in filter_provenance(copy, changed).selection
