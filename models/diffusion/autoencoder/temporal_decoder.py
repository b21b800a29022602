"""diffusers' `AutoencoderKLTemporalDecoder`: the image encoder, and a decoder whose layers also look along time.

Source: Stable Video Diffusion, arXiv 2311.15127; A. Blattmann et al., arXiv 2304.08818, section 3.1.2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.diffusion.autoencoder.blocks import EPS, Attention, Double, Resnet, mean_of
from models.diffusion.autoencoder.kl import Encoder, KLConfig

_GROUPS = 32
_TEMPORAL_EPS = 1e-5


class TemporalResnet(nn.Module):
    """(B, C, F, H, W) to the same: residual, with convolutions over three frames."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(_GROUPS, channels, eps=_TEMPORAL_EPS)
        self.conv1 = nn.Conv3d(channels, channels, (3, 1, 1), padding=(1, 0, 0))
        self.norm2 = nn.GroupNorm(_GROUPS, channels, eps=_TEMPORAL_EPS)
        self.conv2 = nn.Conv3d(channels, channels, (3, 1, 1), padding=(1, 0, 0))

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.conv1(functional.silu(self.norm1(x)))
        summed: Tensor = x + self.conv2(functional.silu(self.norm2(hidden)))
        return summed


class Mixer(nn.Module):
    """Spatial and temporal result, mixed by a learned share."""

    def __init__(self) -> None:
        super().__init__()
        self.mix_factor = nn.Parameter(torch.zeros(1))

    def forward(self, spatial: Tensor, temporal: Tensor) -> Tensor:
        """σ(mix_factor) is the share of ``temporal``: in the U-Net it is that of the spatial result."""
        return torch.lerp(spatial, temporal, torch.sigmoid(self.mix_factor).to(spatial.dtype))


class SpatioTemporalResnet(nn.Module):
    """(B · F, in, H, W) to (B · F, out, H, W)."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.spatial_res_block = Resnet(channels_in, channels_out, _GROUPS)
        self.temporal_res_block = TemporalResnet(channels_out)
        self.time_mixer = Mixer()

    def forward(self, x: Tensor, num_frames: int) -> Tensor:
        spatial = _apart(self.spatial_res_block(x), num_frames)
        return _together(self.time_mixer(spatial, self.temporal_res_block(spatial)))


class TemporalMiddle(nn.Module):
    """Residual blocks with attention between the first two."""

    def __init__(self, channels: int, layers: int) -> None:
        super().__init__()
        self.resnets = nn.ModuleList(SpatioTemporalResnet(channels, channels) for _ in range(layers))
        self.attentions = nn.ModuleList([Attention(channels, _GROUPS)])

    def forward(self, x: Tensor, num_frames: int) -> Tensor:
        x = self.resnets[0](x, num_frames)
        # As published: there is one attention, so that of several layers only two are used.
        for attention, resnet in zip(self.attentions, self.resnets[1:], strict=False):
            x = resnet(attention(x), num_frames)
        return x


class TemporalUp(nn.Module):
    """Residual blocks, then double the size, but for the last."""

    def __init__(self, channels_in: int, channels_out: int, layers: int, *, is_last: bool) -> None:
        super().__init__()
        widths = [channels_in, *[channels_out] * (layers - 1)]
        self.resnets = nn.ModuleList(SpatioTemporalResnet(width, channels_out) for width in widths)
        self.upsamplers = nn.ModuleList([] if is_last else [Double(channels_out)])

    def forward(self, x: Tensor, num_frames: int) -> Tensor:
        for resnet in self.resnets:
            x = resnet(x, num_frames)
        for upsampler in self.upsamplers:
            x = upsampler(x)
        return x


class TemporalDecoder(nn.Module):
    """(B · F, C, h, w) to (B · F, 3, H, W)."""

    def __init__(self, config: KLConfig) -> None:
        super().__init__()
        widths = config.block_out_channels[::-1]
        self.conv_in = nn.Conv2d(config.latent_channels, widths[0], 3, padding=1)
        self.mid_block = TemporalMiddle(widths[0], config.layers_per_block)
        before = (widths[0], *widths[:-1])
        self.up_blocks = nn.ModuleList(
            TemporalUp(one, width, config.layers_per_block + 1, is_last=number == len(widths) - 1)
            for number, (one, width) in enumerate(zip(before, widths, strict=True))
        )
        self.conv_norm_out = nn.GroupNorm(_GROUPS, widths[-1], eps=EPS)
        self.conv_out = nn.Conv2d(widths[-1], config.out_channels, 3, padding=1)
        self.time_conv_out = nn.Conv3d(config.out_channels, config.out_channels, (3, 1, 1), padding=(1, 0, 0))

    def forward(self, x: Tensor, num_frames: int) -> Tensor:
        x = self.mid_block(self.conv_in(x), num_frames)
        for block in self.up_blocks:
            x = block(x, num_frames)
        pictures = self.conv_out(functional.silu(self.conv_norm_out(x)))
        return _together(self.time_conv_out(_apart(pictures, num_frames)))


class TemporalModel(nn.Module):
    """Its state dict is that of diffusers' `AutoencoderKLTemporalDecoder`."""

    def __init__(self, config: KLConfig) -> None:
        super().__init__()
        self.channels, self.factor = config.latent_channels, config.factor
        self.encoder = Encoder(config)
        self.decoder = TemporalDecoder(config)
        self.quant_conv = nn.Conv2d(2 * config.latent_channels, 2 * config.latent_channels, 1)

    def encode(self, pixels: Tensor) -> Tensor:
        """The posterior's mean, not scaled; each frame by itself."""
        return mean_of(self.quant_conv(self.encoder(pixels)))

    def decode(self, latents: Tensor, num_frames: int) -> Tensor:
        """``num_frames``: so many latents in a row are one video."""
        pixels: Tensor = self.decoder(latents, num_frames)
        return pixels


def _apart(x: Tensor, num_frames: int) -> Tensor:
    """(B · F, C, H, W) to (B, C, F, H, W)."""
    return x.reshape(-1, num_frames, *x.shape[1:]).transpose(1, 2)


def _together(x: Tensor) -> Tensor:
    """The reverse of `_apart`."""
    return x.transpose(1, 2).flatten(0, 1)
