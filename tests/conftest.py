"""Fixtures that tests of all packages share."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import fsspec
import pytest
from hypothesis import settings

from curation.cli import main
from tests.chromium import REASON, chromium
from tests.material.builder import build
from tests.material.recipes import Recipe
from tests.material.sets import MATERIAL_CACHE, build_set
from tests.material.sources import BIKES, TRAILER
from tests.material.truth import Joined

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# One thread per library: what is computed here is small, and threads of two test processes wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# How long an example takes says more about what else the machine does than about the code.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


# Where tests take longest. Several processes are given them first: else one would work on alone in the end.
LONGEST = ("tests/end_to_end/", "tests/models/diffusion/train/", "tests/stages/", "tests/curation/engine/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put them first; otherwise the order stays."""
    items.sort(key=lambda item: next((n for n, part in enumerate(LONGEST) if part in item.nodeid), len(LONGEST)))


@pytest.fixture(scope="session")
def trailer() -> Path:
    """A real film trailer: 55 s of 720p H.264; hard cuts at frames 593, 864, 900, 988, 1049; fades; title cards."""
    return TRAILER


@pytest.fixture(scope="session")
def bikes() -> Path:
    """Ten seconds of street scenes; hard cuts at frames 30, 76, 137, 187, 242 of 250."""
    return BIKES


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium; the test is skipped where there is none."""
    pytest.importorskip("playwright", reason="playwright is not installed: pip install playwright")
    with chromium() as found:
        if found is None:
            pytest.skip(REASON)
        yield found


@pytest.fixture
def curation_here(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Calls the entry point of the console script in this process: what a new one needs seconds for to begin."""
    monkeypatch.setenv("COLUMNS", "250")

    def call(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        words = ["curation", *map(str, arguments)]
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        status = ended.value.code or 0
        assert isinstance(status, int)
        return subprocess.CompletedProcess(words, status, printed.out, printed.err)

    return call


@pytest.fixture(scope="session")
def material_directory(request: pytest.FixtureRequest) -> Path:
    """Where generated videos are kept from run to run: $CURATION_TEST_MATERIAL, or pytest's cache."""
    directory = os.environ.get(MATERIAL_CACHE)
    if directory:
        return Path(directory)
    cache: pytest.Cache = request.config.cache
    return cache.mkdir("material")


@pytest.fixture(scope="session")
def build_video(material_directory: Path) -> Callable[[Recipe], Joined]:
    """Builds the video of a recipe, or takes the one built before. The file is shared: do not write to it."""
    return lambda recipe: build(recipe, material_directory)


@pytest.fixture(scope="session")
def joined_set(material_directory: Path) -> list[Joined]:
    """The 27 joined videos; takes more than a minute when they are not there yet."""
    return build_set(material_directory)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[None]:
    """A real S3-protocol server in this process, which the environment names."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ACCESS_KEY_ID", "test")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "test")
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        environment.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        yield
    server.stop()


@pytest.fixture
def s3_bucket(s3_server: None) -> str:
    """URL of a new bucket: what one test has left in it would be part of the dataset of another."""
    name = f"bucket-{uuid.uuid4().hex}"
    fsspec.filesystem("s3", skip_instance_cache=True).mkdir(name)
    return f"s3://{name}"
