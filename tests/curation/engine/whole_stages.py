"""A stage that sees the whole dataset, and fails in every way."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import pyarrow as pa

from curation.dataset.clip_columns import ClipColumns
from curation.errors import DiskFullError
from curation.stage import DatasetAnnotator, StageConfig


class Rank(DatasetAnnotator):
    """Place of each clip by `mean` and `clip_index`; while the file ``cured`` is not there, what ``how`` says."""

    name = "rank"
    reads = ("mean", "clip_index")
    writes: ClassVar[dict[str, pa.DataType]] = {"rank": pa.int64()}

    class Config(StageConfig):
        descending: bool = False
        how: str = ""
        cured: str = ""

    config: Config

    def annotate_all(self, clips: ClipColumns) -> Iterator[pa.Table]:
        how = "" if os.path.exists(self.config.cured) else self.config.how
        if how == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "disk full":
            raise DiskFullError("no space left to write /somewhere")
        means = clips.read("mean").to_numpy()
        sign = -1 if self.config.descending else 1
        order = np.lexsort((sign * clips.read("clip_index").to_numpy(), sign * means))
        ranks = np.empty(len(clips), np.int64)
        ranks[order] = np.arange(len(clips))
        for position in range(len(clips)):
            if how == "raise" and position == 1:
                raise ValueError("no rank\nfor this")
            chosen = slice(position, position + 1)
            table = {"clip_id": clips.ids(chosen), "rank": ranks[chosen], "rank_error": pa.nulls(1, pa.string())}
            clips.progressed(1)
            yield pa.table(table)


class Later(Rank):
    """Reads what `Rank` wrote."""

    name = "later"
    reads = ("rank",)
    writes: ClassVar[dict[str, pa.DataType]] = {"backwards": pa.int64()}

    def annotate_all(self, clips: ClipColumns) -> Iterator[pa.Table]:
        backwards = len(clips) - 1 - clips.read("rank").to_numpy()
        error = pa.nulls(len(clips), pa.string())
        yield pa.table({"clip_id": clips.ids(slice(None)), "backwards": backwards, "later_error": error})
