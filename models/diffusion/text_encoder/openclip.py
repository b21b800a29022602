"""The text and the image tower of an OpenCLIP model.

Source: OpenCLIP, https://github.com/mlfoundations/open_clip; as conditioning: Stable Diffusion 2, which reads the
penultimate block of ViT-H/14, normalised by the tower's last LayerNorm.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from models.batching import ShrinkingBatches
from models.diffusion.text_encoder.errors import EncoderError
from models.diffusion.text_encoder.preparation import clip_pixels
from models.openclip_model import load_model, load_tokenizer
from models.openclip_source import OpenClipSource, OpenClipSourceError

_PRECISIONS = {torch.float32: "fp32", torch.bfloat16: "pure_bf16", torch.float16: "pure_fp16"}


class OpenClipText:
    """A `TextEncoder`. ``skip``: blocks at the end that are not computed: 1 for the penultimate."""

    def __init__(
        self, source: OpenClipSource, *, skip: int, device: torch.device | str, dtype: torch.dtype, texts_per_pass: int
    ) -> None:
        model, self._tokenizer = _loaded(source, device, dtype, with_tokenizer=True)
        self._tower: Any = getattr(model, "text", model)
        for part in ("visual", "text_decoder"):
            if hasattr(model, part):
                delattr(model, part)
        self._device = device
        self._batches = ShrinkingBatches(texts_per_pass)
        if not hasattr(self._tower, "ln_final") or not hasattr(self._tower, "token_embedding"):
            raise EncoderError(f"{source.architecture}: its text tower is no CLIP transformer of OpenCLIP")
        self._block = len(self._tower.transformer.resblocks) - 1 - skip
        if self._block < 0:
            raise EncoderError(f"{source.architecture}: has one block of text only; use text_encoder.layer=last")
        self.width = int(self._tower.ln_final.weight.shape[0])
        self.length = int(self._tokenizer.context_length)
        self.identity = f"{source.identity()}-{skip}"

    def encode(self, captions: Sequence[str]) -> Tensor:
        """See `TextEncoder`."""
        return torch.stack(self._batches.run(captions, self._encode))

    def lengths(self, captions: Sequence[str]) -> list[int]:
        """See `TextEncoder`."""
        return [_num_tokens(self._tokenizer, caption) for caption in captions]

    @torch.no_grad()
    def _encode(self, captions: Sequence[str]) -> list[Tensor]:
        tokens = self._tokenizer(list(captions)).to(self._device)
        tower = self._tower
        states = tower.token_embedding(tokens).to(tower.transformer.get_cast_dtype())
        states = states + tower.positional_embedding[: tokens.shape[1]].to(states.dtype)
        _, blocks = tower.transformer.forward_intermediates(
            states, attn_mask=tower.attn_mask, indices=[self._block], stop_early=True
        )
        return list(tower.ln_final(blocks[0]).float())


class OpenClipImage:
    """An `ImageEncoder`."""

    def __init__(
        self, source: OpenClipSource, *, device: torch.device | str, dtype: torch.dtype, images_per_pass: int
    ) -> None:
        model, _ = _loaded(source, device, dtype, with_tokenizer=False)
        self._visual: Any = model.visual
        self._transform = source.transform
        self._device = device
        self._dtype = dtype
        self._batches = ShrinkingBatches(images_per_pass)
        self.identity = source.identity()
        self.width = int(self.encode(torch.zeros(1, 3, *source.transform.size)).shape[-1])

    def encode(self, pixels: Tensor) -> Tensor:
        """See `ImageEncoder`."""
        return torch.stack(self._batches.run(list(pixels), self._encode))

    @torch.no_grad()
    def _encode(self, pixels: Sequence[Tensor]) -> list[Tensor]:
        transform = self._transform
        prepared = clip_pixels(
            torch.stack(list(pixels)).to(self._device), transform.size, transform.mean, transform.std
        )
        features = self._visual(prepared.to(self._dtype))
        return list((features[0] if isinstance(features, tuple) else features).float().unsqueeze(1))


def _loaded(
    source: OpenClipSource, device: torch.device | str, dtype: torch.dtype, *, with_tokenizer: bool
) -> tuple[Any, Any]:
    try:
        model = load_model(source, precision=_PRECISIONS[dtype], device=str(device))
        tokenizer = load_tokenizer(source) if with_tokenizer else None
    except OpenClipSourceError as error:
        raise EncoderError(str(error)) from error
    return model.requires_grad_(False), tokenizer


def _num_tokens(tokenizer: Any, caption: str) -> int:
    inner = getattr(tokenizer, "tokenizer", None)
    if inner is not None:
        return len(inner(tokenizer.clean_fn(caption)).input_ids)
    return len(tokenizer.encode(caption)) + 2
