"""Telling the user of GPUs that are there while a stage that would gain from one runs on the CPU."""

from __future__ import annotations

from collections.abc import Sequence

from curation.engine.spec import StageSpec


def idle_gpus(specs: Sequence[StageSpec], gpus: float) -> str | None:
    """What to say of stages that get no GPU of the ``gpus`` that there are; None when there is nothing to say."""
    slow = [spec.name for spec in specs if spec.run.num_gpus == 0 and spec.build().gains_from_gpu()]
    if not gpus or not slow:
        return None
    return (
        f"{', '.join(slow)}: on the CPU, though there are {gpus:g} GPUs; "
        "run.num_gpus gives a stage one, or a part of one (0.25)"
    )
