"""The same dataset from two nodes, on an object store, and without Ray."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.compare import contents
from tests.end_to_end.conftest import QUICK, Uninterrupted, curation

TWO_NODES = """
import sys
from ray.cluster_utils import Cluster
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
cluster.add_node(num_cpus=1)
cluster.wait_for_nodes()
print(cluster.address, flush=True)
sys.stdin.read()
cluster.shutdown()
"""


@pytest.fixture
def two_nodes() -> Iterator[str]:
    """A Ray cluster of two nodes with one CPU each, on this machine; its address."""
    nodes = subprocess.Popen(
        [sys.executable, "-c", TWO_NODES], stdin=-1, stdout=-1, stderr=subprocess.DEVNULL, text=True, cwd="/"
    )
    assert nodes.stdout is not None
    yield nodes.stdout.readline().strip()
    nodes.communicate("")


def test_two_nodes_give_the_same_dataset(uninterrupted: Uninterrupted, two_nodes: str, tmp_path: Path) -> None:
    """The dataset is named relative to a directory that is not the workers'."""
    done = curation("run", *uninterrupted.inputs, "-o", "dataset", *QUICK, "--address", two_nodes, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert contents(str(tmp_path / "dataset")) == contents(str(uninterrupted.dataset))


def test_a_cluster_that_is_not_there(bikes: Path, tmp_path: Path) -> None:
    """$RAY_ADDRESS is set within `ray job submit`."""
    done = curation("run", bikes, "-o", tmp_path / "dataset", *QUICK, env={"RAY_ADDRESS": "127.0.0.1:9"})
    assert done.returncode == 2
    assert "127.0.0.1:9: no Ray cluster to join there" in done.stderr


def test_in_one_process_the_same_dataset(uninterrupted: Uninterrupted, tmp_path: Path) -> None:
    done = curation("run", *uninterrupted.inputs, "-o", tmp_path / "dataset", *QUICK, "--in-process")
    assert done.returncode == 0, done.stderr
    assert contents(str(tmp_path / "dataset")) == contents(str(uninterrupted.dataset))


def test_on_s3_the_same_dataset(uninterrupted: Uninterrupted, s3_bucket: str) -> None:
    url = f"{s3_bucket}/sets/dataset"
    done = curation("run", *uninterrupted.inputs, "-o", url, *QUICK)
    assert done.returncode == 0, done.stderr
    assert contents(url) == contents(str(uninterrupted.dataset))
    again = curation("run", *uninterrupted.inputs, "-o", url, *QUICK)
    assert again.returncode == 0
    assert "Nothing to do" in again.stdout
