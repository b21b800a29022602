"""TAESD-type autoencoders: a few convolutions that stand for a large autoencoder. Source:
https://github.com/madebyollin/taesd (MIT), whose checkpoints name layers by their number.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

_POOL_GROUPS = 4
_RANGE = 3.0

State = Mapping[str, Tensor]


class Block(nn.Module):
    """Three 3 × 3 convolutions beside a shortcut; in some models statistics of the whole picture are added before."""

    def __init__(self, channels_in: int, channels_out: int, pool_channels: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(channels_in, channels_out, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels_out, channels_out, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels_out, channels_out, 3, padding=1),
        )
        is_wider = channels_in != channels_out
        self.skip = nn.Conv2d(channels_in, channels_out, 1, bias=False) if is_wider else nn.Identity()
        self.pool = (
            nn.Sequential(
                nn.Conv2d(channels_in, pool_channels, 1, bias=False),
                nn.GroupNorm(_POOL_GROUPS, pool_channels),
                nn.ReLU(),
                nn.Conv2d(pool_channels, channels_in, 1, bias=False),
            )
            if pool_channels
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        if self.pool is not None:
            x = x + self.pool(x)
        return functional.relu(self.conv(x) + self.skip(x))


class TinyModel(nn.Module):
    """``encoder``: (N, 3, H, W) in [0, 1] to latents; ``decoder``: the reverse, after a soft limit to ±3."""

    def __init__(self, encoder: nn.Sequential, decoder: nn.Sequential, channels: int, factor: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.channels = channels
        self.factor = factor

    @classmethod
    def of(cls, encoder: State, decoder: State) -> TinyModel:
        """The layers that these weights are of, loaded. Keys begin with the number of a layer: "3.conv.0.weight". What
        a layer is follows from its weights: convolutions without a bias halve or double the size.

        Raises:
            ValueError: a weight is of no such layer.
        """
        down = [part for layer in _layers(encoder) for part in _encoding(layer)]
        up: list[nn.Module] = []
        for layer in _layers(decoder):
            up += _decoding(layer, is_first=not up)
        last = down[-1]
        if not isinstance(last, nn.Conv2d):
            raise ValueError("the encoder does not end in a convolution")
        halvings = sum(isinstance(part, nn.Conv2d) and part.stride == (2, 2) for part in down)
        if halvings != sum(isinstance(part, nn.Upsample) for part in up):
            raise ValueError("encoder and decoder do not belong together: their sizes differ")
        return cls(nn.Sequential(*down), nn.Sequential(*up), last.out_channels, 2**halvings)

    def encode(self, pixels: Tensor) -> Tensor:
        """``pixels``: in [−1, 1]."""
        latents: Tensor = self.encoder(pixels.add(1).div(2))
        return latents

    def decode(self, latents: Tensor, num_frames: int) -> Tensor:
        """Each frame by itself: ``num_frames`` decides nothing."""
        pixels: Tensor = self.decoder(torch.tanh(latents / _RANGE) * _RANGE)
        return pixels.mul(2).sub(1)


def _layers(state: State) -> list[dict[str, Tensor]]:
    """The weights of each layer, in the order of their numbers."""
    found: dict[int, dict[str, Tensor]] = {}
    for key, value in state.items():
        number, _, name = key.partition(".")
        if not number.isdigit():
            raise ValueError(f"{key} is of no numbered layer")
        found.setdefault(int(number), {})[name] = value
    return [found[number] for number in sorted(found)]


def _encoding(layer: dict[str, Tensor]) -> list[nn.Module]:
    return [_loaded(_convolution(layer, stride=1 if "bias" in layer else 2) or _block(layer), layer)]


def _decoding(layer: dict[str, Tensor], *, is_first: bool) -> list[nn.Module]:
    convolution = _convolution(layer, stride=1)
    if convolution is None:
        return [_loaded(_block(layer), layer)]
    loaded = _loaded(convolution, layer)
    if is_first:
        return [loaded, nn.ReLU()]
    return [loaded] if "bias" in layer else [nn.Upsample(scale_factor=2), loaded]


def _convolution(layer: dict[str, Tensor], stride: int) -> nn.Conv2d | None:
    weight = layer.get("weight")
    if weight is None:
        return None
    if weight.ndim != 4 or weight.shape[2:] != (3, 3):
        raise ValueError(f"a weight of shape {tuple(weight.shape)} is of no 3 × 3 convolution")
    return nn.Conv2d(weight.shape[1], weight.shape[0], 3, stride=stride, padding=1, bias="bias" in layer)


def _block(layer: dict[str, Tensor]) -> Block:
    first, pool = layer.get("conv.0.weight"), layer.get("pool.0.weight")
    if first is None:
        raise ValueError(f"{next(iter(layer))} is of no known layer")
    return Block(first.shape[1], first.shape[0], 0 if pool is None else pool.shape[0])


def _loaded(module: nn.Module, layer: dict[str, Tensor]) -> nn.Module:
    try:
        module.load_state_dict(layer)
    except RuntimeError as error:
        raise ValueError(" ".join(str(error).split())) from error
    return module
