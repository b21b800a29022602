"""CLIP's text and image towers as transformers has them: the folders text_encoder/, tokenizer/ and image_encoder/ of
Stable Diffusion and Stable Video Diffusion."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.batching import ShrinkingBatches
from models.diffusion.text_encoder.errors import EncoderError
from models.diffusion.text_encoder.preparation import clip_pixels
from models.pretrained import PretrainedError, load_model, load_processor

# Of CLIP's published image processors.
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


class TransformersText:
    """A `TextEncoder`. ``skip``: blocks at the end that are not computed."""

    def __init__(
        self,
        folder: Path,
        tokenizer: Path,
        *,
        identity: str,
        skip: int,
        device: torch.device | str,
        dtype: torch.dtype,
        texts_per_pass: int,
    ) -> None:
        from transformers import AutoTokenizer, CLIPTextModel

        self._model: Any = _loaded(CLIPTextModel, folder, device, dtype)
        try:
            self._tokenizer = load_processor(AutoTokenizer, tokenizer)
        except PretrainedError as error:
            raise EncoderError(str(error)) from error
        layers = self._model.config.num_hidden_layers
        if skip >= layers:
            raise EncoderError(f"{folder}: has {layers} blocks of text only; use text_encoder.layer=last")
        self._skip = skip
        self._device = device
        self._batches = ShrinkingBatches(texts_per_pass)
        self.width = int(self._model.config.hidden_size)
        self.length = int(self._model.config.max_position_embeddings)
        self.identity = f"{identity}-{skip}"

    def encode(self, captions: Sequence[str]) -> Tensor:
        """See `TextEncoder`."""
        return torch.stack(self._batches.run(captions, self._encode))

    def lengths(self, captions: Sequence[str]) -> list[int]:
        """See `TextEncoder`."""
        return [len(self._tokenizer(caption).input_ids) for caption in captions]

    @torch.no_grad()
    def _encode(self, captions: Sequence[str]) -> list[Tensor]:
        tokens = self._tokenizer(
            list(captions), padding="max_length", max_length=self.length, truncation=True, return_tensors="pt"
        )
        told = self._model(tokens.input_ids.to(self._device), output_hidden_states=self._skip > 0)
        if not self._skip:
            return list(told.last_hidden_state.float())
        norm = getattr(self._model, "text_model", self._model).final_layer_norm
        return list(norm(told.hidden_states[-1 - self._skip]).float())


class TransformersImage:
    """An `ImageEncoder`."""

    def __init__(
        self, folder: Path, *, identity: str, device: torch.device | str, dtype: torch.dtype, images_per_pass: int
    ) -> None:
        from transformers import CLIPVisionModelWithProjection

        self._model: Any = _loaded(CLIPVisionModelWithProjection, folder, device, dtype)
        self._device = device
        self._dtype = dtype
        self._batches = ShrinkingBatches(images_per_pass)
        self._side = int(self._model.config.image_size)
        self.width = int(self._model.config.projection_dim)
        self.identity = identity

    def encode(self, pixels: Tensor) -> Tensor:
        """See `ImageEncoder`."""
        return torch.stack(self._batches.run(list(pixels), self._encode))

    @torch.no_grad()
    def _encode(self, pixels: Sequence[Tensor]) -> list[Tensor]:
        prepared = clip_pixels(torch.stack(list(pixels)).to(self._device), (self._side, self._side), MEAN, STD)
        return list(self._model(prepared.to(self._dtype)).image_embeds.float().unsqueeze(1))


def _loaded(kind: Any, folder: Path, device: torch.device | str, dtype: torch.dtype) -> Any:
    try:
        return load_model(kind, folder, dtype=dtype, device=str(device)).requires_grad_(False)
    except PretrainedError as error:
        raise EncoderError(str(error)) from error
