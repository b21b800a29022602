"""The plan of shards is a function of the clips, the seed and the size, and spreads sources evenly."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.errors import UserError
from curation.shards.plan import plan_shards
from curation.shards.size import FEWEST_SHARDS, ShardSize

Clips = list[dict[str, Any]]
SEEDS = st.integers(0, 2**32)


@st.composite
def clips_of_sources(draw: st.DrawFn) -> Clips:
    """Up to 12 sources of up to 40 clips each; ids in no relation to the source."""
    counts = draw(st.lists(st.integers(1, 40), min_size=1, max_size=12))
    sources = [source for source, count in enumerate(counts) for _ in range(count)]
    ids = draw(st.permutations(range(len(sources))))
    sizes = draw(st.lists(st.integers(1, 50), min_size=len(ids), max_size=len(ids)))
    return [
        {"clip_id": f"{number:032x}", "video_id": f"v{source:03d}", "bytes": size}
        for number, source, size in zip(ids, sources, sizes, strict=True)
    ]


def table(clips: Clips) -> pa.Table:
    kinds = pa.schema([("clip_id", pa.string()), ("video_id", pa.string()), ("bytes", pa.int64())])
    return pa.Table.from_pylist(clips, schema=kinds)


def shards_of(clips: Clips, seed: int, size: ShardSize) -> list[list[str]]:
    """The clips of each shard in order; checks that shards and positions count from 0."""
    shards: dict[int, list[str]] = defaultdict(list)
    for row in plan_shards(table(clips), seed, size).to_pylist():
        assert row["position"] == len(shards[row["shard"]])
        shards[row["shard"]].append(row["clip_id"])
    assert list(shards) == list(range(len(shards)))
    return list(shards.values())


@given(clips_of_sources(), SEEDS, st.integers(1, 60))
def test_every_clip_once_in_shards_of_the_number_asked_for(clips: Clips, seed: int, samples: int) -> None:
    shards = shards_of(clips, seed, ShardSize(samples=samples))
    assert sorted(clip for shard in shards for clip in shard) == sorted(clip["clip_id"] for clip in clips)
    assert all(len(shard) == samples for shard in shards[:-1])
    assert 1 <= len(shards[-1]) <= samples


@given(clips_of_sources(), SEEDS, st.integers(1, 300))
def test_shards_are_as_full_as_their_bytes_allow(clips: Clips, seed: int, most: int) -> None:
    sizes = {clip["clip_id"]: clip["bytes"] for clip in clips}
    shards = [[sizes[clip] for clip in shard] for shard in shards_of(clips, seed, ShardSize(num_bytes=most))]
    assert all(sum(shard) <= most or len(shard) == 1 for shard in shards)
    assert all(sum(shard) + following[0] > most for shard, following in pairwise(shards))


@given(clips_of_sources(), SEEDS, st.integers(1, 60))
def test_no_shard_holds_more_or_less_of_a_source_than_its_share(clips: Clips, seed: int, samples: int) -> None:
    source_of = {clip["clip_id"]: clip["video_id"] for clip in clips}
    totals = Counter(source_of.values())
    slack = len(set(totals.values()))  # how many different numbers of clips there are
    for shard in shards_of(clips, seed, ShardSize(samples=samples)):
        held = Counter(source_of[clip] for clip in shard)
        for source, total in totals.items():
            assert held[source] <= total * (len(shard) + slack) / len(clips) + 1 + 1e-9
            assert held[source] >= total * (len(shard) - slack) / len(clips) - 1 - 1e-9


def test_sources_of_one_length_are_dealt_out_evenly() -> None:
    clips = [{"clip_id": f"{10 * s + n:032x}", "video_id": f"{s}", "bytes": 1} for s in range(50) for n in range(10)]
    source_of = {clip["clip_id"]: clip["video_id"] for clip in clips}
    for shard in shards_of(clips, 0, ShardSize(samples=50)):
        assert len({source_of[clip] for clip in shard}) == 50


@given(clips_of_sources(), SEEDS, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_has_no_influence(clips: Clips, seed: int, random: Any) -> None:
    size = ShardSize(num_bytes=100)
    shuffled = random.sample(clips, len(clips))
    assert shards_of(shuffled, seed, size) == shards_of(clips, seed, size)


def test_the_seed_decides_and_its_order_stays_for_ever() -> None:
    clips = [{"clip_id": f"{n:02x}", "video_id": "abc"[n % 3], "bytes": 1} for n in range(9)]
    assert shards_of(clips, 1, ShardSize(samples=9)) != shards_of(clips, 2, ShardSize(samples=9))
    assert shards_of(clips, 1, ShardSize(samples=4)) == PINNED, "shards that users have packed would be packed anew"


PINNED = [["00", "02", "04", "06"], ["05", "07", "03", "08"], ["01"]]


def test_no_clips_are_no_shards() -> None:
    assert plan_shards(table([]), 0, ShardSize(num_bytes=100)).num_rows == 0
    assert plan_shards(table([]), 0, ShardSize(samples=100)).num_rows == 0


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1000", ShardSize(samples=1000)),
        ("1GB", ShardSize(num_bytes=10**9)),
        (" 1.5 gib ", ShardSize(num_bytes=3 * 2**29)),
        ("300b", ShardSize(num_bytes=300)),
    ],
)
def test_sizes_as_they_are_written(text: str, size: ShardSize) -> None:
    assert ShardSize.parse(text) == size


@pytest.mark.parametrize("text", ["", "0", "0GB", "-1", "1.5", "1G", "GB", "1TBB", "ten"])
def test_sizes_that_are_none(text: str) -> None:
    with pytest.raises(UserError, match="--shard-size"):
        ShardSize.parse(text)


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=100))
def test_without_a_size_there_is_a_shard_for_each_of_several_workers(sizes: list[int]) -> None:
    clips = [{"clip_id": f"{n:03x}", "video_id": "v", "bytes": size} for n, size in enumerate(sizes)]
    shards = shards_of(clips, 0, ShardSize.fitting(sizes))
    assert len(shards) >= min(FEWEST_SHARDS, len(sizes))
