"""Captions of pictures by OpenCLIP's CoCa. Loads no torch when imported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from models.batching import ShrinkingBatches
from models.coca_decoder import CocaDecoder
from models.coca_search import CaptionSettings, SpecialTokens, draw_tokens, search_beams
from models.generation import Dtype, torch_dtype
from models.openclip_model import load_model, load_tokenizer, pure_precision
from models.openclip_pixels import OpenClipPixels
from models.openclip_source import OpenClipSource, OpenClipSourceError


class CocaCaptioner:
    """One line of English for a picture.

    Source: CoCa, arXiv 2205.01917; weights and ``generate`` of OpenCLIP, whose captions these are.
    """

    def __init__(
        self,
        source: OpenClipSource,
        settings: CaptionSettings,
        *,
        device: str = "cpu",
        dtype: Dtype = "auto",
        images_per_pass: int = 16,
    ) -> None:
        """Load the model.

        ``images_per_pass``: pictures that the model sees at once; halved where memory runs out.

        Raises:
            OpenClipSourceError: not a CoCa of OpenCLIP with CLIP's tokenizer, ``seq_len`` is longer than its context,
                or the weights are not on this machine, do not fit or cannot be read safely.
        """
        import torch

        self._torch = torch
        self._device = device
        self._settings = settings
        self._batches = ShrinkingBatches(images_per_pass)
        self._model: Any = load_model(source, precision=pure_precision(dtype, device), device=device)
        self._tokenizer = load_tokenizer(source)
        _check(self._model, self._tokenizer, source, settings)
        self._special = SpecialTokens(
            self._tokenizer.sot_token_id, self._tokenizer.eot_token_id, padding=self._model.pad_id
        )
        self._pixels = OpenClipPixels(source.transform, device=device, dtype=torch_dtype(dtype, device))

    def caption(self, images: Sequence[npt.NDArray[np.uint8]], keys: Sequence[str]) -> list[str]:
        """The caption of each picture, without special tokens and superfluous blanks; empty if the model wrote nothing.

        ``images``: RGB uint8 [h, w, 3], already at the model's size (`OpenClipTransform`). ``keys``: what the random
        stream of each text follows from, where tokens are drawn.
        """
        return self._batches.run(list(zip(images, keys, strict=True)), self._caption)

    def _caption(self, batch: Sequence[tuple[npt.NDArray[np.uint8], str]]) -> list[str]:
        torch = self._torch
        with torch.inference_mode():
            _, tokens = self._model.visual(self._pixels([image for image, _ in batch]))
            decoder = CocaDecoder(self._model, tokens, self._settings.texts_per_image)
            if self._settings.generation_type == "beam_search":
                written = search_beams(decoder, len(batch), self._settings, self._special)
            else:
                written = draw_tokens(decoder, self._settings, self._special, [key for _, key in batch])
        return [self._text(numbers) for numbers in written]

    def _text(self, numbers: Sequence[int]) -> str:
        words = [number for number in numbers if number not in (self._special.start, self._special.end)]
        return " ".join(self._tokenizer.decode(words).split())


def _check(model: Any, tokenizer: Any, source: OpenClipSource, settings: CaptionSettings) -> None:
    from open_clip import CoCa, SimpleTokenizer
    from open_clip.transformer import ResidualAttentionBlock, TextTransformer

    name = source.architecture
    if not isinstance(model, CoCa):
        raise OpenClipSourceError(f"{name} writes no captions: take a CoCa, such as coca_ViT-L-14")
    blocks = getattr(getattr(model.text, "transformer", None), "resblocks", [None])
    is_known = (
        isinstance(model.text, TextTransformer)
        and model.text.cls_emb is not None
        and all(type(block) is ResidualAttentionBlock for block in blocks)
        and getattr(model.visual, "output_tokens", False)
    )
    if not is_known:
        raise OpenClipSourceError(f"{name}: its text tower is not built as in coca_ViT-L-14 and coca_ViT-B-32")
    if not isinstance(tokenizer, SimpleTokenizer) or model.text.vocab_size != tokenizer.vocab_size:
        raise OpenClipSourceError(f"{name}: captions need CLIP's vocabulary of 49408 tokens")
    longest = min(model.text.context_length, model.context_length)
    if settings.seq_len > longest:
        raise OpenClipSourceError(f"{name} writes at most {longest} tokens, but seq_len is {settings.seq_len}")
