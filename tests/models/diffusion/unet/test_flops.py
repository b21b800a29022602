"""Counted arithmetic against what is known in closed form, and against diffusers."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from models.diffusion.unet.flops import flops
from tests.models.diffusion.unet.tiny import config, inputs, network


def test_counts_what_a_real_pass_does_whatever_is_computed_again() -> None:
    settings = config()
    given = inputs(settings, batch=2, frames=3, size=(8, 6), tokens=5)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(settings)(*given)
    found = flops(config(activation_checkpointing="full"), frames=3, height=8, width=6, context_length=5, batch=2)
    assert found == counter.get_total_flops()


def test_grows_with_batch_and_area() -> None:
    one = flops(config(), frames=2, height=8, width=8)
    assert flops(config(), frames=2, height=8, width=8, batch=3) == pytest.approx(3 * one, rel=0.01)
    assert flops(config(), frames=2, height=16, width=8) > 1.9 * one
