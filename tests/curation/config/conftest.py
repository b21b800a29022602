from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Write = Callable[[str], Path]

STAGES = "tests.curation.config.example_stages"
BASE = f"""\
pipelines:
  base:
    stages:
      - cutter: {{use: "{STAGES}:Cutter"}}
      - clipper:
          use: {STAGES}:Clipper
          min_seconds: 1
          run: {{num_cpus: 2, batch_size: 4}}
      - hint: {{use: "{STAGES}:Hint"}}
      - motion:
          use: {STAGES}:Motion
          fps: 4
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes ./pipelines.yaml of an empty working directory; returns its relative path."""
    monkeypatch.chdir(tmp_path)

    def to_file(text: str) -> Path:
        Path("pipelines.yaml").write_text(text, encoding="utf-8")
        return Path("pipelines.yaml")

    return to_file
