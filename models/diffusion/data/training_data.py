"""What a training reads: batches of samples from any place of an endless order."""

from __future__ import annotations

import hashlib
import logging
import sys
from collections.abc import Generator, Iterator, Sequence
from difflib import get_close_matches

import numpy as np
import torch

from models.diffusion.data.batch import Batch, Broken
from models.diffusion.data.buckets import Buckets, sort_clips
from models.diffusion.data.captions import WEIGHTS
from models.diffusion.data.errors import ClipError, DataError
from models.diffusion.data.fingerprint import Encoders, obstacle, told
from models.diffusion.data.latents import Latents, latents_folder, why_not_cached
from models.diffusion.data.micro_batches import MicroBatches
from models.diffusion.data.order import Order
from models.diffusion.data.read_ahead import read_ahead
from models.diffusion.data.sample import SampleReader
from models.diffusion.data.settings import DataSettings
from models.diffusion.data.shards import MOTION, Floats, Shards

# So many clips may be broken, however few were read.
FEW = 10

log = logging.getLogger(__name__)


class TrainingData:
    """Clips of packed shards as batches, in an order that is a pure function of (seed, sample counter).

    The samples of all ranks are counted together. Micro-batch m holds the samples m · batch_size …
    (m + 1) · batch_size − 1 and goes to rank m mod world_size; ``group_size`` samples, a whole number of micro-batches
    of every rank, are of one bucket. The order follows from the seed, ``group_size``, the settings and the shards: the
    number of ranks may change between runs, as may the batch size.
    """

    def __init__(
        self,
        settings: DataSettings,
        shards: Sequence[str],
        *,
        seed: int,
        batch_size: int,
        world_size: int = 1,
        rank: int = 0,
        group_size: int | None = None,
        encoders: Encoders | None = None,
        needs_pixels: str | None = None,
    ) -> None:
        """``shards``: folders or URLs; ``encoders``: None never to use cached latents; ``needs_pixels``: why latents
        would not do, in words.

        Raises:
            DataError: the shards cannot be used, no clip of them suits the settings, or cached latents are wanted and
                not there.
        """
        self._settings = settings
        self._batch_size = batch_size
        self._world_size = world_size
        self._rank = rank
        self._group_size = group_size or batch_size * world_size
        if self._group_size % (batch_size * world_size):
            raise DataError(
                f"a group of {self._group_size} samples cannot be dealt to {world_size} ranks in batches of "
                f"{batch_size}; choose sizes that divide it"
            )
        self._shards = Shards(shards, settings.extra)
        self._check_captions()
        self._check_extra()
        self._buckets = sort_clips(self._shards, settings)
        if not self._buckets.training:
            raise DataError(f"{', '.join(shards)}: no clip can be trained on: {_nothing(self._buckets)}")
        self._latents, self._source = self._find_latents(encoders, needs_pixels)
        self._reader = SampleReader(self._shards, settings, seed, self._latents)
        self._running: list[Generator[Batch | DataError]] = []
        training = self._buckets.training
        self._order = Order(
            [len(bucket.rows) for bucket in training], [bucket.name for bucket in training], self._group_size, seed
        )

    @property
    def num_samples(self) -> int:
        """Clips that are trained on; those that are held out are none of them."""
        return sum(len(bucket.rows) for bucket in self._buckets.training)

    @property
    def manifest_sha256(self) -> str:
        """Of manifest.json; of several folders that of their hashes one after the other."""
        hashes = self._shards.manifest_hashes
        return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()

    @property
    def uses_cache(self) -> bool:
        """Whether batches hold latents instead of pixels."""
        return self._latents is not None

    @property
    def empty_context(self) -> torch.Tensor | None:
        """The cached embedding of no caption, (1, L, D); None without cached latents."""
        if self._latents is None or self._latents[0].empty_context is None:
            return None
        return self._latents[0].empty_context.unsqueeze(0)

    @property
    def about(self) -> str:
        """One line for the log: clips by bucket, what was left out, where pictures come from."""
        buckets = ", ".join(f"{len(bucket.rows):,} of {bucket.name}" for bucket in self._buckets.training)
        held = sum(len(bucket.rows) for bucket in self._buckets.held_out)
        parts = [
            f"{self.num_samples:,} clips ({buckets})",
            f"{held:,} held out" if held else "",
            _left_out(self._buckets),
        ]
        return "; ".join(part for part in (*parts, self._source) if part)

    def motion_scores(self) -> Floats:
        """The measured motion of all clips that are trained on, float32 [n]; NaN where a clip has no score."""
        rows = np.concatenate([bucket.rows for bucket in self._buckets.training])
        scores: Floats = self._shards.numbers[MOTION][rows].astype(np.float32)
        return scores

    def batches(self, start: int) -> Iterator[Batch]:
        """This rank's batches from the sample ``start`` (of all ranks) on, without end. Beginning later costs nothing.

        Clips that cannot be read are told once in the log; others of their bucket stand for them.

        Raises:
            DataError: ``start`` lies within a step, or more clips are broken than the settings allow.
        """
        if start % (self._batch_size * self._world_size):
            raise DataError(
                f"sample {start} is not the first of a step of {self._world_size} ranks in batches of "
                f"{self._batch_size}; resume with the sizes that the training had"
            )
        first = start // self._batch_size + self._rank
        batches = MicroBatches(self._order, list(self._buckets.training), self._reader, self._batch_size)
        settings = self._settings
        broken: dict[str, Broken] = {}
        tries = 0
        numbers = range(first, sys.maxsize, self._world_size)
        has_gpu = torch.cuda.is_available()
        ahead = read_ahead(batches, numbers, settings.workers, settings.prefetch, pin_memory=has_gpu)
        self._running.append(ahead)
        for batch in ahead:
            if isinstance(batch, DataError):
                raise batch
            tries += len(batch)
            for one in batch.broken:
                if one.key not in broken:
                    broken[one.key] = one
                    log.warning("%s; another clip stands for it", one)
            if len(broken) > FEW and len(broken) > settings.max_broken * tries:
                raise DataError(
                    f"{len(broken)} clips of {tries} samples cannot be read, more than data.max_broken "
                    f"({settings.max_broken:g}) allows; the last of them: {one}"
                )
            yield batch

    def close(self) -> None:
        """End the processes that read ahead."""
        while self._running:
            self._running.pop().close()

    def held_out(self) -> list[Batch]:
        """The clips that are kept from the training, the same samples every time and on every rank; those that cannot
        be read are missing."""
        found, index = [], 0
        for bucket in self._buckets.held_out:
            samples = []
            for row in bucket.rows.tolist():
                clip = self._shards.clip(row)
                try:
                    samples.append(self._reader.of(clip, bucket, index))
                except ClipError as error:
                    log.warning("%s: %s: %s; left out of those held out", self._shards.where(clip), clip.key, error)
                index += 1
            found += [
                self._reader.collate(samples[at : at + self._batch_size], [])
                for at in range(0, len(samples), self._batch_size)
            ]
        return found

    def _check_captions(self) -> None:
        """A caption that no clip has is a mistake in writing."""
        wanted = self._settings.captions
        if not wanted or not len(self._shards):
            return
        for number, folder in enumerate(self._shards.folders):
            first = int(self._shards.starts[number])
            if first == self._shards.starts[number + 1]:
                continue
            try:
                known = self._shards.annotations(self._shards.clip(first))
            except ClipError:
                continue
            for name in wanted:
                if name not in known:
                    there = ", ".join(sorted(known.get(WEIGHTS) or {})) or "none"
                    raise DataError(f"data.captions: {folder.url} has no caption {name!r}; it has: {there}")

    def _check_extra(self) -> None:
        """So is a column that none has; the usual ones are missing where their stages did not run."""
        usual = DataSettings().extra
        for name in self._settings.extra:
            if name not in self._shards.columns and name not in usual:
                near = get_close_matches(name, self._shards.columns, 1)
                hint = f'; did you mean "{near[0]}"?' if near else f"; it has: {', '.join(self._shards.columns)}"
                raise DataError(f"data.extra: {self._shards.folders[0].url} has no numbers {name!r}{hint}")

    def _find_latents(self, encoders: Encoders | None, needs_pixels: str | None) -> tuple[list[Latents] | None, str]:
        """The cached latents of every folder, or None to decode; and why, in words."""
        settings = self._settings
        if settings.latents == "decode" or encoders is None:
            return None, "clips are decoded"
        problem = needs_pixels or obstacle(settings)
        facts = []
        if problem is None:
            manifests = zip(self._shards.manifests, self._shards.manifest_hashes, strict=True)
            facts = [told(settings, encoders, manifest, digest) for manifest, digest in manifests]
            missing = map(why_not_cached, self._shards.folders, facts)
            problem = next((one for one in missing if one is not None), None)
        if problem is not None:
            if settings.latents == "cached":
                raise DataError(
                    f"{problem}; write them with: curation cache-latents, or set data.latents=auto to decode"
                )
            return None, f"clips are decoded: {problem}"
        folders = [latents_folder(files, one) for files, one in zip(self._shards.folders, facts, strict=True)]
        found = [Latents(folder, self._shards.keys_of(number)) for number, folder in enumerate(folders)]
        return found, f"latents from {', '.join(folder.url for folder in folders)}"


def _nothing(buckets: Buckets) -> str:
    """Why no clip is left to train on."""
    held = sum(len(bucket.rows) for bucket in buckets.held_out)
    parts = (f"{held:,} held out (data.held_out)" if held else "", _left_out(buckets))
    return "; ".join(part for part in parts if part) or "it is empty"


def _left_out(buckets: Buckets) -> str:
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in buckets.left_out.items())
    return f"left out: {reasons}" if reasons else ""
