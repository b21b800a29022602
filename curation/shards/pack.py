"""Packing a selection: what is planned, what is there already, and what is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from curation.dataset.description import read_description
from curation.dataset.fingerprint import dataset_fingerprint
from curation.dataset.storage import Storage
from curation.dataset.wide import view
from curation.errors import UserError
from curation.filters.selection import Selection
from curation.provenance.made_with import parameters
from curation.shards.captions import default_weights, parse_weights
from curation.shards.contents import Contents, samples_by_shard
from curation.shards.execution import Work, carry_out
from curation.shards.folder import PACKING, only_packer, shard_name, shards_in
from curation.shards.known import remember_pack
from curation.shards.manifest import is_published, manifest_of, publish, read_records, unpublish
from curation.shards.plan import plan_shards
from curation.shards.record import LeftOut, Shard, ShardRecord
from curation.shards.size import ShardSize
from curation.shards.transcode import Transcode
from curation.shards.write import ShardJob

# What a sample takes besides its media: headers, padding, key.json and key.txt.
BYTES_BESIDE_MEDIA = 8192


@dataclass(frozen=True)
class PackSettings:
    """What shards are to be like. ``size``: None: as `ShardSize.fitting`; ``captions``: weights as the user wrote them;
    None: the defaults; ``vectors``: columns that become members of their own."""

    size: ShardSize | None = None
    seed: int = 0
    transcode: Transcode | None = None
    captions: str | None = None
    vectors: Sequence[str] = ()


class PackWatcher:
    """Told what happens; this one says nothing."""

    def working(self, what: str) -> None:
        """A step that may take a while begins."""

    def warned(self, message: str) -> None:
        """Something that the user should know and that stops nothing."""

    def planned(self, shards: int, samples: int) -> None:
        """So many shards are to be there in the end, of so many samples."""

    def done(self, shard: Shard, *, written: bool) -> None:
        """A shard is there; not ``written``: it was there already."""


@dataclass
class Packed:
    """What a pack did. ``manifest``: of the shards; ``written``: how many were not there yet; ``deleted``: files of an
    earlier pack; ``energon``: the index of megatron-energon was out of date and is gone."""

    manifest: Mapping[str, Any]
    written: int = 0
    deleted: Sequence[str] = ()
    energon: bool = False


class Packer:
    """One pack of a selection into a folder."""

    def __init__(
        self,
        storage: Storage,
        output: Storage,
        selection: Selection,
        settings: PackSettings,
        watcher: PackWatcher | None = None,
    ) -> None:
        """Raises UserError where the settings name columns that the dataset has not."""
        self.storage = storage
        self.output = output
        self.selection = selection
        self.settings = settings
        self.watcher = watcher or PackWatcher()
        self.made_with = parameters(storage, read_description(storage))
        self.contents = Contents.of(storage, settings.vectors)
        self.clips = view(storage, self.contents.columns)
        captions = self.contents.captions
        self.weights = (
            default_weights(captions) if settings.captions is None else parse_weights(settings.captions, captions)
        )
        self._there: dict[str, ShardRecord] = {}
        self._records: dict[str, ShardRecord] = {}
        self._begun = self._energon = False

    def pack(
        self, *, workers: int | None = None, address: str | None = None, verify: bool = False, verbose: bool = False
    ) -> Packed:
        """Write the shards that are not there yet, delete those of another plan, and publish the manifest.

        The caller keeps writers out of the dataset (`no_writer`).

        ``workers``, ``address``, ``verbose``: as `carry_out`. ``verify``: read the shards that are there, and write
        again those that are damaged.

        Raises:
            UserError: nothing is selected, the folder cannot be used, or no cluster answers.
            DiskFullError: no space is left.
        """
        clips, gone = self._selected()
        if not clips.num_rows:
            raise UserError(
                f"{self.storage.url}: the filter {self.selection.name} keeps no clip: nothing to pack; see what each "
                f"rule drops: curation filter {self.storage.url} --filter {self.selection.name}"
            )
        size = self.settings.size or ShardSize.fitting(clips["bytes"].to_pylist())
        plan = plan_shards(clips, self.settings.seed, size)
        names = [shard_name(number) for number in range(plan["shard"][-1].as_py() + 1)]
        self.watcher.planned(len(names), plan.num_rows)
        with only_packer(self.output):
            self._remember()
            self._there = self._usable(verify)
            written = 0
            for record in carry_out(self._work(plan), workers, address, verbose=verbose, starting=self._starting):
                self._records[record.shard.name] = record
                self.watcher.done(record.shard, written=True)
                written += 1
            return self._finish([self._records[name] for name in names], gone, size, written)

    def _selected(self) -> tuple[pa.Table, list[LeftOut]]:
        """The clips to pack, as `plan_shards` wants them, and those that the dataset has no longer."""
        kept = self.selection.kept_ids()
        self.clips.register("kept", pa.table({"clip_id": pa.array(kept, pa.string())}))
        taken = f"clips.bytes + {BYTES_BESIDE_MEDIA} AS bytes"
        query = f"SELECT clip_id, video_id, {taken} FROM kept JOIN clips USING (clip_id)"
        clips = self.clips.sql(query).to_arrow_table()
        missing = set(kept).difference(clips["clip_id"].to_pylist())
        return clips, [LeftOut(clip_id, None, "the dataset has it no longer") for clip_id in sorted(missing)]

    def _usable(self, verify: bool) -> dict[str, ShardRecord]:
        """Records of the shards that are there, whole, and lack no clip."""
        sizes = shards_in(self.output)
        records = read_records(self.output)
        usable = {n: one for n, one in records.items() if sizes.get(n) == one.shard.bytes and not one.left_out}
        if not verify:
            return usable
        self.watcher.working("verifying the shards that are there")
        return {name: one for name, one in usable.items() if self.output.sha256(name) == one.shard.sha256}

    def _work(self, plan: pa.Table) -> Iterator[Work]:
        """What is not there yet."""
        shards = samples_by_shard(
            self.storage, self.clips, plan, self.contents, self.weights, self.settings.seed, self.made_with
        )
        for number, samples in shards:
            job = ShardJob(self.storage, self.output, shard_name(number), samples, self.settings.transcode)
            fingerprint = job.fingerprint()
            there = self._there.get(job.name)
            if there is not None and there.shard.fingerprint == fingerprint:
                self._records[job.name] = there
                self.watcher.done(there.shard, written=False)
                continue
            self._begin()
            yield job, fingerprint

    def _remember(self) -> None:
        try:
            remember_pack(self.storage, self.output)
        except OSError as error:
            self.watcher.warned(
                f"{self.storage.url} cannot be written ({error.strerror or error}): `trace` and `remove` will not know "
                f"of the shards in {self.output.url}"
            )

    def _begin(self) -> None:
        if not self._begun:
            self._energon = unpublish(self.output)
            self._begun = True

    def _starting(self) -> None:
        self.watcher.working("starting Ray")

    def _finish(self, records: Sequence[ShardRecord], gone: Sequence[LeftOut], size: ShardSize, written: int) -> Packed:
        """Delete what belongs to another plan, and publish."""
        filled = [record for record in records if record.shard.samples]
        lost = [*gone, *(one for record in records for one in record.left_out)]
        manifest = manifest_of(self._told(size), [record.shard for record in filled], lost)
        surplus = sorted(shards_in(self.output).keys() - {record.shard.name for record in filled})
        if self._begun or surplus or not is_published(self.output, manifest):
            self._begin()
            self.output.delete(surplus)
            publish(self.output, manifest, [record.index for record in filled])
        self.output.delete_tree(PACKING)
        return Packed(manifest, written, surplus, self._energon)

    def _told(self, size: ShardSize) -> dict[str, Any]:
        """The settings, for the manifest."""
        settings, selection = self.settings, self.selection
        return {
            "filter": selection.name,
            "filter_as_written": selection.filter,
            "filter_resolved": selection.resolved,
            "dataset_fingerprint": dataset_fingerprint(self.storage),
            "selection_fingerprint": selection.dataset_fingerprint,
            "seed": settings.seed,
            "shard_size": size.to_dict(),
            "transcode": settings.transcode and settings.transcode.to_dict(),
            "caption_weights": self.weights,
            "vectors": list(settings.vectors),
            "stages": self.made_with,
        }
