"""What a worker does when the run that it belongs to is ending."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
import ray

from curation.engine.ledger_actor import LedgerActor
from curation.engine.source_worker import SourceWorker
from curation.engine.work import VideoItem, work_row


@pytest.mark.usefixtures("ray_here")
def test_a_video_is_not_failed_because_the_run_ends(tmp_path: Path, bikes: Path) -> None:
    ledger = LedgerActor.start()
    worker = SourceWorker(str(tmp_path), ledger, [], "fingerprint", [], {})
    ray.kill(ledger.actor)
    item = VideoItem("id", str(bikes), {}, bikes.stat().st_size, [])
    with pytest.raises(ray.exceptions.RayError):
        list(worker(pa.Table.from_pylist([work_row(item)])))
    assert not list(tmp_path.rglob("*"))
