"""The hub of the tests, with this process's client of the hub turned to it: import `hub_fixture`, take ``hub``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from models import hub as hub_module
from tests.models.hub_server import HubServer, hub_server


@pytest.fixture(name="hub")
def hub_fixture(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubServer]:
    """A server without repositories; the cache is the folder "cache" below ``tmp_path``."""
    from huggingface_hub import constants

    with hub_server() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", server.url + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(hub_module, "_LISTINGS", {})
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield server
