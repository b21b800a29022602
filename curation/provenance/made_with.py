"""With which version and parameters the rows of a table were made, by the fingerprint of its parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from curation.config.fingerprint import parameters_by_fingerprint
from curation.config.pipeline import ResolvedPipeline
from curation.dataset.description import DESCRIPTION, MADE_WITH
from curation.dataset.journal import ANNOTATIONS, CLIPS
from curation.dataset.storage import Storage
from curation.dataset.table import read_part
from curation.errors import UserError

Parameters = list[dict[str, Any]]


def parameters(storage: Storage, description: Mapping[str, Any]) -> dict[str, Parameters]:
    """Stages by fingerprint, each with name, version and config: one annotator, or all splitters together.

    A dataset that was written before this was kept tells what its last run still does in the same way.
    """
    recorded: dict[str, Parameters] = description.get(MADE_WITH, {})
    if Fingerprints(storage).all() <= recorded.keys():
        return recorded
    try:
        pipeline = ResolvedPipeline.from_dict(description["pipeline"], f"{storage.url}/{DESCRIPTION}")
        present = parameters_by_fingerprint(pipeline)
    except (UserError, KeyError):
        present = {}
    return {**present, **recorded}


class Fingerprints:
    """The fingerprint of each row of `clips` and of the annotations, by clip_id."""

    def __init__(self, storage: Storage) -> None:
        """Reads the ids of those parts only that were not made as most of their table was."""
        self._usual: dict[str, str] = {}
        self._others: dict[str, dict[str, str]] = {}
        parts: dict[str, dict[str, list[str]]] = {}
        for name in (*storage.files(CLIPS, ".parquet"), *storage.files(ANNOTATIONS, ".parquet")):
            table, file = name.rsplit("/", 1)
            parts.setdefault(table, {}).setdefault(_fingerprint_in(file), []).append(name)
        for table, by_fingerprint in parts.items():
            usual = max(by_fingerprint, key=lambda fingerprint: len(by_fingerprint[fingerprint]))
            self._usual[table] = usual
            self._others[table] = {
                clip_id: fingerprint
                for fingerprint, names in by_fingerprint.items()
                if fingerprint != usual
                for name in names
                for clip_id in read_part(storage, name, ["clip_id"])[0]["clip_id"].to_pylist()
            }

    def tables(self) -> list[str]:
        """clips, annotations/<stage> …"""
        return list(self._usual)

    def of(self, clip_id: str) -> tuple[str, ...]:
        """For each of `tables` the fingerprint with which this clip's row was made; the usual one if it has none."""
        return tuple([self._others[table].get(clip_id, usual) for table, usual in self._usual.items()])

    def all(self) -> set[str]:
        """Every fingerprint that occurs."""
        return {*self._usual.values(), *(one for others in self._others.values() for one in others.values())}


def _fingerprint_in(file: str) -> str:
    """part-000003-27841c950f4f790c.parquet → 27841c950f4f790c."""
    return file.removesuffix(".parquet").rpartition("-")[2]
