"""What shape a UNet has; read from and written to the config.json of diffusers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from models.diffusion.errors import DiffusionError

GROUPS: Final = 32
CLASS_NAME: Final = "UNetSpatioTemporalConditionModel"
_WITH_ATTENTION: Final = ("CrossAttnDownBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal")
_WITHOUT: Final = ("DownBlockSpatioTemporal", "UpBlockSpatioTemporal")
_PER_LEVEL: Final = ("layers_per_block", "transformer_layers_per_block", "num_attention_heads")
_SHARED: Final = (
    "in_channels",
    "out_channels",
    "block_out_channels",
    "layers_per_block",
    "transformer_layers_per_block",
    "num_attention_heads",
    "cross_attention_dim",
    "addition_time_embed_dim",
    "projection_class_embeddings_input_dim",
    "num_frames",
)

ActivationCheckpointing = Literal["none", "selective", "full"]


class UNetConfig(BaseModel):
    """The architecture of a `VideoUNet`. The defaults are those of Stable Video Diffusion (arXiv 2311.15127).

    Where a value is per level (largest resolution first), one number stands for all levels. Fields that diffusers has
    too go by its names.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    in_channels: int = Field(
        8, ge=1, description="channels of the input: those of the latents, and of what is concatenated"
    )
    out_channels: int = Field(4, ge=1, description="channels of the output: those of the latents")
    block_out_channels: tuple[int, ...] = Field(
        (320, 640, 1280, 1280),
        min_length=1,
        description=f"channels per level, multiples of {GROUPS}, useful from {2 * GROUPS} on: of {GROUPS} each is "
        "normalised by itself, which takes away what noise level and micro-conditions add to it",
    )
    cross_attention: tuple[bool, ...] = Field(
        (True, True, True, False), description="per level: whether it has transformers; the middle block always has"
    )
    layers_per_block: tuple[int, ...] = Field(
        (2, 2, 2, 2), description="per level: ResNets on the way down; one more up"
    )
    transformer_layers_per_block: tuple[int, ...] = Field((1, 1, 1, 1), description="per level: depth of a transformer")
    num_attention_heads: tuple[int, ...] = Field((5, 10, 20, 20), description="per level: heads of each attention")
    cross_attention_dim: int = Field(
        1024, ge=1, description="width of the context: text tokens or a CLIP image embedding"
    )
    addition_time_embed_dim: int = Field(
        256, ge=2, multiple_of=2, description="sinusoidal width of one micro-condition"
    )
    projection_class_embeddings_input_dim: int = Field(
        768, ge=2, description="addition_time_embed_dim times the number of micro-conditions"
    )
    num_frames: int = Field(
        14, ge=1, description="frames that the model is meant for; the architecture takes any number"
    )
    resnet_norm_eps: float = Field(
        1e-6,
        gt=0,
        description="epsilon of the ResNets' norms in up blocks and in down blocks with transformers (elsewhere 1e-5); "
        "1e-5 in image UNets",
    )
    activation_checkpointing: ActivationCheckpointing = Field(
        "none",
        description="what is computed again in the backward pass: nothing; all but convolutions, matrix products and "
        "attention; all of every ResNet and transformer block",
    )

    @property
    def num_micro(self) -> int:
        """Number of micro-conditions (SVD: fps, motion bucket, noise augmentation)."""
        return self.projection_class_embeddings_input_dim // self.addition_time_embed_dim

    @property
    def downsampling(self) -> int:
        """Factor between the sides of the largest and the smallest level."""
        return 1 << (len(self.block_out_channels) - 1)

    def with_micro(self, count: int) -> UNetConfig:
        """The same for ``count`` micro-conditions."""
        return self.model_copy(update={"projection_class_embeddings_input_dim": count * self.addition_time_embed_dim})

    @model_validator(mode="before")
    @classmethod
    def _one_for_all_levels(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        channels = values.get("block_out_channels", cls.model_fields["block_out_channels"].default)
        levels = len(channels) if isinstance(channels, list | tuple) else 1
        one = {name: (values[name],) * levels for name in _PER_LEVEL if isinstance(values.get(name), int)}
        return {**values, **one}

    @field_validator(*_PER_LEVEL)
    @classmethod
    def _positive(cls, values: tuple[int, ...]) -> tuple[int, ...]:
        if min(values, default=0) < 1:
            raise ValueError("must be at least 1")
        return values

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        levels = len(self.block_out_channels)
        for name in (*_PER_LEVEL, "cross_attention"):
            if len(getattr(self, name)) != levels:
                raise ValueError(
                    f"{name} has {len(getattr(self, name))} values, block_out_channels has {levels} levels"
                )
        for channels, heads in zip(self.block_out_channels, self.num_attention_heads, strict=True):
            if channels < GROUPS or channels % GROUPS:
                raise ValueError(f"block_out_channels: {channels} is no multiple of {GROUPS}")
            if channels % heads:
                raise ValueError(f"num_attention_heads: {channels} channels cannot be dealt to {heads} heads")
        if self.projection_class_embeddings_input_dim % self.addition_time_embed_dim:
            raise ValueError(
                f"projection_class_embeddings_input_dim {self.projection_class_embeddings_input_dim} is no multiple of "
                f"addition_time_embed_dim {self.addition_time_embed_dim}"
            )
        return self

    def to_diffusers(self) -> dict[str, Any]:
        """The config.json of diffusers' UNetSpatioTemporalConditionModel."""
        values: dict[str, Any] = {"_class_name": CLASS_NAME}
        values |= {name: self.model_dump(mode="json")[name] for name in _SHARED}
        values["down_block_types"] = [_WITH_ATTENTION[0] if has else _WITHOUT[0] for has in self.cross_attention]
        values["up_block_types"] = [_WITH_ATTENTION[1] if has else _WITHOUT[1] for has in self.cross_attention[::-1]]
        if self.resnet_norm_eps != type(self).model_fields["resnet_norm_eps"].default:
            values["resnet_norm_eps"] = self.resnet_norm_eps
        return values

    @classmethod
    def from_diffusers(cls, values: Mapping[str, Any], where: str = "config.json") -> UNetConfig:
        """The configuration that a config.json of diffusers holds; what it leaves out is diffusers' default.

        Args:
            where: the file, for the message.

        Raises:
            DiffusionError: another class of model, or a shape that `VideoUNet` does not have.
        """
        kind = values.get("_class_name", CLASS_NAME)
        if kind != CLASS_NAME:
            raise DiffusionError(f"{where}: _class_name is {kind}; a {CLASS_NAME} is wanted")
        fields: dict[str, Any] = {name: values[name] for name in (*_SHARED, "resnet_norm_eps") if name in values}
        fields.setdefault("num_frames", 25)
        fields["cross_attention"] = _levels_with_attention(values, where)
        fields["cross_attention_dim"] = one_width(fields.get("cross_attention_dim", 1024), where)
        return checked(cls, fields, where)


def checked(cls: type[UNetConfig], fields: Mapping[str, Any], where: str) -> UNetConfig:
    """The configuration with these fields; a mistake in them is a DiffusionError of one line."""
    try:
        return cls.model_validate(dict(fields))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise DiffusionError(
            f"{where}: {key + ': ' if key else ''}{first['msg'].removeprefix('Value error, ')}"
        ) from error


def one_width(value: Any, where: str) -> Any:
    """``value``, or what all its members are.

    Raises:
        DiffusionError: they differ.
    """
    if not isinstance(value, list | tuple):
        return value
    if len(set(value)) != 1:
        raise DiffusionError(f"{where}: cross_attention_dim {list(value)} differs by level; one width is supported")
    return value[0]


def _levels_with_attention(values: Mapping[str, Any], where: str) -> tuple[bool, ...]:
    down = values.get("down_block_types", [*_WITH_ATTENTION[:1] * 3, _WITHOUT[0]])
    up = values.get("up_block_types", [_WITHOUT[1], *_WITH_ATTENTION[1:] * 3])
    for given, names in ((down, (_WITH_ATTENTION[0], _WITHOUT[0])), (up, (_WITH_ATTENTION[1], _WITHOUT[1]))):
        unknown = [kind for kind in given if kind not in names]
        if unknown:
            raise DiffusionError(f"{where}: block type {unknown[0]!r} is not supported; known are {', '.join(names)}")
    has = tuple(kind == _WITH_ATTENTION[0] for kind in down)
    if has[::-1] != tuple(kind == _WITH_ATTENTION[1] for kind in up):
        raise DiffusionError(f"{where}: up_block_types does not mirror down_block_types")
    return has


SIZES: Final[Mapping[str, UNetConfig]] = {
    "5m": UNetConfig(
        in_channels=4,
        block_out_channels=(64, 64, 64),
        cross_attention=(False, True, True),
        layers_per_block=(1, 1, 1),
        transformer_layers_per_block=(1, 1, 1),
        num_attention_heads=(2, 2, 2),
        cross_attention_dim=768,
        addition_time_embed_dim=64,
        projection_class_embeddings_input_dim=128,
    ),
    "40m": UNetConfig(
        in_channels=4,
        block_out_channels=(64, 128, 192, 256),
        layers_per_block=(2, 2, 1, 1),
        num_attention_heads=(2, 4, 6, 8),
        addition_time_embed_dim=128,
        projection_class_embeddings_input_dim=256,
    ),
    "svd": UNetConfig(),
}
"""Named sizes, by parameters. ``svd`` is Stable Video Diffusion's own (1.5 billion, image-to-video)."""
