"""Motion as a bucket number: quantiles of the clips' measured ``motion_score``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from models.diffusion.errors import DiffusionError


@dataclass(frozen=True)
class MotionBuckets:
    """``edges``: ascending motion scores between neighbouring buckets, one fewer than buckets.

    Bucket 0 holds the clips that move least. Each bucket holds the same share of the clips that the edges were made of,
    as far as equal scores allow it: these are never in two buckets.
    """

    edges: tuple[float, ...]

    @classmethod
    def of(cls, scores: npt.ArrayLike, count: int) -> MotionBuckets:
        """Edges at the quantiles 1/count, 2/count, … of ``scores``, (n,), NaN where unknown.

        Raises:
            DiffusionError: no clip has a score.
        """
        values = np.asarray(scores, np.float64)
        known = values[np.isfinite(values)]
        if not len(known):
            raise DiffusionError(
                "no sample of the shards has a motion_score: annotate the dataset with optical_flow and pack it again, "
                "or leave motion_bucket out of conditioning.micro"
            )
        edges = np.quantile(known, np.arange(1, count) / count, method="inverted_cdf")
        return cls(tuple(float(edge) for edge in edges))

    @property
    def count(self) -> int:
        """How many buckets there are."""
        return len(self.edges) + 1

    def bucket(self, scores: torch.Tensor) -> torch.Tensor:
        """The bucket (n,), float32, of each score (n,); NaN where the score is unknown."""
        edges = torch.tensor(self.edges, dtype=torch.float64, device=scores.device)
        found = torch.searchsorted(edges, scores.double(), side="left").float()
        return torch.where(scores.isfinite(), found, torch.nan)
