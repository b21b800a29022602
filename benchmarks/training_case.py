"""What `benchmarks.training` compares: a network of ours or of diffusers, with the same weights and the same batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode, unset_fake_temporarily
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.activations import saved_bytes
from models.diffusion.unet.config import SIZES, ActivationCheckpointing, UNetConfig
from models.diffusion.unet.model import VideoUNet

FACTOR = 8
"""Pixels to one latent."""
Network = Literal["ours", "diffusers"]
Batch = tuple[Tensor, Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class Case:
    """What is trained. ``height``, ``width``: of the video in pixels; ``tokens``: of the context."""

    size: str
    frames: int
    height: int
    width: int
    batch: int
    tokens: int
    checkpointing: ActivationCheckpointing

    @property
    def config(self) -> UNetConfig:
        return SIZES[self.size].model_copy(update={"activation_checkpointing": self.checkpointing})

    def network(self, kind: Network) -> nn.Module:
        """On the current default device; for both kinds from the same weights."""
        torch.manual_seed(0)
        ours = VideoUNet(self.config)
        if kind == "ours":
            return ours.weights_to_channels_last()
        from diffusers import UNetSpatioTemporalConditionModel

        values = {name: value for name, value in self.config.to_diffusers().items() if name != "_class_name"}
        theirs: Any = UNetSpatioTemporalConditionModel(**values)
        theirs.load_state_dict(ours.state_dict(), assign=True)
        if self.checkpointing != "none":
            theirs.enable_gradient_checkpointing()
        return theirs  # type: ignore[no-any-return]

    def inputs(self, device: str, dtype: torch.dtype) -> Batch:
        """Random arguments of either network's forward pass."""
        shape = (self.batch, self.frames, self.config.in_channels, self.height // FACTOR, self.width // FACTOR)

        def random(*sides: int) -> Tensor:
            return torch.randn(sides, device=device, dtype=dtype)

        context = random(self.batch, self.tokens, self.config.cross_attention_dim)
        return random(*shape), random(self.batch), context, random(self.batch, self.config.num_micro)

    def saved(self, kind: Network) -> int:
        """Bytes that an eager forward pass keeps for the backward pass, all in bfloat16; counted without content."""
        with FakeTensorMode():
            return saved_bytes(self._without_content(kind))

    def flops(self, kind: Network) -> int:
        """Of forward and backward pass, a multiply-add is two; what checkpointing computes again is left out."""
        with FakeTensorMode(), FlopCounterMode(display=False) as counter:
            replace(self, checkpointing="none")._without_content(kind)().sum().backward()
        return int(counter.get_total_flops())

    def graphs(self, kind: Network, backend: str) -> tuple[int, int]:
        """Graphs and graph breaks of the forward pass under torch.compile; traced without content."""
        counters = torch._dynamo.utils.counters
        torch._dynamo.reset()
        counters.clear()
        with torch.device("meta"):
            network, given = self.network(kind), self.inputs("meta", torch.float32)
            output_of(torch.compile(network, backend=backend), given)
        return counters["stats"]["unique_graphs"], sum(counters["graph_break"].values())

    def _without_content(self, kind: Network) -> Callable[[], Tensor]:
        """A forward pass within the fake mode that is on."""
        with unset_fake_temporarily(), torch.device("meta"):
            network = self.network(kind)
        weights = {name: torch.empty(value.shape, dtype=torch.bfloat16) for name, value in network.named_parameters()}
        network.load_state_dict(weights, assign=True)
        given = self.inputs("cpu", torch.bfloat16)
        return lambda: output_of(network, given)


def output_of(network: Callable[..., Any], given: Batch) -> Tensor:
    """diffusers wraps it in an object."""
    output = network(*given)
    result: Tensor = getattr(output, "sample", output)
    return result
