"""How text is decoded from a generating model: arithmetic, search or sampling. Loads no torch when imported."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import torch

Dtype = Literal["auto", "fp32", "bf16", "fp16"]


def torch_dtype(name: Dtype, device: str) -> torch.dtype:
    """The arithmetic of a model; "auto": bf16 on a GPU, fp32 on a CPU."""
    import torch

    if name == "auto":
        name = "bf16" if device.startswith("cuda") else "fp32"
    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[name]


@dataclass(frozen=True)
class Decoding:
    """Settings of ``generate`` in transformers under which a text depends on its own input only, not on its batch.

    ``temperature`` 0: the likeliest token (``num_beams`` 1) or beam search. Above 0: tokens are drawn, each text with
    a random stream of its own that follows from ``seed`` and the text's key.

    Raises:
        ValueError: tokens are to be drawn in a beam search.
    """

    max_new_tokens: int
    num_beams: int = 1
    temperature: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.temperature > 0 and self.num_beams > 1:
            raise ValueError("num_beams is for temperature 0: tokens are either searched for or drawn")

    def arguments(self, keys: Sequence[str], device: str) -> dict[str, Any]:
        """Keyword arguments of ``generate`` for a batch whose rows have these ``keys``.

        A checkpoint's own settings of sampling are overridden. So are its penalties on repetition, into which some
        versions of transformers count the padding.
        """
        arguments: dict[str, Any] = {
            "max_new_tokens": self.max_new_tokens,
            "num_beams": self.num_beams,
            "do_sample": False,
            "temperature": None,
            "top_p": None,
            "top_k": None,
            "repetition_penalty": None,
            "no_repeat_ngram_size": None,
        }
        if self.temperature > 0:
            seeds = [_seed(self.seed, key) for key in keys]
            arguments["logits_processor"] = [_gumbel_noise(self.temperature, seeds, device)]
        return arguments


def _seed(seed: int, key: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}:{key}".encode()).digest()[:7], "big")


def _gumbel_noise(temperature: float, seeds: Sequence[int], device: str) -> Any:
    """A logits processor under which the likeliest token is a draw from softmax(logits / temperature).

    The Gumbel-max trick: transformers' own sampling draws a batch from one random stream, so that a text would depend
    on its neighbours.
    """
    import torch
    from transformers import LogitsProcessor

    class GumbelNoise(LogitsProcessor):
        def __init__(self) -> None:
            self._streams = [torch.Generator(device).manual_seed(seed) for seed in seeds]

        def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
            noise = torch.empty_like(scores, dtype=torch.float32)
            for row, stream in zip(noise, self._streams, strict=True):
                row.exponential_(generator=stream)
            return scores.float() / temperature - noise.clamp_min(torch.finfo(torch.float32).tiny).log()

    return GumbelNoise()
