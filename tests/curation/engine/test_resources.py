"""Sharing out CPUs and GPUs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.engine.resources import SOURCE_POOL, Pool, share_out
from curation.errors import UserError
from curation.stage import RunPolicy

policies = st.builds(
    RunPolicy,
    concurrency=st.one_of(st.just("auto"), st.integers(1, 4)),
    num_cpus=st.one_of(st.just("auto"), st.sampled_from([0.25, 0.5, 1.0])),
    num_gpus=st.sampled_from([0, 0.25, 1]),
    batch_size=st.integers(1, 64),
)


@given(
    st.lists(policies, min_size=1, max_size=3), st.lists(policies, max_size=5), st.integers(1, 64), st.integers(0, 8)
)
def test_never_more_than_there_is(
    splitters: list[RunPolicy], annotators: list[RunPolicy], cpus: int, gpus: int
) -> None:
    named = [(f"stage{number}", run) for number, run in enumerate(annotators)]
    try:
        pools = share_out(splitters, named, cpus, gpus)
    except UserError:
        return
    assert [pool.name for pool in pools] == [SOURCE_POOL, *(name for name, _ in named)]
    assert sum(pool.actors * pool.num_cpus for pool in pools) <= cpus + 1e-9
    assert sum(pool.actors * pool.num_gpus for pool in pools) <= gpus
    assert all(pool.actors >= 1 and pool.num_cpus > 0 for pool in pools)
    for pool, (_, run) in zip(pools[1:], named, strict=True):
        assert run.concurrency in ("auto", pool.actors)
        assert run.num_cpus in ("auto", pool.num_cpus)


def test_two_cores_are_shared_by_all_pools() -> None:
    pools = share_out([RunPolicy(), RunPolicy()], [("flow", RunPolicy(batch_size=16)), ("text", RunPolicy())], 2, 0)
    assert pools == [
        Pool(SOURCE_POOL, 2, 0.5, 0, 1),
        Pool("flow", 1, 0.5, 0, 16),
        Pool("text", 1, 0.5, 0, 8),
    ]


def test_a_quarter_of_a_gpu_gives_four_actors_per_gpu() -> None:
    scores = RunPolicy(num_gpus=0.25)
    assert share_out([RunPolicy()], [("scores", scores)], 16, 2)[1].actors == 8


@pytest.mark.parametrize(
    ("run", "told"),
    [(RunPolicy(num_gpus=1), "ask for 1 GPUs and there are 0"), (RunPolicy(num_cpus=3.0), "ask for 3 CPUs")],
)
def test_too_much_is_told(run: RunPolicy, told: str) -> None:
    with pytest.raises(UserError, match=told):
        share_out([RunPolicy()], [("stage", run)], 2, 0)
