"""`dedup`: which clips are duplicates, or near-duplicates, of which."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from curation.errors import ItemError
from curation.scratch import scratch_space
from curation.stage import DatasetAnnotator, Requirement, StageConfig
from stages.duplicates.order import KEPT_BY, best_first, contents, leaders_of

if TYPE_CHECKING:
    from curation.dataset.clip_columns import ClipColumns
    from stages.duplicates.vectors import Rows, VectorFile, Vectors

EMBEDDING, HASH = "clip_embedding", "perceptual_hash"
DEFAULT_SIMILARITY = {EMBEDDING: 0.95, HASH: 0.9}
# What rounding may take from the similarity of equal vectors.
ROUNDING = 1e-6
ROWS_WRITTEN = 65536
# Of clips with the same content the first of these stands for all.
COMPARED, SHOWS_NOTHING, UNUSABLE, MISSING = range(4)


class Dedup(DatasetAnnotator):
    """Groups of clips around one that is kept: that with the most pixels, then the longest, then the largest file, then
    the smallest id.

    ``is_duplicate``: whether another clip is kept in a clip's place; ``duplicate_of``: the id of that clip, else null.
    ``duplicate_similarity``: the similarity of the two, null without one: by ``clip_embedding`` the cosine, by
    ``perceptual_hash`` the share of bits that are equal. Clips whose files are equal byte by byte have 1.

    A clip without the column that is compared has nulls and an error, unless a file equal to its own is there.
    """

    class Config(StageConfig):
        """Parameters of `dedup`."""

        by: Literal["auto", "clip_embedding", "perceptual_hash"] = Field(
            "auto", description="the column that is compared; auto: the first of these that the pipeline gives"
        )
        min_similarity: Annotated[float, Field(gt=0.5, le=1)] | Literal["auto"] = Field(
            "auto", description="from which similarity on clips are duplicates; auto: 0.95 by clip_embedding, else 0.9"
        )
        exact_up_to: int = Field(
            50_000, ge=0, description="number of clips up to which all are compared; among more, an index searches"
        )

    name = "dedup"
    writes: ClassVar[Mapping[str, pa.DataType]] = {
        "is_duplicate": pa.bool_(),
        "duplicate_of": pa.string(),
        "duplicate_similarity": pa.float32(),
    }
    config: Config

    @classmethod
    def settled(cls, config: StageConfig, columns: Collection[str]) -> StageConfig:
        """``by`` and ``min_similarity`` in place of "auto"."""
        assert isinstance(config, cls.Config)
        by = (
            config.by if config.by != "auto" else next((name for name in DEFAULT_SIMILARITY if name in columns), "auto")
        )
        similarity = config.min_similarity
        if similarity == "auto" and by != "auto":
            similarity = DEFAULT_SIMILARITY[by]
        return config.model_copy(update={"by": by, "min_similarity": similarity})

    def inputs(self) -> tuple[str, ...]:
        """What decides who is kept, the hash of the file, and what is compared."""
        compared = () if self.config.by == "auto" else (self.config.by,)
        return (*KEPT_BY, "sha256", *compared)

    def requirements(self) -> Iterator[Requirement]:
        """A column to compare."""
        if self.config.by == "auto":
            yield Requirement(
                "a column to compare",
                f"nothing before it gives {EMBEDDING} or {HASH}; add the stage clip_scores or perceptual_hash",
            )

    def annotate_all(self, clips: ClipColumns) -> Iterator[pa.Table]:
        """All rows, in the order of clip_id."""
        order = best_first(clips)
        with scratch_space(), tempfile.TemporaryDirectory(prefix="curation-") as folder:
            states, vectors = self._vectors(clips, order, Path(folder, "vectors"))
            leaders = leaders_of(contents(clips)[order], states)
            keepers, similarities = self._groups(leaders, states, vectors, clips)
        copies = leaders != np.arange(len(clips))
        similarities[copies] = np.where(keepers < 0, 1, similarities)[leaders[copies]]
        keepers[copies] = np.where(keepers < 0, leaders, keepers)[leaders[copies]]
        yield from self._tables(clips, order, keepers, similarities, states)

    def _vectors(self, clips: ClipColumns, order: Rows, path: Path) -> tuple[np.ndarray, VectorFile | None]:
        """The state of each row (a clip's place in ``order``), and the vectors of those that can be compared."""
        from stages.duplicates.picture_hash import to_vectors
        from stages.duplicates.vectors import VectorFile

        row_of = np.empty_like(order)
        row_of[order] = np.arange(len(order))
        states = np.full(len(order), MISSING, np.int8)
        file = None
        for positions, values in clips.blocks(self.config.by):
            vectors = _embeddings(values) if self.config.by == EMBEDDING else to_vectors(values.to_pylist())
            file = file or VectorFile(path, len(order), vectors.shape[1])
            if vectors.shape[1] != file.dimension:
                raise ItemError(
                    f"{self.config.by} has {vectors.shape[1]} values in some rows, {file.dimension} in others"
                )
            finite = np.isfinite(vectors).all(axis=1)
            empty = SHOWS_NOTHING if self.config.by == HASH else UNUSABLE
            states[row_of[positions]] = np.where(finite & vectors.any(axis=1), COMPARED, empty)
            file.write(row_of[positions[finite]], vectors[finite])
        return states, file

    def _groups(
        self, leaders: Rows, states: np.ndarray, vectors: VectorFile | None, clips: ClipColumns
    ) -> tuple[Rows, Vectors]:
        """For each row the one that is kept in its place, −1 where none is, and the similarity."""
        from stages.duplicates.nearest import KeptClips
        from stages.duplicates.star import star_groups

        keepers = np.full(len(leaders), -1, np.int64)
        similarities = np.full(len(leaders), np.nan, np.float32)
        rows = np.flatnonzero((states == COMPARED) & (leaders == np.arange(len(leaders))))
        if vectors is None or not len(rows):
            return keepers, similarities
        by_hash = self.config.by == HASH
        least = float(self.config.min_similarity) - ROUNDING
        min_cosine = 2 * least - 1 if by_hash else least
        kept = KeptClips(
            vectors,
            rows,
            exact_up_to=self.config.exact_up_to,
            threads=max(1, int(self.num_cpus)),
            min_cosine=min_cosine,
        )
        keepers[rows], cosines = star_groups(rows, vectors, kept, min_cosine, clips.progressed)
        similarities[rows] = np.minimum(1, (1 + cosines) / 2 if by_hash else cosines)
        return keepers, similarities

    def _tables(
        self, clips: ClipColumns, order: Rows, keepers: Rows, similarities: Vectors, states: np.ndarray
    ) -> Iterator[pa.Table]:
        told = {
            MISSING: f"no {self.config.by} to compare",
            UNUSABLE: f"{self.config.by} cannot be compared: it is zero or not finite",
        }
        row_of = np.empty_like(order)
        row_of[order] = np.arange(len(order))
        for start in range(0, len(order), ROWS_WRITTEN):
            rows = row_of[start : start + ROWS_WRITTEN]
            alone = keepers[rows] < 0
            unknown = alone & (states[rows] >= UNUSABLE)
            columns: dict[str, Any] = {
                "clip_id": clips.ids(slice(start, start + ROWS_WRITTEN)),
                "is_duplicate": pa.array(~alone, mask=unknown),
                "duplicate_of": pa.compute.if_else(pa.array(alone), None, clips.ids(order[keepers[rows]])),
                "duplicate_similarity": pa.array(similarities[rows], mask=alone),
                "dedup_error": pa.array(
                    [told[state] if one else None for state, one in zip(states[rows], unknown, strict=True)],
                    pa.string(),
                ),
            }
            yield pa.table(columns)


def _embeddings(values: pa.Array) -> Vectors:
    """float32 [n, d] of a column of lists; NaN for a null in a list.

    Raises:
        ItemError: the lists have different lengths.
    """
    numbers: Vectors = values.flatten().to_numpy(zero_copy_only=False).astype(np.float32)
    lengths = np.unique(pa.compute.list_value_length(values))
    if len(lengths) != 1:
        raise ItemError(f"{EMBEDDING} has {lengths[0]} values in some rows, {lengths[-1]} in others")
    return numbers.reshape(len(values), -1)
