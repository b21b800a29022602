"""Image embeddings of an OpenCLIP model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from models.batching import ShrinkingBatches
from models.openclip_model import load_model
from models.openclip_pixels import OpenClipPixels
from models.openclip_source import OpenClipSource

Precision = Literal["fp32", "bf16", "fp16"]


class OpenClipImageEncoder:
    """The image tower of an OpenCLIP model; the text tower is dropped after loading.

    Weights are read from safetensors or with ``torch.load(weights_only=True)``. The QuickGELU activation is used where
    the weights were trained with it (OpenCLIP itself only warns).
    Source: OpenCLIP, https://github.com/mlfoundations/open_clip; CLIP, arXiv 2103.00020.
    """

    def __init__(
        self,
        source: OpenClipSource,
        *,
        device: str = "cpu",
        precision: Precision = "fp32",
        images_per_pass: int = 32,
    ) -> None:
        """Load the model.

        Raises:
            OpenClipSourceError: the weights are not on this machine, do not fit the model or cannot be read safely.
        """
        import open_clip
        import torch

        self._torch = torch
        self._batches = ShrinkingBatches(images_per_pass)
        model = load_model(source, precision=precision, device=device)
        for name, _ in list(model.named_children()):
            if name != "visual":
                delattr(model, name)
        self._model: Any = model
        dtype = open_clip.get_input_dtype(precision)
        self._pixels = OpenClipPixels(source.transform, device=device, dtype=dtype)
        self.dimension: int = self.embed(np.zeros((1, *source.transform.size, 3), np.uint8)).shape[1]

    def embed(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Embeddings of length 1, float32 [n, dimension].

        ``images``: RGB uint8 [n, h, w, 3], already at the model's size (`OpenClipTransform`).
        """
        return np.stack(self._batches.run(list(images), self._embed))

    def _embed(self, images: Sequence[npt.NDArray[np.uint8]]) -> list[npt.NDArray[np.float32]]:
        torch = self._torch
        with torch.inference_mode():
            features = self._model.encode_image(self._pixels(images))
            embeddings = torch.nn.functional.normalize(features.to(torch.float32), dim=-1)
        return list(embeddings.cpu().numpy())
