"""`curation report` as a user calls it: where it writes, what it refuses, and datasets that are odd."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from curation.dataset.storage import Storage
from tests.curation.report.html_page import read_page, self_contained
from tests.curation.report.small_datasets import clip, video, write_media, write_tables

Curation = Callable[..., subprocess.CompletedProcess[str]]
HOSTILE = "<script>alert(1)</script>\n$x_2$ \x07 🎬 \"'&amp;{{ 7*7 }}.mp4"


def test_without_a_filter(films: Storage, pipelines: Path, curation_here: Curation) -> None:
    called = curation_here("report", films.root)
    assert called.returncode == 0
    assert "Report: films.html" in called.stdout
    page = read_page(pipelines / "films.html")
    assert not list(page.all(id="filter"))
    assert len(list(page.one(id="samples").all("img"))) == 12
    # Written again over itself, and never over something else.
    assert curation_here("report", films.root, "--samples", "0").returncode == 0
    assert not list(read_page(pipelines / "films.html").all("img"))
    (pipelines / "films.html").write_text("mine")
    called = curation_here("report", films.root)
    assert (called.returncode, called.stderr.count("\n")) == (2, 1)
    assert (pipelines / "films.html").read_text() == "mine"


@pytest.mark.parametrize("videos", [[], [video("a.mp4", status="failed", error_stage="source", error="no video")]])
def test_no_clips(videos: list[dict[str, object]], pipelines: Path, curation_here: Curation) -> None:
    write_tables(pipelines / "empty", videos)
    for arguments in [(), ("--filter", "still")]:
        assert curation_here("report", "empty", "-o", "r.html", *arguments).returncode == 0
        page = read_page(pipelines / "r.html")
        assert page.one(id="clips-number").text.startswith("0")
        assert page.one(id="videos-number").text.startswith(str(len(videos)))
        assert ("Every video failed" in page.text) == bool(videos)
        assert "not applied" in page.text if arguments else "not applied" not in page.text


def test_hostile_names_are_texts(pipelines: Path, curation_here: Curation) -> None:
    sources = [HOSTILE, "../../etc/passwd", "z" * 5000]
    clips = [clip(source, index, mode=HOSTILE if index else "copy") for source in sources for index in range(2)]
    captions = [{"clip_id": row["clip_id"], "caption_vlm": HOSTILE, "vlm_error": HOSTILE} for row in clips]
    failed = video("</td><img src=http://example.com/x>", status="failed", error_stage=HOSTILE, error=HOSTILE)
    storage = write_tables(pipelines / "odd", [*map(video, sources), failed], clips, {"vlm": captions})
    write_media(storage, clips, pipelines)
    (pipelines / "odd.yaml").write_text(
        'filters: {odd: {rules: [{sql: "mode <> \'<script>\'", name: "</pre><script>$x$\\n🎬"}]}}'
    )
    called = curation_here("report", "odd", "-f", "odd", "--config", "odd.yaml", "-o", "r.html")
    assert called.returncode == 0, called.stderr
    page = read_page(pipelines / "r.html")
    shown = "<script>alert(1)</script> $x_2$ \\x07 🎬 \"'&amp;{{ 7*7 }}.mp4"
    texts = {node.text for node in page.all()}
    assert shown in texts
    assert any(label.startswith("</pre><script>$x$ 🎬") for label in texts)
    assert max(len(text) for text in (node.text for node in page.all("td"))) < 1000


def test_clips_that_cannot_be_read_are_placeholders(pipelines: Path, curation_here: Curation) -> None:
    clips = [clip("a.mp4", index) for index in range(4)]
    clips[3]["media"] = "../outside.mp4"
    storage = write_tables(pipelines / "dataset", [video("a.mp4")], clips)
    write_media(storage, clips[:2], pipelines)
    storage.write_bytes(clips[1]["media"], b"no video at all")
    (pipelines / "outside.mp4").write_bytes(storage.read_bytes(clips[0]["media"]))
    called = curation_here("report", "dataset", "-o", "r.html")
    assert called.returncode == 1
    assert "3 of 4 clips could not be shown" in called.stdout
    shown = {figure.one("code").text: figure for figure in read_page(pipelines / "r.html").all(class_="clip")}
    reasons = ["", "cannot open as video", "its file is not there", "its path is not one inside the dataset"]
    for row, reason in zip(clips, reasons, strict=True):
        figure = shown[row["clip_id"]]
        assert len(list(figure.all("img"))) == (not reason)
        assert reason in figure.text


def test_on_an_object_store(s3_bucket: str, pipelines: Path, curation_here: Curation) -> None:
    clips = [clip("a.mp4", index) for index in range(3)]
    flow = [{"clip_id": row["clip_id"], "motion_score": float(number)} for number, row in enumerate(clips)]
    storage = write_tables(f"{s3_bucket}/lvd", [video("a.mp4")], clips, {"optical_flow": flow})
    write_media(storage, clips[:2], pipelines)
    called = curation_here("report", f"{s3_bucket}/lvd", "-f", "by-source", "-o", f"{s3_bucket}/pages/r.html")
    assert called.returncode in (0, 1), called.stderr
    html = Storage(f"{s3_bucket}/pages").read_bytes("r.html").decode()
    page = self_contained(html)
    assert f"{s3_bucket}/lvd" in page.one("table", id="provenance-table").text
    pictures = [figure.one("code").text for figure in page.all(class_="clip") if list(figure.all("img"))]
    assert set(pictures) == {row["clip_id"] for row in clips[:2]}


def test_mistakes_are_one_line(films: Storage, pipelines: Path, curation_here: Curation) -> None:
    for arguments, told in [
        ((str(pipelines),), "not a dataset"),
        ((films.root, "-f", "stil"), 'did you mean "still"'),
        ((films.root, "-f", "lvd-f"), "curation annotate"),
        ((films.root, "-o", "report.txt"), "ends in .html"),
        ((films.root, "--set", "text_area.max=1"), "--filter"),
        ((films.root, "-o", "s4://x/r.html"), "s4"),
        ((films.root, "-o", "pipelines.yaml/r.html", "--samples", "0"), "--output pipelines.yaml/r.html"),
    ]:
        called = curation_here("report", *arguments)
        assert called.returncode == 2
        assert told in called.stderr, called.stderr
        assert "Traceback" not in called.stderr
    assert not re.search(r"\.html$", " ".join(map(str, pipelines.iterdir())))
