"""Image embeddings of an OpenCLIP model."""

from __future__ import annotations

import importlib
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from models.openclip_source import OpenClipSource, OpenClipSourceError

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
        cache_dir: str | None = None,
    ) -> None:
        """Load the model; weights that are not on this machine are fetched.

        Raises:
            OpenClipSourceError: the checkpoint does not fit the model or cannot be read safely.
        """
        import open_clip
        import torch

        self._torch = torch
        self._device = device
        self._images_per_pass = images_per_pass
        self._dtype = open_clip.get_input_dtype(precision)
        weights = source.weights or _fetch(source, cache_dir)
        if source.config is not None:
            open_clip.add_model_config(source.config)
        try:
            model = open_clip.create_model(
                source.architecture,
                None if source.architecture.startswith("local-dir:") else str(weights),
                precision=precision,
                device=device,
                force_quick_gelu=source.quick_gelu,
                pretrained_text=False,
                require_pretrained=True,
                weights_only=True,
            )
        except Exception as error:
            raise OpenClipSourceError(f"{weights}: cannot be loaded as {source.architecture}: {error}") from error
        for name, _ in list(model.named_children()):
            if name != "visual":
                delattr(model, name)
        self._model: Any = model.eval()
        self._mean = torch.tensor(source.transform.mean, device=device).view(1, 3, 1, 1)
        self._std = torch.tensor(source.transform.std, device=device).view(1, 3, 1, 1)
        self.dimension: int = self.embed(np.zeros((1, *source.transform.size, 3), np.uint8)).shape[1]

    def embed(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Embeddings of length 1, float32 [n, dimension].

        ``images``: RGB uint8 [n, h, w, 3], already at the model's size (`OpenClipTransform`).
        """
        passes = range(0, len(images), self._images_per_pass)
        return np.concatenate([self._embed(images[start : start + self._images_per_pass]) for start in passes])

    def _embed(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        torch = self._torch
        with torch.inference_mode():
            pixels = torch.tensor(images, device=self._device).permute(0, 3, 1, 2).to(torch.float32) / 255
            features = self._model.encode_image(((pixels - self._mean) / self._std).to(self._dtype))
            embeddings = torch.nn.functional.normalize(features.to(torch.float32), dim=-1)
        result: npt.NDArray[np.float32] = embeddings.cpu().numpy()
        return result


def _fetch(source: OpenClipSource, cache_dir: str | None) -> str:
    table = importlib.import_module("open_clip.pretrained")
    path = str(table.download_pretrained(source.pretrained, cache_dir=cache_dir))
    if not path:
        raise OpenClipSourceError(f"OpenCLIP knows no place to fetch the weights of {source.architecture} from")
    return path
