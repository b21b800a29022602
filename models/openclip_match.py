"""How well images match a text, by an OpenCLIP model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from models.batching import ShrinkingBatches
from models.generation import Dtype, torch_dtype
from models.openclip_model import load_model, load_tokenizer, pure_precision
from models.openclip_pixels import OpenClipPixels
from models.openclip_source import OpenClipSource


class OpenClipMatcher:
    """Both towers of an OpenCLIP model. Source: CLIP, arXiv 2103.00020."""

    def __init__(
        self,
        source: OpenClipSource,
        *,
        device: str = "cpu",
        dtype: Dtype = "fp32",
        images_per_pass: int = 32,
    ) -> None:
        """Load the model.

        Raises:
            OpenClipSourceError: the weights are not on this machine, or they or the tokenizer cannot be loaded.
        """
        import torch

        self._torch = torch
        self._device = device
        self._model: Any = load_model(source, precision=pure_precision(dtype, device), device=device)
        self._tokenizer = load_tokenizer(source)
        self._batches = ShrinkingBatches(images_per_pass)
        self._pixels = OpenClipPixels(source.transform, device=device, dtype=torch_dtype(dtype, device))
        self.transform = source.transform

    def similarities(self, images: Sequence[npt.NDArray[np.uint8]], text: str) -> npt.NDArray[np.float32]:
        """Cosine similarity, −1 … 1, of each image with the text, float32 [n].

        ``images``: RGB uint8 [h, w, 3], already at the model's size (``transform``).
        """
        torch = self._torch
        with torch.inference_mode():
            tokens = self._tokenizer([text]).to(self._device)
            wanted = self._model.encode_text(tokens, normalize=False).to(torch.float32)
            wanted = torch.nn.functional.normalize(wanted, dim=-1)[0]
        return np.array(self._batches.run(images, lambda some: self._score(some, wanted)), np.float32)

    def _score(self, images: Sequence[npt.NDArray[np.uint8]], wanted: Any) -> list[float]:
        torch = self._torch
        with torch.inference_mode():
            features = self._model.encode_image(self._pixels(images))
            scores = torch.nn.functional.normalize(features.to(torch.float32), dim=-1) @ wanted
        result: list[float] = scores.cpu().tolist()
        return result
