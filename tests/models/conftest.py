"""What the tests of model wrappers share."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def device() -> str:
    """Where models run: a GPU where there is one."""
    import torch

    torch.set_num_threads(1)
    return "cuda" if torch.cuda.is_available() else "cpu"
