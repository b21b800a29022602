"""Residual convolution layers: over the pixels of each frame, then over the frames of each pixel."""

from __future__ import annotations

from torch import Tensor, addcmul, nn
from torch.nn import functional

from models.diffusion.unet.conditions import Conditions
from models.diffusion.unet.config import ActivationCheckpointing
from models.diffusion.unet.mixer import TimeMixer
from models.diffusion.unet.norm import GroupNormSilu
from models.diffusion.unet.recompute import run


class SpatioTemporalResNet(nn.Module):
    """A spatial ResNet, then a temporal one (arXiv 2311.15127, App. D; arXiv 2304.08818, §3.1)."""

    def __init__(
        self, in_channels: int, out_channels: int, embedding: int, eps: float, checkpointing: ActivationCheckpointing
    ) -> None:
        super().__init__()
        self.spatial_res_block = _SpatialResNet(in_channels, out_channels, embedding, eps)
        self.temporal_res_block = _TemporalResNet(out_channels, embedding, eps)
        self.time_mixer = TimeMixer()
        self._checkpointing = checkpointing

    def forward(self, x: Tensor, conditions: Conditions) -> Tensor:
        """(B·F, in_channels, H, W) -> (B·F, out_channels, H, W)."""
        return run(self._checkpointing, self._layers, x, conditions)

    def _layers(self, x: Tensor, conditions: Conditions) -> Tensor:
        x = self.spatial_res_block(x, conditions)
        if not conditions.temporal:
            return x
        weight = self.time_mixer(conditions.image_only).to(x.dtype).transpose(1, 2)
        rows = _frames_as_rows(x, conditions.frames)
        rows = addcmul(rows, weight, self.temporal_res_block(rows, conditions))
        return _rows_as_frames(rows, x.shape[-2])


class _SpatialResNet(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, embedding: int, eps: float) -> None:
        super().__init__()
        self.norm1 = GroupNormSilu(in_channels, eps)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.time_emb_proj = nn.Linear(embedding, out_channels)
        self.norm2 = GroupNormSilu(out_channels, eps)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.conv_shortcut = nn.Conv2d(in_channels, out_channels, 1) if in_channels != out_channels else None

    def forward(self, x: Tensor, conditions: Conditions) -> Tensor:
        shortcut = x if self.conv_shortcut is None else self.conv_shortcut(x)
        embedding = self.time_emb_proj(conditions.embedding)[:, None].expand(-1, conditions.frames, -1)
        x = self.conv1(self.norm1(x)) + embedding.flatten(0, 1)[..., None, None]
        out: Tensor = shortcut + self.conv2(self.norm2(x))
        return out


class _TemporalResNet(nn.Module):
    """Gives the change alone: what it is added to, `SpatioTemporalResNet` has."""

    def __init__(self, channels: int, embedding: int, eps: float) -> None:
        super().__init__()
        self.norm1 = GroupNormSilu(channels, eps)
        self.conv1 = _FrameConvolution(channels)
        self.time_emb_proj = nn.Linear(embedding, channels)
        self.norm2 = GroupNormSilu(channels, eps)
        self.conv2 = _FrameConvolution(channels)

    def forward(self, rows: Tensor, conditions: Conditions) -> Tensor:
        """(B, C, F, H·W) -> the same shape."""
        rows = self.conv1(self.norm1(rows)) + self.time_emb_proj(conditions.embedding)[..., None, None]
        out: Tensor = self.conv2(self.norm2(rows))
        return out


class _FrameConvolution(nn.Conv3d):
    """A convolution over three frames, run as one of two dimensions, frames by pixels: its kernels are the faster ones.

    The weight has the shape (C, C, 3, 1, 1) that it has in checkpoints.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, (3, 1, 1), padding=(1, 0, 0))

    def forward(self, rows: Tensor) -> Tensor:
        """(B, C, F, H·W) -> the same shape."""
        return functional.conv2d(rows, self.weight.squeeze(-1), self.bias, padding=(1, 0))


def _frames_as_rows(x: Tensor, frames: int) -> Tensor:
    """(B·F, C, H, W) -> (B, C, F, H·W): a view where x is channels_last, and channels_last again."""
    _, channels, height, width = x.shape
    return x.view(-1, frames, channels, height, width).transpose(1, 2).flatten(3)


def _rows_as_frames(rows: Tensor, height: int) -> Tensor:
    """The way back, a view again."""
    batch, channels, frames, _ = rows.shape
    return rows.view(batch, channels, frames, height, -1).transpose(1, 2).flatten(0, 1)
