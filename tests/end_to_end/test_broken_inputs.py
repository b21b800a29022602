"""A folder of damaged, hostile and odd files: one row each, a reason for each that failed, everything else complete."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import pytest

from tests.end_to_end.conftest import QUICK, curation
from tests.material import broken, odd

DAMAGED = {"cut_off_media", "zeroed_middle", "bit_flips_few", "bit_flips_many", "bit_flips_everywhere"}


@pytest.mark.timeout(400)
def test_every_input_has_its_row(tmp_path: Path) -> None:
    inputs = [
        *broken.make_all(tmp_path / "broken"),
        *odd.make_all(tmp_path / "odd"),
        *odd.make_names(tmp_path / "names"),
    ]
    if os.getuid() == 0:
        inputs = [one for one in inputs if one.name != "no_permission"]
    dataset = tmp_path / "dataset"
    odd_names = tmp_path / "names"
    listed = [one.path for one in inputs if odd_names not in one.path.parents]
    done = curation("run", *listed, odd_names, "-o", dataset, *QUICK, timeout=380)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    rows = duckdb.sql(
        f"SELECT source, duplicates, status, error_stage, error, num_clips FROM '{dataset}/videos/*.parquet'"
    ).fetchall()
    found = {}
    for source, duplicates, *rest in rows:
        found.update(dict.fromkeys([source, *duplicates], rest))
    for one in inputs:
        status, stage, error, clips = found[_stored_name(one.path)]
        expected = "failed" if one.name in DAMAGED else one.outcome
        assert expected in ("either", status), f"{one.name} ({one.why}): {status}, {stage}: {error}"
        assert (status == "failed") == bool(stage and error), one.name
        assert error is None or ("\n" not in error and "Error:" not in error), f"{one.name}: {error}"
        assert clips > 0 or status == "failed" or one.outcome == "either", one.name
    _nothing_leaked(dataset)


def test_a_name_that_is_not_unicode_is_told(tmp_path: Path, bikes: Path) -> None:
    link = tmp_path / os.fsdecode(b"caf\xe9.mp4")
    link.symlink_to(bikes)
    done = curation("run", link, "-o", tmp_path / "dataset", *QUICK)
    assert done.returncode == 2
    assert "caf\\udce9.mp4: this name is not UTF-8; give the folder" in done.stderr


def _stored_name(path: Path) -> str:
    """As `videos` stores it: an absolute path, or a URL where the name is not Unicode."""
    absolute = os.path.abspath(path)
    try:
        absolute.encode()
    except UnicodeEncodeError:
        return path.absolute().as_uri()
    return absolute


def _nothing_leaked(dataset: Path) -> None:
    """Files that only a hostile file names are in no clip: they would be rows of their own."""
    sources = duckdb.sql(f"SELECT source FROM '{dataset}/clips/*.parquet'").fetchall()
    assert sources
    assert not any("elsewhere" in source or "playlist" in source for (source,) in sources)
