"""The video UNet: an image UNet with a temporal layer after every spatial one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.diffusion.errors import DiffusionError
from models.diffusion.unet.blocks import DownBlock, MiddleBlock, UpBlock
from models.diffusion.unet.conditions import Conditions
from models.diffusion.unet.config import ActivationCheckpointing, UNetConfig
from models.diffusion.unet.embedding import EmbeddingMlp, sinusoidal
from models.diffusion.unet.norm import GroupNormSilu
from models.diffusion.unet.resnet import SpatioTemporalResNet
from models.diffusion.unet.transformer import SpatioTemporalTransformer

_EPS = 1e-5
_TEMPORAL = frozenset({"temporal_res_block", "temporal_transformer_blocks", "time_pos_embed", "time_mixer"})


class VideoUNet(nn.Module):
    """The network of Stable Video Diffusion (arXiv 2311.15127, App. D).

    Its state dict is that of diffusers' UNetSpatioTemporalConditionModel, in names and shapes.
    """

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.block_out_channels
        embedding = 4 * widths[0]
        self.conv_in = nn.Conv2d(config.in_channels, widths[0], 3, padding=1)
        self.time_embedding = EmbeddingMlp(widths[0], embedding, embedding)
        self.add_embedding = EmbeddingMlp(config.projection_class_embeddings_input_dim, embedding, embedding)
        levels = range(len(widths))
        self.down_blocks = nn.ModuleList(DownBlock(config, level) for level in levels)
        self.mid_block = MiddleBlock(config)
        self.up_blocks = nn.ModuleList(UpBlock(config, level) for level in reversed(levels))
        self.conv_norm_out = GroupNormSilu(widths[0], _EPS)
        self.conv_out = nn.Conv2d(widths[0], config.out_channels, 3, padding=1)

    def forward(
        self, x: Tensor, c_noise: Tensor, context: Tensor, micro: Tensor, image_only: Tensor | bool | None = None
    ) -> Tensor:
        """Args:
            x: (B, F, in_channels, H, W), any H and W.
            c_noise: (B,), the noise level as the network is told it (¼ ln σ in EDM).
            context: (B, L, cross_attention_dim), text tokens or an image embedding, any L.
            micro: (B, num_micro), plain numbers: fps, motion bucket, ….
            image_only: (B, F) bool, True where a frame is a still image of its own: the temporal layers leave it as it
                is. None: all is video. True: all frames are stills, and the temporal layers are not computed.

        Returns:
            (B, F, out_channels, H, W), in the type of the weights or of autocast.

        Raises:
            DiffusionError: channels, context or micro-conditions are not as many as the configuration says.
        """
        self._check(x, context, micro)
        batch, frames = x.shape[:2]
        conditions = self._conditions(c_noise, context, micro, frames, image_only)
        x = x.flatten(0, 1).to(self.conv_in.weight.dtype).contiguous(memory_format=torch.channels_last)
        x = self.conv_in(x)
        skips = [x]
        for down_block in self.down_blocks:
            x, left = down_block(x, conditions)
            skips.extend(left)
        x = self.mid_block(x, conditions)
        for up_block in self.up_blocks:
            x = up_block(x, skips, conditions)
        x = self.conv_out(self.conv_norm_out(x))
        return x.view(batch, frames, *x.shape[1:])

    @classmethod
    def from_pretrained(
        cls,
        folder: str | Path,
        *,
        dtype: torch.dtype | None = None,
        device: str | torch.device = "cpu",
        variant: str | None = None,
        activation_checkpointing: ActivationCheckpointing = "none",
    ) -> VideoUNet:
        """A model from a folder in diffusers' layout, such as ``unet/`` of Stable Video Diffusion.

        Args:
            dtype: of the weights; None: as stored.
            variant: of the weight files, such as "fp16".

        Raises:
            DiffusionError: no such folder, damaged, or of another shape than its config.json says.
        """
        from models.diffusion.unet.checkpoint import load

        return load(Path(folder), dtype, device, variant, activation_checkpointing)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write config.json and the weights in diffusers' layout.

        Raises:
            DiffusionError: it cannot be written.
        """
        from models.diffusion.unet.checkpoint import save

        save(Path(folder), self.config, self.state_dict())

    def temporal_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Names and parameters of the temporal layers: what an image UNet does not have."""
        return ((name, value) for name, value in self.named_parameters() if is_temporal(name))

    def wrap_units(self) -> list[nn.Module]:
        """Modules of even size to shard one by one (FSDP2), inner before outer."""
        return [
            module for module in self.modules() if isinstance(module, SpatioTemporalResNet | SpatioTemporalTransformer)
        ]

    def weights_to_channels_last(self) -> VideoUNet:
        """Lay the weights of the convolutions out as the activations are; returns self. Not together with FSDP2, which
        takes contiguous parameters only."""
        for parameter in self.parameters():
            if parameter.ndim >= 4:
                layout = torch.channels_last if parameter.ndim == 4 else torch.channels_last_3d
                parameter.data = parameter.data.contiguous(memory_format=layout)
        return self

    def _conditions(
        self, c_noise: Tensor, context: Tensor, micro: Tensor, frames: int, image_only: Tensor | bool | None
    ) -> Conditions:
        embedding = self.time_embedding(sinusoidal(c_noise, self.config.block_out_channels[0]))
        embedding = embedding + self.add_embedding(sinusoidal(micro, self.config.addition_time_embed_dim).flatten(1))
        frame_numbers = torch.arange(frames, device=c_noise.device)
        positions = {width: sinusoidal(frame_numbers, width) for width in sorted(set(self.config.block_out_channels))}
        context = context.to(self.conv_in.weight.dtype)
        return Conditions(functional.silu(embedding), context, positions, frames, image_only)

    def _check(self, x: Tensor, context: Tensor, micro: Tensor) -> None:
        for what, found, wanted in (
            ("input channels", x.shape[2], self.config.in_channels),
            ("numbers per token of the context", context.shape[2], self.config.cross_attention_dim),
            ("micro-conditions", micro.shape[1], self.config.num_micro),
        ):
            if found != wanted:
                raise DiffusionError(f"VideoUNet was given {found} {what}, its configuration says {wanted}")


def is_temporal(name: str) -> bool:
    """Whether a name of the state dict belongs to a temporal layer."""
    return not _TEMPORAL.isdisjoint(name.split("."))
