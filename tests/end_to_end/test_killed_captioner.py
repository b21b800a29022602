"""`curation annotate` killed in the middle: what was captioned is not captioned again, and nothing is missing."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import duckdb

from curation.dataset.entry import read_entry
from curation.dataset.storage import Storage
from tests.end_to_end.conftest import curation
from tests.models.chat_server import ChatServer, serving

CLIPS, BATCH, KILLED_AT = 24, 4, 10
PIPELINE = f"""
pipelines:
  given:
    stages:
      - whole: {{use: "tests.curation.engine.stages:Whole", copies: {CLIPS}}}
      - givers: {{use: "tests.end_to_end.caption_givers:CaptionGivers"}}
"""
REPOSITORY = {"PYTHONPATH": str(Path(__file__).parents[2])}


def asked(server: ChatServer) -> Counter[int]:
    """How often each clip was asked about."""
    questions = [request["messages"][-1]["content"] for request in list(server.requests)]
    return Counter(int(number) for question in questions for number in re.findall(r"clip(\d+)\.", question))


def test_no_clip_is_captioned_twice_and_none_is_missing(tmp_path: Path, bikes: Path) -> None:
    config, dataset = tmp_path / "pipelines.yaml", tmp_path / "dataset"
    config.write_text(PIPELINE)
    first = ["run", bikes, "-o", dataset, "--config", config, "-p", "given", "--in-process"]
    done = curation(*first, env=REPOSITORY)
    assert done.returncode == 0, done.stderr
    with serving() as server:
        settings = {
            "engine": "openai",
            "model": "tiny",
            "base_url": server.url,
            "api_key_env": "null",
            "concurrent_requests": 1,
            "requests_per_minute": 240,
            "run.batch_size": BATCH,
            "run.concurrency": 1,
        }
        given = [f"--set=caption_merge.{name}={value}" for name, value in settings.items()]
        command = ["annotate", str(dataset), "--stage", "caption_merge", "--quiet", "--in-process", *given]
        environment = {**os.environ, **REPOSITORY}
        run = subprocess.Popen([str(Path(sys.executable).parent / "curation"), *command], env=environment)
        while sum(asked(server).values()) < KILLED_AT:
            assert run.poll() is None, "it ended before it could be killed"
            time.sleep(0.05)
        run.send_signal(signal.SIGKILL)
        run.wait()
        captioned = journaled(dataset)
        before = asked(server)
        assert BATCH <= len(captioned) < CLIPS
        again = curation(*command, env=REPOSITORY)
        assert again.returncode == 0, again.stderr
        after = asked(server)
    rows = duckdb.sql(
        f"SELECT clip_index, count(*), min(caption_llm) FROM '{dataset}/clips/*.parquet' "
        f"JOIN '{dataset}/annotations/caption_merge/*.parquet' USING (clip_id) GROUP BY ALL ORDER BY clip_index"
    ).fetchall()
    assert [(number, count) for number, count, _ in rows] == [(number, 1) for number in range(CLIPS)]
    assert all(f"clip{number}." in caption for number, _, caption in rows)
    assert after == {number: before[number] + (number not in captioned) for number in range(CLIPS)}
    assert sum(after.values()) - CLIPS <= BATCH, "only the batch that was in work is asked about again"


def journaled(dataset: Path) -> set[int]:
    """Numbers of the clips whose captions the killed run had put down."""
    numbers = dict(duckdb.sql(f"SELECT clip_id, clip_index FROM '{dataset}/clips/*.parquet'").fetchall())
    storage = Storage(str(dataset))
    found = storage.files("_state/journal/annotations/caption_merge")
    return {numbers[clip_id] for name in found for clip_id in read_entry(storage, name)[0]["clip_id"].to_pylist()}
