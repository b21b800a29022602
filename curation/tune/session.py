"""What the page is about: one dataset with its columns in memory, the filters by name, and the file to save to."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from curation.config import load_config
from curation.config.file import FILE_NAME, ConfigFile, default_config_path
from curation.dataset.column_types import kind_of
from curation.dataset.fingerprint import dataset_fingerprint
from curation.dataset.storage import Storage
from curation.dataset.wide import CLIP_ID, Column
from curation.errors import UserError
from curation.filters import ClipTable, load_filter
from curation.stats.columns import scores
from curation.suggestions import did_you_mean
from curation.tune.axis import Scale
from curation.tune.distribution import Categories, Histogram, categories
from curation.tune.judge import Judge
from curation.tune.places import START, Places
from curation.tune.posters import Posters


class Opened:
    """The tables of a dataset as they were at one moment, with the columns in memory that the page shows at once."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.table = ClipTable.open(storage)
        self.scores = shown_at_once(self.table.columns)
        self.table.need([*self.scores, START])
        self.judge = Judge(self.table)
        self.places = Places(storage, self.table)
        self.histogram = lru_cache(maxsize=None)(self._histogram)
        self.categories = lru_cache(maxsize=None)(self._categories)

    def column(self, name: str) -> Column:
        """Raises UserError: there is no such column, or it holds lists."""
        if name not in self.table.columns:
            raise UserError(f'no column "{name}"{did_you_mean(name, self.table.columns)}')
        column = self.table.columns[name]
        if column.is_nested:
            raise UserError(f"{name}: holds lists; there is no histogram of them")
        return column

    def distribution(self, name: str, scale: Scale | None = None) -> Histogram | Categories:
        """How the values of a column are spread."""
        kind = kind_of(self.column(name).type)
        return self.histogram(name, scale) if kind == "number" else self.categories(name, kind)

    def _histogram(self, name: str, scale: Scale | None) -> Histogram:
        return Histogram.of(self.table, name, scale)

    def _categories(self, name: str, kind: str) -> Categories:
        return categories(self.table, name, kind)


class Session:
    """May be used by several threads."""

    def __init__(self, storage: Storage, config: Path | None = None) -> None:
        """``config``: the file with filters that is saved to, ./pipelines.yaml for None; it may not be there yet.

        Raises:
            UserError: the file cannot be read; the dataset cannot.
        """
        self.storage = storage
        self.target = config or Path(FILE_NAME)
        self.config_option = None if config is None else str(config)
        if self.target.exists() and not self.target.is_file():
            raise UserError(f"{self.target}: is no file; name the file to save filters to with --config")
        self.config()
        self.posters = Posters(storage)
        self._opened = Opened(storage)
        self._lock = threading.Lock()

    @property
    def opened(self) -> Opened:
        """The dataset as it was read last."""
        return self._opened

    def refresh(self) -> Opened:
        """The dataset as it is now: read again where its tables have changed."""
        with self._lock:
            if dataset_fingerprint(self.storage) != self._opened.table.fingerprint:
                self._opened = Opened(self.storage)
            return self._opened

    def config(self) -> ConfigFile:
        """The filters by name, as the files are now."""
        return load_config(self.target if self.target.is_file() else None)

    @property
    def cannot_save(self) -> str:
        """Why no filter can be saved; empty where it can."""
        if self.target.resolve() == default_config_path().resolve():
            return f"{self.target} is the file that is installed with the package; start with --config FILE to save"
        return ""

    def filters(self) -> list[dict[str, Any]]:
        """All filters by name, each with its description and whether it stands in the file that is saved to."""
        config = self.config()
        own = str(self.target)
        return [
            {"name": name, "description": entry.values.get("description"), "is_own": entry.document.label == own}
            for name, entry in config.filters.items()
        ]

    def rules_of(self, name: str) -> list[dict[str, Any]]:
        """The rules of a filter, with what it extends.

        Raises:
            UserError: there is none, or it is wrong; with file and line.
        """
        return [rule.to_dict() for rule in load_filter(self.config(), name).rules]


def shown_at_once(known: Mapping[str, Column]) -> list[str]:
    """The columns whose histograms are shown without being asked for: scores, and truth values that a stage wrote."""
    answers = (column for column in known.values() if column.stage and kind_of(column.type) == "truth value")
    return [*scores(known), *(column.name for column in answers)]


def described(opened: Opened) -> list[dict[str, Any]]:
    """The columns that a rule can be about, for the page."""
    return [
        {
            "name": column.name,
            "kind": kind_of(column.type),
            "origin": column.stage or column.table,
        }
        for column in opened.table.columns.values()
        if column.name != CLIP_ID and kind_of(column.type) != "other"
    ]
