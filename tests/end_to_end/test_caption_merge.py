"""`caption_merge` in a whole run against a server that misbehaves: failures are rows, and the key is nowhere."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from tests.end_to_end.conftest import curation
from tests.models.chat_server import KEY, Reply, fails, says, serving

PIPELINE = """
pipelines:
  merging:
    stages:
      - cut_detection: {{rates: [8], run: {{concurrency: 1}}}}
      - clipping: {{min_seconds: 1}}
      - givers: {{use: "tests.end_to_end.caption_givers:CaptionGivers"}}
      - caption_merge:
          use: "stages.caption_merge:CaptionMerge"
          engine: openai
          model: tiny
          base_url: {url}
          api_key_env: TEST_CHAT_KEY
          retries: 1
          run: {{concurrency: 1, batch_size: 4}}
"""
MERGED = """
    SELECT clip_index, caption_llm, caption_llm_source, caption_merge_error
    FROM '{0}/clips/*.parquet' JOIN '{0}/annotations/caption_merge/*.parquet' USING (clip_id) ORDER BY clip_index
"""


@pytest.mark.timeout(600)
def test_a_server_that_misbehaves_costs_its_clips_only(tmp_path: Path, bikes: Path) -> None:
    config, dataset, log = tmp_path / "pipelines.yaml", tmp_path / "dataset", tmp_path / "log.jsonl"
    environment = {"TEST_CHAT_KEY": KEY, "PYTHONPATH": str(Path(__file__).parents[2])}
    replies = {
        "clip0.": [fails(429, "slow down", headers={"Retry-After": "0"}), says("A street with clip nought.")],
        "clip1.": [fails(401, f"bad key {KEY}"), says("A street with clip one.")],
        "clip2.": [Reply(body=b"garbage"), says(f"Here is the caption: A street. {KEY}")],
        "clip3.": [says("I'm sorry, but I can't assist with that.")],
    }
    with serving(replies) as server:
        config.write_text(PIPELINE.format(url=server.url))
        arguments = ("--config", config, "--pipeline", "merging", "--log", log)
        done = curation("run", bikes, "-o", dataset, *arguments, env=environment, timeout=500)
        assert done.returncode == 1, done.stdout + done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        rows = duckdb.sql(MERGED.format(dataset)).fetchall()
        asked = dict(server.asked)
        again = curation("retry", dataset, "--in-process", env=environment, timeout=500)
        assert again.returncode == 0, again.stdout + again.stderr
        mended = duckdb.sql(MERGED.format(dataset)).fetchall()
    assert len(rows) >= 4
    assert [row[1:] for row in rows[:4]] == [
        ("A street with clip nought.", "llm", None),
        (None, None, "ItemError: HTTP 401: bad key [key]"),
        (None, None, "ItemError: the response is not JSON"),
        ("a man rides a bicycle", "fallback:refusal", None),
    ]
    assert all(source == "llm" for _, _, source, _ in rows[4:])
    assert asked == {"clip0.": 2, "clip1.": 1, "clip2.": 1, "clip3.": 1, "None": len(rows) - 4}
    assert [row[1] for row in mended[1:3]] == ["A street with clip one.", "A street. [key]"]
    assert [row for number, row in enumerate(mended) if number not in (1, 2)] == [
        row for number, row in enumerate(rows) if number not in (1, 2)
    ]
    for text in (done.stdout, done.stderr, again.stdout, again.stderr):
        assert KEY not in text
    for file in [log, *(file for file in dataset.rglob("*") if file.is_file())]:
        assert KEY.encode() not in file.read_bytes(), file
