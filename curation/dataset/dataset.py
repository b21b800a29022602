"""What a user reads of a dataset: its tables as Arrow, and one wide table of clips with all their annotations."""

from __future__ import annotations

import pyarrow as pa

from curation.dataset.description import read_description
from curation.dataset.journal import ANNOTATIONS, CLIPS, VIDEOS, table_of
from curation.dataset.schema import CLIPS as CLIPS_SCHEMA
from curation.dataset.schema import VIDEOS as VIDEOS_SCHEMA
from curation.dataset.storage import Storage, join


class Dataset:
    """A dataset directory, read only.

    >>> clips = curation.Dataset("s3://bucket/lvd").clips()        # pyarrow.Table, one row per clip
    """

    def __init__(self, url: str) -> None:
        """Raises `UserError` where ``url`` holds no dataset."""
        self.storage = Storage(url)
        self.description = read_description(self.storage)

    def videos(self) -> pa.Table:
        """One row per source video, whatever became of it."""
        found = table_of(self.storage, VIDEOS).read()
        return VIDEOS_SCHEMA.empty_table() if found is None else found.sort_by("source")

    def annotated_stages(self) -> list[str]:
        """Stages that have annotations in this dataset."""
        names = self.storage.files(ANNOTATIONS, ".parquet")
        return sorted({name.split("/")[1] for name in names})

    def annotations(self, stage: str) -> pa.Table | None:
        """One row per clip: clip_id and the columns of one stage."""
        return table_of(self.storage, join(ANNOTATIONS, stage)).read()

    def clips(self) -> pa.Table:
        """One row per clip with the columns of all stages; a clip that a stage has not seen has nulls there."""
        clips = table_of(self.storage, CLIPS).read()
        if clips is None:
            clips = CLIPS_SCHEMA.empty_table()
        for stage in self.annotated_stages():
            annotations = self.annotations(stage)
            if annotations is not None:
                clips = _join(clips, annotations)
        return clips.sort_by([("source", "ascending"), ("clip_index", "ascending")])


def _join(clips: pa.Table, annotations: pa.Table) -> pa.Table:
    """Left join on clip_id; by position, since Arrow's join takes no list columns."""
    where = {clip_id: row for row, clip_id in enumerate(annotations["clip_id"].to_pylist())}
    rows = pa.array([where.get(clip_id) for clip_id in clips["clip_id"].to_pylist()], pa.int64())
    for name in annotations.column_names:
        if name != "clip_id":
            clips = clips.append_column(annotations.schema.field(name), annotations[name].take(rows))
    return clips
