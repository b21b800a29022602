"""Transformers: over the pixels of each frame, then over the frames of each pixel."""

from __future__ import annotations

from torch import Tensor, addcmul, nn

from models.diffusion.unet.attention import Attention
from models.diffusion.unet.conditions import Conditions
from models.diffusion.unet.config import ActivationCheckpointing
from models.diffusion.unet.embedding import EmbeddingMlp
from models.diffusion.unet.feed_forward import FeedForward
from models.diffusion.unet.mixer import TimeMixer
from models.diffusion.unet.norm import GroupNorm, LayerNorm
from models.diffusion.unet.recompute import run

_EPS = 1e-6


class SpatioTemporalTransformer(nn.Module):
    """Spatial and temporal transformer blocks in turn (arXiv 2311.15127, App. D; arXiv 2304.08818, §3.1)."""

    def __init__(
        self, channels: int, heads: int, depth: int, context: int, checkpointing: ActivationCheckpointing
    ) -> None:
        super().__init__()
        self.norm = GroupNorm(channels, _EPS)
        self.proj_in = nn.Linear(channels, channels)
        self.transformer_blocks = nn.ModuleList(_SpatialBlock(channels, heads, context) for _ in range(depth))
        self.temporal_transformer_blocks = nn.ModuleList(_TemporalBlock(channels, heads, context) for _ in range(depth))
        self.time_pos_embed = EmbeddingMlp(channels, 4 * channels, channels)
        self.time_mixer = TimeMixer()
        self.proj_out = nn.Linear(channels, channels)
        self._checkpointing = checkpointing

    def forward(self, x: Tensor, conditions: Conditions) -> Tensor:
        """(B·F, C, H, W) -> the same shape."""
        _, channels, height, width = x.shape
        tokens = self.norm(x).permute(0, 2, 3, 1).reshape(-1, conditions.frames, height * width, channels)
        tokens = self.proj_in(tokens)
        position = self.time_pos_embed(conditions.positions[channels])[:, None] if conditions.temporal else None
        for spatial, temporal in zip(self.transformer_blocks, self.temporal_transformer_blocks, strict=True):
            tokens = run(self._checkpointing, spatial, tokens, conditions.context)
            if position is not None:
                weight = self.time_mixer(conditions.image_only).to(tokens.dtype)
                tokens = run(self._checkpointing, temporal, tokens, conditions.context, position, weight)
        change: Tensor = self.proj_out(tokens).view(-1, height, width, channels)
        return x + change.permute(0, 3, 1, 2)


class _SpatialBlock(nn.Module):
    def __init__(self, channels: int, heads: int, context: int) -> None:
        super().__init__()
        self.norm1 = LayerNorm(channels)
        self.attn1 = Attention(channels, heads)
        self.norm2 = LayerNorm(channels)
        self.attn2 = Attention(channels, heads, context)
        self.norm3 = LayerNorm(channels)
        self.ff = FeedForward(channels)

    def forward(self, tokens: Tensor, context: Tensor) -> Tensor:
        """Tokens (B, F, S, C), context (B, L, context width) -> (B, F, S, C)."""
        batch, frames, pixels, channels = tokens.shape
        x = tokens.flatten(0, 1)
        x = x + self.attn1(self.norm1(x))
        x = x.view(batch, -1, channels)
        x = x + _cross_attention(self.norm2, self.attn2, x, context)
        out: Tensor = x + self.ff(self.norm3(x))
        return out.view(batch, frames, pixels, channels)


class _TemporalBlock(nn.Module):
    def __init__(self, channels: int, heads: int, context: int) -> None:
        super().__init__()
        self.norm_in = LayerNorm(channels)
        self.ff_in = FeedForward(channels)
        self.norm1 = LayerNorm(channels)
        self.attn1 = Attention(channels, heads)
        self.norm2 = LayerNorm(channels)
        self.attn2 = Attention(channels, heads, context)
        self.norm3 = LayerNorm(channels)
        self.ff = FeedForward(channels)

    def forward(self, tokens: Tensor, context: Tensor, position: Tensor, weight: Tensor) -> Tensor:
        """Tokens (B, F, S, C) with this block's change added to them, times ``weight``.

        ``position``: (F, 1, C), of the frames. ``weight``: (B or 1, F or 1, 1, 1).
        """
        batch, frames, pixels, channels = tokens.shape
        x = (tokens + position).transpose(1, 2).flatten(0, 1).contiguous()
        x = x + self.ff_in(self.norm_in(x))
        x = x + self.attn1(self.norm1(x))
        x = x.view(batch, -1, channels)
        x = x + _cross_attention(self.norm2, self.attn2, x, context)
        x = x + self.ff(self.norm3(x))
        return addcmul(tokens, weight, x.view(batch, pixels, frames, channels).transpose(1, 2) - tokens)


def _cross_attention(norm: LayerNorm, attention: Attention, x: Tensor, context: Tensor) -> Tensor:
    """Attention of tokens (B, T, C) to a context (B, L, …) that all frames and pixels of an item share: (B, T or 1, C).

    With a context of one token its weight is 1 whatever the query is: one query then answers for all, and the gradient
    to the queries is zero.
    """
    queries = x[:, :1].detach() if context.shape[1] == 1 else x
    out: Tensor = attention(norm(queries), context)
    return out
