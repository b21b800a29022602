"""LAION's aesthetic predictors: a small head on a normalised CLIP image embedding.

Sources: https://github.com/LAION-AI/aesthetic-predictor (one linear layer, for several CLIP models) and
https://github.com/christophschuhmann/improved-aesthetic-predictor (five linear layers, for ViT-L/14). Both were trained
on embeddings of OpenAI's weights and predict a human rating from about 1 (ugly) to 10 (beautiful).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.download import download
from models.hub_files import WeightFile

_LINEAR_KEY = re.compile(r"^(?:(?:layers|fc|mlp)\.)?(?:(\d+)\.)?(weight|bias)$")


class AestheticHeadError(ValueError):
    """The weights cannot be had, or are not a head of the expected kind; the message says which file and why."""


@dataclass(frozen=True)
class PublishedHead:
    """A head that LAION published: file name, address, digest of the file, size."""

    file: str
    url: str
    sha256: str
    num_bytes: int


_L14 = PublishedHead(
    "sac+logos+ava1-l14-linearMSE.pth",
    "https://github.com/christophschuhmann/improved-aesthetic-predictor/raw/main/sac%2Blogos%2Bava1-l14-linearMSE.pth",
    "21dd590f3ccdc646f0d53120778b296013b096a035a2718c9cb0d511bff0f1e0",
    3_714_759,
)
_B32 = PublishedHead(
    "sa_0_4_vit_b_32_linear.pth",
    "https://github.com/LAION-AI/aesthetic-predictor/raw/main/sa_0_4_vit_b_32_linear.pth",
    "c7b14cead230694acc7b9447974d3cad78003c72da032e402a303b6c2429e85f",
    3_047,
)
_HEADS: Mapping[str, PublishedHead] = {
    "ViT-L-14": _L14,
    "ViT-L-14-quickgelu": _L14,
    "ViT-B-32": _B32,
    "ViT-B-32-quickgelu": _B32,
}


def published_head(model: str) -> PublishedHead | None:
    """The head that LAION published for an OpenCLIP model name, if any."""
    return _HEADS.get(model)


def head_folder(cache_dir: str | None = None) -> Path:
    """Where published heads are looked for and kept; by default below the user's cache folder."""
    if cache_dir is not None:
        return Path(cache_dir)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "curation"


def head_file(head: PublishedHead, folder: Path) -> WeightFile:
    """The head's file, in ``folder`` or not yet."""
    path = folder / head.file
    return WeightFile(head.file, head.num_bytes, path if path.is_file() else None, head.sha256)


def fetch_head(head: PublishedHead, folder: Path) -> Path:
    """The head's file in ``folder``, fetched if it is not there, its digest checked.

    Raises:
        DownloadError: it cannot be fetched or written, or the file that came is not the published one.
    """
    return download(head.url, folder / head.file, head.sha256)


class AestheticHead:
    """A chain of linear layers, as many as the state dict holds (dropout is idle and nothing lies between them)."""

    def __init__(self, weights: Path, *, device: str = "cpu") -> None:
        """Load ``weights`` with ``torch.load(weights_only=True)``, or as safetensors.

        Raises:
            AestheticHeadError: not a state dict of linear layers that end in one value.
        """
        import torch

        self._torch = torch
        self._device = device
        layers = _linear_layers(_state_dict(weights), weights)
        self.dimension: int = layers[0][0].shape[1]
        self._layers = [(weight.to(device), bias.to(device)) for weight, bias in layers]

    def score(self, embeddings: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Ratings, float32 [n], of L2-normalised image embeddings float32 [n, dimension]."""
        torch = self._torch
        with torch.inference_mode():
            values = torch.tensor(embeddings, device=self._device)
            for weight, bias in self._layers:
                values = torch.nn.functional.linear(values, weight, bias)
        result: npt.NDArray[np.float32] = values[:, 0].cpu().numpy()
        return result


def _state_dict(weights: Path) -> Mapping[str, Any]:
    import torch

    try:
        if weights.suffix == ".safetensors":
            from safetensors.torch import load_file

            state: Any = load_file(weights)
        else:
            state = torch.load(weights, map_location="cpu", weights_only=True)
    except Exception as error:
        raise AestheticHeadError(f"{weights}: cannot be read as weights: {error}") from error
    if not isinstance(state, Mapping):
        raise AestheticHeadError(f"{weights}: holds no state dict")
    return state


def _linear_layers(state: Mapping[str, Any], weights: Path) -> list[tuple[Any, Any]]:
    parts: dict[int, dict[str, Any]] = {}
    for key, value in state.items():
        match = _LINEAR_KEY.match(key)
        if match is None:
            raise AestheticHeadError(f"{weights}: {key!r} is not part of a chain of linear layers")
        parts.setdefault(int(match[1] or 0), {})[match[2]] = value.float()
    layers = [parts[number] for number in sorted(parts)]
    if not layers or any(set(layer) != {"weight", "bias"} or layer["weight"].ndim != 2 for layer in layers):
        raise AestheticHeadError(f"{weights}: is not a chain of linear layers with biases")
    widths = [(layer["weight"].shape[1], layer["weight"].shape[0]) for layer in layers]
    if any(out != into for (_, out), (into, _) in pairwise(widths)) or widths[-1][1] != 1:
        raise AestheticHeadError(f"{weights}: its layers {widths} are no chain that ends in one value")
    return [(layer["weight"], layer["bias"]) for layer in layers]
