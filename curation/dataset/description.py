"""dataset.json: format version, resolved configuration, code version, counts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow.compute as pc

import curation
from curation.dataset.journal import ANNOTATIONS, CLIPS, VIDEOS, table_of
from curation.dataset.schema import FORMAT_VERSION
from curation.dataset.storage import Storage
from curation.errors import UserError

DESCRIPTION = "dataset.json"
MADE_WITH = "made_with"
# All that may stand at the root of a dataset.
LAYOUT = frozenset(
    {
        DESCRIPTION,
        VIDEOS,
        CLIPS,
        ANNOTATIONS,
        "media",
        "contact_sheets",
        "selections",
        "shards",
        "removals.jsonl",
        "_state",
    }
)


def describe(
    storage: Storage, pipeline: Mapping[str, Any], parameters: Mapping[str, Sequence[Mapping[str, Any]]] | None = None
) -> None:
    """Publish dataset.json with the configuration of the last run and the counts of the tables.

    ``parameters``: what the fingerprints of this configuration stand for. Those of earlier runs stay as long as a table
    has rows that were made with them.
    """
    videos = table_of(storage, VIDEOS).read(["status"])
    clips = table_of(storage, CLIPS).read(["start_s", "end_s"])
    num_videos = videos.num_rows if videos is not None else 0
    failed = pc.sum(pc.equal(videos["status"], "failed")).as_py() or 0 if videos is not None else 0
    seconds = pc.sum(pc.subtract(clips["end_s"], clips["start_s"])).as_py() or 0.0 if clips is not None else 0.0
    made_with = {**_kept_parameters(storage), **(parameters or {})}
    description = {
        "format_version": FORMAT_VERSION,
        "code_version": curation.__version__,
        "pipeline": pipeline,
        MADE_WITH: made_with,
        "counts": {
            "videos": num_videos,
            "videos_failed": failed,
            "clips": clips.num_rows if clips is not None else 0,
            "clip_seconds": round(seconds, 3),
        },
    }
    storage.write_bytes(DESCRIPTION, (json.dumps(description, indent=2) + "\n").encode())


def _kept_parameters(storage: Storage) -> dict[str, Any]:
    try:
        known = read_description(storage).get(MADE_WITH, {})
    except UserError:
        return {}
    parts = [part for table in (ANNOTATIONS, CLIPS) for part in storage.files(table, ".parquet")]
    used = {part.removesuffix(".parquet").rpartition("-")[2] for part in parts}
    return {fingerprint: stages for fingerprint, stages in known.items() if fingerprint in used}


def read_description(storage: Storage) -> dict[str, Any]:
    """The content of dataset.json.

    Raises:
        UserError: it is missing, unreadable, or of a newer format; the store does not answer.
    """
    try:
        description = json.loads(storage.read_bytes(DESCRIPTION))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UserError(f"{storage.url}: not a dataset (no {DESCRIPTION}); make one with: curation run") from error
    except ValueError as error:
        raise UserError(f"{storage.url}/{DESCRIPTION}: not JSON: {error}") from error
    except Exception as error:  # each store has its own
        raise UserError(f"{storage.url}: cannot be read: {' '.join(str(error).split())}") from error
    if description.get("format_version") != FORMAT_VERSION:
        raise UserError(
            f"{storage.url}: format version {description.get('format_version')}; this program reads {FORMAT_VERSION}"
        )
    return dict(description)
