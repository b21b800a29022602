"""Parts of the image autoencoder of latent diffusion, named as in the checkpoints of diffusers.

Source: R. Rombach et al., arXiv 2112.10752, appendix E; P. Esser et al., arXiv 2012.09841.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

EPS = 1e-6


class Resnet(nn.Module):
    """(N, in, H, W) to (N, out, H, W): twice GroupNorm, SiLU and a 3 × 3 convolution, beside a shortcut."""

    def __init__(self, channels_in: int, channels_out: int, groups: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, channels_in, eps=EPS)
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.norm2 = nn.GroupNorm(groups, channels_out, eps=EPS)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1)
        self.conv_shortcut = nn.Conv2d(channels_in, channels_out, 1) if channels_in != channels_out else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.conv1(functional.silu(self.norm1(x)))
        hidden = self.conv2(functional.silu(self.norm2(hidden)))
        summed: Tensor = self.conv_shortcut(x) + hidden
        return summed


class Attention(nn.Module):
    """Self-attention of one head over all pixels of a picture, added to it."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.group_norm = nn.GroupNorm(groups, channels, eps=EPS)
        self.to_q = nn.Linear(channels, channels)
        self.to_k = nn.Linear(channels, channels)
        self.to_v = nn.Linear(channels, channels)
        self.to_out = nn.ModuleList([nn.Linear(channels, channels)])

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.group_norm(x).flatten(2).transpose(1, 2)
        query, key, value = (part(tokens).unsqueeze(1) for part in (self.to_q, self.to_k, self.to_v))
        mixed = functional.scaled_dot_product_attention(query, key, value).squeeze(1)
        added: Tensor = self.to_out[0](mixed).transpose(1, 2).reshape(x.shape)
        return x + added


class Halve(nn.Module):
    """A 3 × 3 convolution with stride 2; what it reads beyond the picture lies to the right and below."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        halved: Tensor = self.conv(functional.pad(x, (0, 1, 0, 1)))
        return halved


class Double(nn.Module):
    """Each pixel becomes 2 × 2, then a 3 × 3 convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        doubled: Tensor = self.conv(functional.interpolate(x, scale_factor=2.0, mode="nearest"))
        return doubled


class Down(nn.Module):
    """Residual blocks, then half the size, but for the last."""

    def __init__(self, channels_in: int, channels_out: int, layers: int, groups: int, *, is_last: bool) -> None:
        super().__init__()
        widths = [channels_in, *[channels_out] * (layers - 1)]
        self.resnets = nn.ModuleList(Resnet(width, channels_out, groups) for width in widths)
        self.downsamplers = nn.ModuleList([] if is_last else [Halve(channels_out)])

    def forward(self, x: Tensor) -> Tensor:
        for part in (*self.resnets, *self.downsamplers):
            x = part(x)
        return x


class Up(nn.Module):
    """Residual blocks, then double the size, but for the last."""

    def __init__(self, channels_in: int, channels_out: int, layers: int, groups: int, *, is_last: bool) -> None:
        super().__init__()
        widths = [channels_in, *[channels_out] * (layers - 1)]
        self.resnets = nn.ModuleList(Resnet(width, channels_out, groups) for width in widths)
        self.upsamplers = nn.ModuleList([] if is_last else [Double(channels_out)])

    def forward(self, x: Tensor) -> Tensor:
        for part in (*self.resnets, *self.upsamplers):
            x = part(x)
        return x


class Middle(nn.Module):
    """Two residual blocks with attention between them, where the model has that."""

    def __init__(self, channels: int, groups: int, *, has_attention: bool) -> None:
        super().__init__()
        self.resnets = nn.ModuleList(Resnet(channels, channels, groups) for _ in range(2))
        self.attentions = nn.ModuleList([Attention(channels, groups)] if has_attention else [])

    def forward(self, x: Tensor) -> Tensor:
        for part in (self.resnets[0], *self.attentions, self.resnets[1]):
            x = part(x)
        return x


def mean_of(moments: Tensor) -> Tensor:
    """The mean of the posterior that an encoder tells as (N, 2 C, h, w): mean and logarithm of the variance."""
    return torch.chunk(moments, 2, dim=1)[0]
