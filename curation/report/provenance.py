"""Where the numbers of a report come from: dataset, program, pipeline, filter."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

import curation
from curation.dataset.journal import ANNOTATIONS, CLIPS, VIDEOS
from curation.dataset.storage import Storage
from curation.filters.apply import Applied
from curation.filters.freeze import to_yaml
from curation.filters.selection import FILTER, FINGERPRINT, selection_file

NO_SELECTION = "not written yet"
MOST_GROUPS = 20


@dataclass(frozen=True)
class TablePart:
    """A table of the dataset. ``parameters``: fingerprints of the parameters that its parts were made with; more than
    one where the parameters changed and not all rows were computed anew."""

    name: str
    parts: int
    bytes: int
    parameters: tuple[str, ...]


@dataclass(frozen=True)
class Provenance:
    """``written_by``: version of the program that ran the pipeline last, whose parameters are in ``stages`` (YAML by
    name); ``reported_by``: of the one that made the report."""

    url: str
    fingerprint: str
    made: str
    written_by: str
    reported_by: str
    pipeline: str
    stages: dict[str, str]
    tables: list[TablePart]


@dataclass(frozen=True)
class FilterProvenance:
    """``written``: the filter as it is in YAML; ``resolved``: per rule its label and bounds, of at most `MOST_GROUPS`
    groups; ``selection``: whether the selection that is stored in the dataset is that of this filter and tables."""

    written: str
    resolved: Sequence[Mapping[str, Any]]
    selection: str


def provenance(storage: Storage, description: Mapping[str, Any], fingerprint: str) -> Provenance:
    """``description``: the content of dataset.json; ``fingerprint``: of the tables that the report was made from."""
    pipeline = description.get("pipeline") or {}
    return Provenance(
        storage.location,
        fingerprint,
        datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        str(description.get("code_version", "unknown")),
        curation.__version__,
        str(pipeline.get("name", "unknown")),
        {str(stage["name"]): _yaml(stage.get("config") or {}) for stage in pipeline.get("stages", ())},
        _tables(storage),
    )


def filter_provenance(storage: Storage, applied: Applied) -> FilterProvenance:
    """Where a filter comes from, and what its percentiles are."""
    resolved = applied.verdicts.resolved
    rules = [{**rule, "groups": rule.get("groups", [])[:MOST_GROUPS]} for rule in resolved.to_dict()["rules"]]
    return FilterProvenance(to_yaml(resolved.filter), rules, _selection(storage, applied))


def _selection(storage: Storage, applied: Applied) -> str:
    name = selection_file(applied.verdicts.resolved.filter.name)
    try:
        with storage.fs.open(storage.path(name), "rb") as handle, pq.ParquetFile(handle) as file:
            metadata = file.schema_arrow.metadata or {}
    except FileNotFoundError:
        return NO_SELECTION
    except pa.ArrowInvalid:
        return f"{name} is not a Parquet file"
    if json.loads(metadata.get(FILTER, b"null")) != applied.verdicts.resolved.filter.to_dict():
        return f"{name} holds the result of other rules"
    if metadata.get(FINGERPRINT, b"").decode() != applied.table.fingerprint:
        return f"{name} was made from other tables: the dataset has changed since"
    return f"{name} is the result of these rules on these tables"


def _tables(storage: Storage) -> list[TablePart]:
    sizes: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for folder in (VIDEOS, CLIPS, ANNOTATIONS):
        for part, size in storage.sizes(folder, ".parquet").items():
            sizes[part.rsplit("/", 1)[0]].append((part.removesuffix(".parquet"), size))
    return [
        TablePart(
            table,
            len(parts),
            sum(size for _, size in parts),
            tuple(sorted({name.rsplit("-", 1)[1] for name, _ in parts if name.count("-") >= 2})),
        )
        for table, parts in sizes.items()
    ]


def _yaml(values: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(values), sort_keys=False, allow_unicode=True, default_flow_style=None, width=100)
