"""A dataset with playable clips, and the application over it."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from curation.dataset.storage import Storage
from curation.tune.access import Access
from curation.tune.app import tune_app
from curation.tune.session import Session
from tests.curation.tune.clips import write_playable_dataset

HOST = "127.0.0.1:8420"

YAML = """\
# Ours.
filters:
  # What we train on.
  calm:
    description: slow and without text
    rules:
      - motion_score: {max: 3} # not too fast
      # Titles are no film.
      - text_area: {max: 0.07}
  other: {rules: [{motion_score: {min: 1}}]}

recipes: {} # none yet
"""

Client = Callable[..., TestClient]


@pytest.fixture(scope="session")
def playable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset; shared, not to be written to."""
    folder = tmp_path_factory.mktemp("playable")
    write_playable_dataset(str(folder / "dataset"), folder)
    return folder / "dataset"


@pytest.fixture
def dataset(playable: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(playable, tmp_path / "dataset"))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A file of the user's with filters and comments."""
    path = tmp_path / "filters.yaml"
    path.write_text(YAML)
    return path


@pytest.fixture(scope="session")
def opened(playable: Path) -> Session:
    """The dataset, read once."""
    return Session(Storage(str(playable)))


@pytest.fixture
def client_of(opened: Session, config: Path) -> Client:
    """Makes a client of the application; ``host``: where it listens, ``url``: of the dataset."""

    def make(host: str = "127.0.0.1", *, url: str | None = None, with_token: bool = False) -> TestClient:
        session = copy.copy(opened) if url is None else Session(Storage(url), config)
        session.target = config
        access = Access.of(host, 8420, with_token=with_token)
        client = TestClient(tune_app(session, access), base_url=f"http://{HOST}", raise_server_exceptions=False)
        client.app_state = {"access": access, "session": session}
        return client

    return make


@pytest.fixture
def client(client_of: Client) -> TestClient:
    """A client on the loopback address, without a token."""
    return client_of()
