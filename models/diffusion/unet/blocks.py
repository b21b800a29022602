"""The levels of the network: on the way down, in the middle, on the way up."""

from __future__ import annotations

from itertools import zip_longest

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.diffusion.unet.conditions import Conditions
from models.diffusion.unet.config import UNetConfig
from models.diffusion.unet.resnet import SpatioTemporalResNet
from models.diffusion.unet.transformer import SpatioTemporalTransformer

_EPS = 1e-5


class DownBlock(nn.Module):
    """ResNets, each with a transformer where the level has them, then half the size unless it is the last level."""

    def __init__(self, config: UNetConfig, level: int) -> None:
        super().__init__()
        channels, before = config.block_out_channels[level], config.block_out_channels[max(level - 1, 0)]
        count = config.layers_per_block[level]
        eps = config.resnet_norm_eps if config.cross_attention[level] else _EPS
        self.resnets = nn.ModuleList(
            _resnet(config, before if number == 0 else channels, channels, eps) for number in range(count)
        )
        self.attentions = _transformers(config, level, count)
        last = level == len(config.block_out_channels) - 1
        self.downsamplers = nn.ModuleList([] if last else [_Downsampler(channels)])

    def forward(self, x: Tensor, conditions: Conditions) -> tuple[Tensor, list[Tensor]]:
        """(B·F, C, H, W) -> what goes on, and what the way up gets, first to last."""
        skips = []
        for resnet, transformer in zip_longest(self.resnets, self.attentions):
            x = resnet(x, conditions)
            if transformer is not None:
                x = transformer(x, conditions)
            skips.append(x)
        for downsampler in self.downsamplers:
            x = downsampler(x)
            skips.append(x)
        return x, skips


class MiddleBlock(nn.Module):
    """ResNet, transformer, ResNet at the smallest size."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        channels = config.block_out_channels[-1]
        self.attentions = nn.ModuleList([_transformer(config, len(config.block_out_channels) - 1)])
        self.resnets = nn.ModuleList(_resnet(config, channels, channels, _EPS) for _ in range(2))

    def forward(self, x: Tensor, conditions: Conditions) -> Tensor:
        """(B·F, C, H, W) -> the same shape."""
        x = self.resnets[0](x, conditions)
        x = self.attentions[0](x, conditions)
        out: Tensor = self.resnets[1](x, conditions)
        return out


class UpBlock(nn.Module):
    """ResNets that also read what the way down left, each with a transformer where the level has them; then twice the
    size, unless it is the largest level."""

    def __init__(self, config: UNetConfig, level: int) -> None:
        super().__init__()
        widths = config.block_out_channels
        channels, below, before = widths[level], widths[min(level + 1, len(widths) - 1)], widths[max(level - 1, 0)]
        count = config.layers_per_block[level] + 1
        inputs = [below, *[channels] * (count - 1)]
        skips = [*[channels] * (count - 1), before]
        self.resnets = nn.ModuleList(
            _resnet(config, into + skip, channels, config.resnet_norm_eps)
            for into, skip in zip(inputs, skips, strict=True)
        )
        self.attentions = _transformers(config, level, count)
        self.upsamplers = nn.ModuleList([] if level == 0 else [_Upsampler(channels)])

    def forward(self, x: Tensor, skips: list[Tensor], conditions: Conditions) -> Tensor:
        """``skips``: of the way down, first to last; this block takes its share from the end of the list."""
        for resnet, transformer in zip_longest(self.resnets, self.attentions):
            x = resnet(torch.cat((x, skips.pop()), dim=1), conditions)
            if transformer is not None:
                x = transformer(x, conditions)
        for upsampler in self.upsamplers:
            x = upsampler(x, skips[-1].shape[-2:])
        return x


class _Downsampler(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(x)
        return out


class _Upsampler(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, size: torch.Size) -> Tensor:
        out: Tensor = self.conv(functional.interpolate(x, size=size, mode="nearest"))
        return out


def _resnet(config: UNetConfig, in_channels: int, out_channels: int, eps: float) -> SpatioTemporalResNet:
    embedding = 4 * config.block_out_channels[0]
    return SpatioTemporalResNet(in_channels, out_channels, embedding, eps, config.activation_checkpointing)


def _transformer(config: UNetConfig, level: int) -> SpatioTemporalTransformer:
    return SpatioTemporalTransformer(
        config.block_out_channels[level],
        config.num_attention_heads[level],
        config.transformer_layers_per_block[level],
        config.cross_attention_dim,
        config.activation_checkpointing,
    )


def _transformers(config: UNetConfig, level: int, count: int) -> nn.ModuleList:
    return nn.ModuleList(_transformer(config, level) for _ in range(count if config.cross_attention[level] else 0))
