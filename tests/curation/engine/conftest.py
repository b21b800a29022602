"""One Ray session for all tests of the engine: starting one takes seconds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from curation.engine.cluster import ray_session


@pytest.fixture(scope="session")
def ray_here() -> Iterator[None]:
    """Ray on this machine, which jobs find running and leave running."""
    with ray_session(None):
        yield
