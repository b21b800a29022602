"""The most similar one of the clips that were kept so far, by faiss."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from stages.duplicates.vectors import Rows, VectorFile, Vectors

# With these the neighbours of 99.9 % of planted duplicates are found; see docs/dedup.md.
LISTS_PER_ROOT = 4
TRAINED_ON = 40
ITERATIONS = 8
PROBES = 64
QUERY_BITS = 8
CANDIDATES = 4
# The index tells cosines to ± 0.05; candidates this far below the threshold are not looked at in full.
MARGIN = 0.1
PAIRS_AT_ONCE = 4096


class KeptClips:
    """Rows of a `VectorFile` to which others are compared.

    Up to ``exact_up_to`` clips all are compared (faiss.IndexFlatIP, 4 bytes per dimension and kept clip). More are
    found through an inverted file with one bit per dimension (IVF and RaBitQ, arXiv 2405.12497, after a random
    rotation; about 24 bytes and one eighth of a byte per dimension for each kept clip), and their cosines computed
    from the vectors on disk.
    """

    def __init__(self, vectors: VectorFile, rows: Rows, *, exact_up_to: int, threads: int, min_cosine: float) -> None:
        """``rows``: all that will be asked for or added, in the order in which that happens."""
        import faiss

        faiss.omp_set_num_threads(threads)
        self._vectors = vectors
        self._min_cosine = min_cosine
        self._kept: Rows = np.empty(len(rows), np.int64)
        self._count = 0
        self._is_exact = len(rows) <= exact_up_to
        self._index: Any = faiss.IndexFlatIP(vectors.dimension) if self._is_exact else self._trained(rows)

    def add(self, rows: Rows, vectors: Vectors) -> None:
        """Keep these rows; ``vectors``: theirs."""
        self._index.add(vectors)
        self._kept[self._count : self._count + len(rows)] = rows
        self._count += len(rows)

    def nearest(self, vectors: Vectors) -> tuple[Rows, Vectors]:
        """For each vector the kept row most similar to it and their cosine; −1 and −1 where none comes near."""
        if not self._count:
            return np.full(len(vectors), -1, np.int64), np.full(len(vectors), -1, np.float32)
        if self._is_exact:
            cosines, numbers = self._index.search(vectors, 1)
            return self._kept[numbers[:, 0]], cosines[:, 0]
        return self._checked(vectors, *self._index.search(vectors, CANDIDATES))

    def _checked(self, vectors: Vectors, squares: Vectors, numbers: Rows) -> tuple[Rows, Vectors]:
        """The best candidate of each vector by the vectors on disk. ``squares``: estimated squared distances."""
        cosines = np.full(numbers.shape, -1, np.float32)
        near = np.argwhere((numbers >= 0) & (1 - squares / 2 >= self._min_cosine - MARGIN))
        for start in range(0, len(near), PAIRS_AT_ONCE):
            asked, place = near[start : start + PAIRS_AT_ONCE].T
            found = self._vectors.read(self._kept[numbers[asked, place]])
            cosines[asked, place] = np.einsum("ij,ij->i", vectors[asked], found)
        best = np.arange(len(vectors)), cosines.argmax(axis=1)
        return np.where(cosines[best] > -1, self._kept[numbers[best]], -1), cosines[best]

    def _trained(self, rows: Rows) -> Any:
        import faiss

        dimension = self._vectors.dimension
        lists = 2 ** round(math.log2(LISTS_PER_ROOT * math.sqrt(len(rows))))
        # Vectors of length 1: the smallest distance is the largest cosine. The metric "inner product" would give cells
        # by centroids of unequal lengths, and very unequal cells.
        index = faiss.index_factory(dimension, f"RR{dimension},IVF{lists},RaBitQ", faiss.METRIC_L2)
        cells: Any = faiss.downcast_index(faiss.extract_index_ivf(index))
        cells.cp.niter, cells.cp.min_points_per_centroid = ITERATIONS, 1
        cells.nprobe, cells.qb = PROBES, QUERY_BITS
        sample = np.random.default_rng(0).choice(len(rows), min(len(rows), TRAINED_ON * lists), replace=False)
        index.train(self._vectors.read(rows[np.sort(sample)]))
        return index
