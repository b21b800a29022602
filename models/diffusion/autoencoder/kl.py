"""diffusers' `AutoencoderKL`: an image autoencoder whose latents are nearly normal.

Source: R. Rombach et al., arXiv 2112.10752.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from models.diffusion.autoencoder.blocks import EPS, Down, Middle, Up, mean_of

_DOWN, _UP = "DownEncoderBlock2D", "UpDecoderBlock2D"


class KLConfig(BaseModel):
    """The keys of diffusers' config.json that decide what is computed, with its defaults."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    in_channels: int = 3
    out_channels: int = 3
    down_block_types: tuple[str, ...] = (_DOWN,)
    up_block_types: tuple[str, ...] | None = None
    block_out_channels: tuple[int, ...] = Field((64,), min_length=1)
    layers_per_block: int = 1
    act_fn: str = "silu"
    latent_channels: int = 4
    norm_num_groups: int = 32
    scaling_factor: float = 0.18215
    shift_factor: float | None = None
    latents_mean: tuple[float, ...] | None = None
    latents_std: tuple[float, ...] | None = None
    use_quant_conv: bool = True
    use_post_quant_conv: bool = True
    mid_block_add_attention: bool = True

    @model_validator(mode="after")
    def _known(self) -> KLConfig:
        if {*self.down_block_types} != {_DOWN} or {*(self.up_block_types or (_UP,))} != {_UP}:
            raise ValueError(f"blocks other than {_DOWN} and {_UP} are not known")
        if self.act_fn not in ("silu", "swish"):
            raise ValueError(f"act_fn {self.act_fn} is not known")
        if self.latents_mean is not None or self.latents_std is not None:
            raise ValueError("latents_mean and latents_std, of single channels, are not known")
        return self

    @property
    def factor(self) -> int:
        """Pixels per side of one latent."""
        return 1 << len(self.block_out_channels) - 1


class Encoder(nn.Module):
    """(N, 3, H, W) to (N, 2 C, h, w)."""

    def __init__(self, config: KLConfig) -> None:
        super().__init__()
        widths, groups = config.block_out_channels, config.norm_num_groups
        self.conv_in = nn.Conv2d(config.in_channels, widths[0], 3, padding=1)
        before = (widths[0], *widths[:-1])
        self.down_blocks = nn.ModuleList(
            Down(one, width, config.layers_per_block, groups, is_last=number == len(widths) - 1)
            for number, (one, width) in enumerate(zip(before, widths, strict=True))
        )
        self.mid_block = Middle(widths[-1], groups, has_attention=config.mid_block_add_attention)
        self.conv_norm_out = nn.GroupNorm(groups, widths[-1], eps=EPS)
        self.conv_out = nn.Conv2d(widths[-1], 2 * config.latent_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_in(x)
        for block in self.down_blocks:
            x = block(x)
        moments: Tensor = self.conv_out(functional.silu(self.conv_norm_out(self.mid_block(x))))
        return moments


class Decoder(nn.Module):
    """(N, C, h, w) to (N, 3, H, W)."""

    def __init__(self, config: KLConfig) -> None:
        super().__init__()
        widths, groups = config.block_out_channels[::-1], config.norm_num_groups
        self.conv_in = nn.Conv2d(config.latent_channels, widths[0], 3, padding=1)
        self.mid_block = Middle(widths[0], groups, has_attention=config.mid_block_add_attention)
        before = (widths[0], *widths[:-1])
        self.up_blocks = nn.ModuleList(
            Up(one, width, config.layers_per_block + 1, groups, is_last=number == len(widths) - 1)
            for number, (one, width) in enumerate(zip(before, widths, strict=True))
        )
        self.conv_norm_out = nn.GroupNorm(groups, widths[-1], eps=EPS)
        self.conv_out = nn.Conv2d(widths[-1], config.out_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.mid_block(self.conv_in(x))
        for block in self.up_blocks:
            x = block(x)
        picture: Tensor = self.conv_out(functional.silu(self.conv_norm_out(x)))
        return picture


class KLModel(nn.Module):
    """Its state dict is that of diffusers' `AutoencoderKL`."""

    def __init__(self, config: KLConfig) -> None:
        super().__init__()
        self.channels, self.factor = config.latent_channels, config.factor
        double, single = 2 * config.latent_channels, config.latent_channels
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.quant_conv = nn.Conv2d(double, double, 1) if config.use_quant_conv else nn.Identity()
        self.post_quant_conv = nn.Conv2d(single, single, 1) if config.use_post_quant_conv else nn.Identity()

    def encode(self, pixels: Tensor) -> Tensor:
        """The posterior's mean, not scaled."""
        return mean_of(self.quant_conv(self.encoder(pixels)))

    def decode(self, latents: Tensor, num_frames: int) -> Tensor:
        """Each frame by itself: ``num_frames`` decides nothing."""
        pixels: Tensor = self.decoder(self.post_quant_conv(latents))
        return pixels
