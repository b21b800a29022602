"""Sources that `curation remove` took out of a dataset: a run passes them over until it is told to take them again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from curation.dataset.storage import Storage
from curation.engine.identify import IdentifiedSource, SourceIdentities
from curation.engine.watcher import Watcher
from curation.provenance.removed import Removed, readmit, refuse
from curation.sources.discover import SourceRef


class RemovedSources:
    """Known by the hashes of their names, before they are read, and of their contents."""

    def __init__(self, storage: Storage, watcher: Watcher, *, readmit: bool) -> None:
        """``readmit``: take them in again."""
        self._storage = storage
        self._watcher = watcher
        self._removed = Removed.of(storage)
        self._readmit = readmit

    @property
    def video_ids(self) -> Collection[str]:
        """Contents to pass over."""
        return () if self._readmit else self._removed.video_ids

    def admitted(self, sources: Sequence[SourceRef]) -> list[SourceRef]:
        """The sources but those that were taken out under their names."""
        if self._readmit or not self._removed.names:
            return list(sources)
        left = [ref for ref in sources if not self._removed.has(ref.url)]
        self._tell(len(sources) - len(left), "")
        return left

    def identified(self, identities: SourceIdentities, found: Iterable[IdentifiedSource]) -> None:
        """Note which contents come back, or other names of contents that do not."""
        if self._readmit:
            readmit(self._storage, {source.video_id for source in found} & set(self._removed.video_ids))
        elif identities.refused:
            refuse(self._storage, identities.refused)
            self._tell(len(identities.refused), "under other names ")

    def _tell(self, count: int, how: str) -> None:
        if count:
            were = "source was" if count == 1 else "sources were"
            self._watcher.warned(
                f"{count} {were} taken out of this dataset {how}by `curation remove`, and passed over; "
                "--readmit takes them in again"
            )
