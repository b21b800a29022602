"""torch.compile takes the network whole."""

from __future__ import annotations

import pytest
import torch

from models.diffusion.unet.config import ActivationCheckpointing, UNetConfig
from tests.models.diffusion.unet.tiny import config, gradients, inputs, network

SMALLEST = config(block_out_channels=(32,), cross_attention=(False,), num_attention_heads=1)


@pytest.fixture(autouse=True)
def _fresh() -> None:
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()


@pytest.mark.parametrize(
    ("settings", "mode", "backend", "autocast"),
    [
        (SMALLEST, "none", "aot_eager", True),
        (SMALLEST, "selective", "eager", False),
        (config(), "full", "eager", False),
    ],
    ids=["autocast", "selective checkpointing", "full checkpointing, two levels"],
)
def test_one_graph_without_breaks_and_the_same_numbers(
    settings: UNetConfig, mode: ActivationCheckpointing, backend: str, autocast: bool
) -> None:
    settings = settings.model_copy(update={"activation_checkpointing": mode})
    plain, compiled = network(settings), network(settings)
    given = inputs(settings, size=(4, 4))
    image_only = torch.tensor([[False] * 3, [True] * 3])
    whole = torch.compile(compiled, backend=backend, fullgraph=True)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        expected, found = plain(*given, image_only), whole(*given, image_only)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    wanted = gradients(plain, expected)
    for name, value in gradients(compiled, found).items():
        torch.testing.assert_close(value, wanted[name], rtol=1e-2 if autocast else 1e-4, atol=1e-2, msg=name)
    statistics = torch._dynamo.utils.counters
    assert statistics["stats"]["unique_graphs"] == 1
    assert not statistics["graph_break"]
