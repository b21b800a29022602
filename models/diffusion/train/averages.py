"""Looking at a model with averaged weights while it is trained."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from models.diffusion.train.checkpoint import Training


@contextmanager
def averaged(training: Training, name: str) -> Iterator[None]:
    """The network has the average ``name`` as its weights inside the body, and its own, to the bit, after it."""
    parameters = training.parameters()
    average = training.ema.weights(name)
    kept = {key: parameter.detach().clone() for key, parameter in parameters.items()}
    with torch.no_grad():
        for key, parameter in parameters.items():
            parameter.copy_(average[key])
    try:
        yield
    finally:
        with torch.no_grad():
            for key, parameter in parameters.items():
                parameter.copy_(kept[key])
