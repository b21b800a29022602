"""Classifier-free guidance (arXiv 2207.12598), constant or rising over a video's frames."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from models.batching import is_out_of_memory
from models.diffusion.edm import Net, Preconditioning
from models.diffusion.errors import DiffusionError

Told = Mapping[str, Tensor]
"""What a network is told beside the noisy latents: arguments of `Preconditioning.denoise`, each [b, …]."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Guidance:
    """How far beyond the unconditional prediction to go: ``first`` in the first frame, ``last`` in the last.

    1 is the conditional prediction itself. Linear in between, as in arXiv 2311.15127, section 4.3 and appendix D:
    an image-to-video model's first frame needs no guidance, and suffers from it.
    """

    first: float = 1.0
    last: float = 1.0

    @classmethod
    def parse(cls, text: str) -> Guidance:
        """``none``, one number (``2.5``), or the first and the last frame's (``1.0:2.5``).

        Raises:
            DiffusionError: neither of these, or a number below 0.
        """
        if text == "none":
            return cls()
        try:
            values = [float(part) for part in text.split(":")]
        except ValueError:
            values = []
        if len(values) not in (1, 2) or not all(math.isfinite(value) and value >= 0 for value in values):
            raise DiffusionError(f"guidance {text!r}: should be none, a number (2.5), or two (1.0:2.5) of 0 or more")
        return cls(values[0], values[-1])

    @property
    def is_none(self) -> bool:
        """Whether the unconditional prediction has no part in it."""
        return self.first == self.last == 1

    def scales(self, num_frames: int) -> Tensor:
        """The scale of each frame, float32 [f]; a single frame has ``first``."""
        return torch.linspace(self.first, self.last, num_frames)

    def __str__(self) -> str:
        if self.is_none:
            return "none"
        return f"{self.first:g}" if self.first == self.last else f"{self.first:g}:{self.last:g}"


class Guided:
    """A denoiser that applies guidance: D = D_null + w (D_cond − D_null), w by frame.

    Both predictions come from one call of the network, on twice the batch; once memory does not suffice for that, from
    two.
    """

    def __init__(
        self,
        preconditioning: Preconditioning,
        net: Net,
        guidance: Guidance,
        told: Told,
        told_nothing: Told,
    ) -> None:
        """``told`` and ``told_nothing``: same names, same shapes; without guidance the latter is not read."""
        self._preconditioning = preconditioning
        self._net = net
        self._guidance = guidance
        self._told = told
        self._told_nothing = told_nothing
        self.in_one_call = True

    def __call__(self, x: Tensor, sigma: Tensor) -> Tensor:
        """``x`` [b, f, c, h, w], ``sigma`` [b] -> like ``x``."""
        if self._guidance.is_none:
            return self._denoise(x, sigma, self._told)
        null, conditional = self._both(x, sigma)
        scales = self._guidance.scales(x.shape[1]).to(x.device)[:, None, None, None]
        return null + scales * (conditional - null)

    def _both(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        if self.in_one_call:
            try:
                both = {name: torch.cat([null, self._told[name]]) for name, null in self._told_nothing.items()}
                null, conditional = self._denoise(torch.cat([x, x]), torch.cat([sigma, sigma]), both).chunk(2)
                return null, conditional
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
            log.warning("memory ran out for guidance in one call; from now on it takes two")
            self.in_one_call = False
        return self._denoise(x, sigma, self._told_nothing), self._denoise(x, sigma, self._told)

    def _denoise(self, x: Tensor, sigma: Tensor, told: Told) -> Tensor:
        return self._preconditioning.denoise(self._net, x, sigma, **told)
