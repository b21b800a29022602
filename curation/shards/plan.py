"""Which clip goes into which shard, and in which order: a pure function of the clips, the seed and the size."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curation.shards.size import ShardSize

PLAN = pa.schema([("clip_id", pa.string()), ("shard", pa.int32()), ("position", pa.int32())])


def plan_shards(clips: pa.Table, seed: int, size: ShardSize) -> pa.Table:
    """Deal clips to shards. ``clips``: columns clip_id, video_id, bytes (what a clip takes in a shard), in any order.

    Returns a table of `PLAN`, sorted by shard and by position in it. The clips of a source of n clips are spread over
    the whole order, one in each n-th of it; sources of equal n take turns. So any run of k of N clips holds
    k/N of each source, to within one clip and a share of g/N, where g is how many different n there are. The order is
    then cut into runs: of ``size.samples`` clips each, or as long as ``size.num_bytes`` allows, and at least one clip.
    """
    clips = clips.sort_by("clip_id")
    order = _order(clips, seed)
    shard, position = _cut(clips["bytes"].to_numpy()[order], size)
    columns = [clips["clip_id"].take(pa.array(order)), pa.array(shard, pa.int32()), pa.array(position, pa.int32())]
    return pa.table(columns, schema=PLAN)


def _order(clips: pa.Table, seed: int) -> npt.NDArray[np.int64]:
    """Row numbers in the order of packing. ``clips`` are sorted, so that it does not depend on how they came."""
    videos, source = np.unique(clips["video_id"].to_numpy(), return_inverse=True)
    clip_keys, source_keys = _random_keys(seed, 0, clips.num_rows), _random_keys(seed, 1, len(videos))
    counts = np.bincount(source, minlength=len(videos))
    offsets = (_ranks(counts, source_keys) + 0.5) / np.bincount(counts)[counts]
    places = (_ranks(source, clip_keys) + offsets[source]) / counts[source]
    return np.lexsort((clip_keys, places))


def _random_keys(seed: int, stream: int, count: int) -> npt.NDArray[np.uint64]:
    """Raw output of a bit generator: unlike permutations, NumPy promises that it never changes."""
    return np.random.PCG64(np.random.SeedSequence([seed, stream])).random_raw(count)


def _ranks(groups: npt.NDArray[np.int64], keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """The place of each element among those of its group, from 0, by ascending key."""
    order = np.lexsort((keys, groups))
    sizes = np.bincount(groups)
    first = np.cumsum(sizes) - sizes
    ranks = np.empty(len(groups), np.int64)
    ranks[order] = np.arange(len(groups)) - first[groups[order]]
    return ranks


def _cut(num_bytes: npt.NDArray[np.int64], size: ShardSize) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Shard and position in it of each clip of the order."""
    places = np.arange(len(num_bytes))
    if size.samples is not None:
        return places // size.samples, places % size.samples
    assert size.num_bytes is not None
    filled = np.concatenate([[0], np.cumsum(num_bytes)])
    starts = [0] if len(num_bytes) else []
    while starts and starts[-1] < len(num_bytes):
        stop = int(np.searchsorted(filled, filled[starts[-1]] + size.num_bytes, side="right")) - 1
        starts.append(max(stop, starts[-1] + 1))
    shard = np.searchsorted(np.array(starts[:-1], np.int64), places, side="right") - 1
    return shard, places - np.array(starts, np.int64)[shard] if len(places) else places
