"""The write-ahead journal: finished items as small files, folded into the tables.

Workers publish each finished video and each finished batch of annotations as one small file under
``_state/journal/``. The driver alone folds them into table parts. Folding is told in ``_state/commit.json``
before it begins, so that one that was interrupted is done again from the start or from where entries were
already deleted; either way each row ends up in its table exactly once.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa

from curation.dataset.entry import SUFFIX, read_entry, write_entry
from curation.dataset.storage import Storage, join
from curation.dataset.table import Table, concat_parts, read_part, write_part

JOURNAL = "_state/journal"
COMMIT = "_state/commit.json"
READ_THREADS = 16
VIDEOS, CLIPS, ANNOTATIONS = "videos", "clips", "annotations"


def table_of(storage: Storage, folder: str) -> Table:
    """The table in ``folder`` with its key: a video's new clips replace all of its old ones."""
    return Table(storage, folder, "video_id" if folder in (VIDEOS, CLIPS) else "clip_id")


def record_video(storage: Storage, video: pa.Table, clips: pa.Table, fingerprint: str) -> None:
    """Publish a finished video: its clips first, its own row as the mark that it is whole."""
    video_id = video["video_id"][0].as_py()
    write_entry(storage, join(JOURNAL, CLIPS, f"{video_id}{SUFFIX}"), clips, fingerprint)
    write_entry(storage, join(JOURNAL, VIDEOS, f"{video_id}{SUFFIX}"), video, fingerprint)


def record_video_rows(storage: Storage, videos: pa.Table, fingerprint: str) -> None:
    """Publish new rows of finished videos whose clips stay as they are."""
    digest = _digest(videos["video_id"].to_pylist())
    write_entry(storage, join(JOURNAL, VIDEOS, f"rows-{digest}{SUFFIX}"), videos, fingerprint)


def record_annotations(storage: Storage, stage: str, rows: pa.Table, fingerprint: str) -> None:
    """Publish a finished batch of one stage."""
    digest = _digest(rows["clip_id"].to_pylist())
    write_entry(storage, join(JOURNAL, ANNOTATIONS, stage, f"{digest}{SUFFIX}"), rows, fingerprint)


def fold(storage: Storage, *, workers_gone: bool = False) -> None:
    """Fold all journal entries into the tables; first finishes a folding that was interrupted.

    All parts of `videos` have one schema afterwards, so that any reader of Parquet takes them for one table.
    ``workers_gone``: nobody is writing entries, so clips without their video's entry are left-overs to be deleted.
    """
    if storage.exists(COMMIT):
        _carry_out(storage, json.loads(storage.read_bytes(COMMIT)))
    entries = storage.files(JOURNAL, SUFFIX)
    if not entries:
        if workers_gone:
            table_of(storage, VIDEOS).level()
        return
    commit = _plan(storage, entries, workers_gone)
    storage.write_bytes(COMMIT, json.dumps(commit).encode())
    _carry_out(storage, commit)


def _plan(storage: Storage, entries: list[str], workers_gone: bool) -> dict[str, list[str]]:
    """Part name → the entries that go into it; the empty name holds clips of videos that were not finished."""
    whole = {name.rsplit("/", 1)[1] for name in entries if name.startswith(f"{JOURNAL}/{VIDEOS}/")}
    parts: dict[str, list[str]] = defaultdict(list)
    numbers: dict[str, int] = {}
    with ThreadPoolExecutor(READ_THREADS) as threads:
        fingerprints = dict(zip(entries, threads.map(lambda name: read_entry(storage, name)[1], entries), strict=True))
    for name in entries:
        folder, file = name[len(JOURNAL) + 1 :].rsplit("/", 1)
        if folder == CLIPS and file not in whole:
            if workers_gone:
                parts[""].append(name)
            continue
        fingerprint = fingerprints[name]
        if folder not in numbers:
            taken = [part.rsplit("/", 1)[1].split("-")[1] for part in storage.files(folder, ".parquet")]
            numbers[folder] = max((int(number) for number in taken if number.isdigit()), default=-1) + 1
        parts[join(folder, f"part-{numbers[folder]:06d}-{fingerprint}.parquet")].append(name)
    return dict(parts)


def _carry_out(storage: Storage, commit: dict[str, list[str]]) -> None:
    for part, entries in commit.items():
        if part and not storage.exists(part):
            _write(storage, part, entries)
    parts = [part for part in commit if part]
    for index, part in enumerate(parts):
        table = table_of(storage, part.rsplit("/", 1)[0])
        written = storage.exists(part)
        replaced = read_part(storage, part, [table.key])[0][table.key].to_pylist() if written else []
        if table.folder == CLIPS:
            replaced += [entry.rsplit("/", 1)[1].removesuffix(SUFFIX) for entry in commit[part]]
        table.remove(set(replaced), but=parts[index:])
    table_of(storage, VIDEOS).level()
    storage.delete([entry for entries in commit.values() for entry in entries])
    storage.delete([COMMIT])


def _write(storage: Storage, part: str, entries: Iterable[str]) -> None:
    with ThreadPoolExecutor(READ_THREADS) as threads:
        read = list(threads.map(lambda entry: read_entry(storage, entry), entries))
    fingerprint = read[0][1]
    rows = concat_parts([rows for rows, _ in read])
    folder = part.rsplit("/", 1)[0]
    if not rows.num_rows and storage.files(folder, ".parquet"):
        return  # videos without clips: run after run of a source that cannot be read would add an empty part
    order = (
        [("video_id", "ascending"), ("clip_index", "ascending")]
        if folder == CLIPS
        else [(table_of(storage, folder).key, "ascending")]
    )
    rows = rows.sort_by(order)
    if folder.startswith(ANNOTATIONS):
        rows = _first_of_each(rows, "clip_id")
    write_part(storage, part, rows, fingerprint)


def _digest(ids: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(ids).encode()).hexdigest()[:32]


def _first_of_each(rows: pa.Table, key: str) -> pa.Table:
    """A batch that was done twice after a worker died has the same rows twice."""
    values = rows[key].to_pylist()
    keep = [index == 0 or value != values[index - 1] for index, value in enumerate(values)]
    return rows.filter(pa.array(keep, pa.bool_()))
