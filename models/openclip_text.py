"""Text embeddings of an OpenCLIP model. Loads no torch when imported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from models.batching import ShrinkingBatches
from models.generation import Dtype
from models.openclip_model import load_model, load_tokenizer, pure_precision
from models.openclip_source import OpenClipSource


class OpenClipTextEncoder:
    """The text tower of an OpenCLIP model; the image tower is dropped after loading.

    Texts are cleaned, cut to the model's context and padded by OpenCLIP's own tokenizer of the model.
    Source: OpenCLIP, https://github.com/mlfoundations/open_clip; CLIP, arXiv 2103.00020.
    """

    def __init__(
        self, source: OpenClipSource, *, device: str = "cpu", dtype: Dtype = "auto", texts_per_pass: int = 64
    ) -> None:
        """Load the model.

        ``texts_per_pass``: texts that the model sees at once; halved where memory runs out.

        Raises:
            OpenClipSourceError: the weights are not on this machine, do not fit the model or cannot be read safely, or
                its tokenizer cannot be had.
        """
        import torch

        self._torch = torch
        self._device = device
        self._batches = ShrinkingBatches(texts_per_pass)
        self._tokenizer = load_tokenizer(source)
        self._model: Any = load_model(source, precision=pure_precision(dtype, device), device=device)
        for name in ("visual", "text_decoder"):
            if hasattr(self._model, name):
                delattr(self._model, name)
        self.dimension: int = self.embed(["a"]).shape[1]

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embeddings of length 1, float32 [n, dimension], n ≥ 1."""
        return np.stack(self._batches.run(texts, self._embed))

    def _embed(self, texts: Sequence[str]) -> list[npt.NDArray[np.float32]]:
        torch = self._torch
        with torch.inference_mode():
            features = self._model.encode_text(self._tokenizer(list(texts)).to(self._device))
            return list(torch.nn.functional.normalize(features.to(torch.float32), dim=-1).cpu().numpy())
