"""`dedup` against a plain loop, and what a group of duplicates promises."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.dataset.table import read_part, write_part
from stages.duplicates import star
from stages.duplicates.picture_hash import BITS, to_text
from tests.stages.duplicates.tables import dedup, write_dataset

Clip = dict[str, Any]
EMBEDDING, HASH = "clip_embedding", "perceptual_hash"
# Clips on a circle, one degree apart at least; those up to 20 degrees apart are duplicates.
NEAR = math.cos(math.radians(20.5))


def on_circle(number: int, degrees: int, **columns: Any) -> Clip:
    angle = math.radians(degrees)
    return {"clip_id": f"{number:032x}", EMBEDDING: [3 * math.cos(angle), 3 * math.sin(angle)], **columns}


def plain_loop(clips: Sequence[Clip], min_similarity: float) -> dict[str, float | None]:
    """The clips that are not kept, with their similarity to the nearest that is; None for kept ones."""

    def cosine(one: Clip, other: Clip) -> float:
        a, b = np.array(one[EMBEDDING]), np.array(other[EMBEDDING])
        return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

    kept: list[Clip] = []
    found: dict[str, float | None] = {}
    for clip in sorted(clips, key=lambda c: (-c["width"] * c["height"], -c["end_s"], -c["bytes"], c["clip_id"])):
        nearest = max((cosine(clip, other) for other in kept), default=-1.0)
        found[clip["clip_id"]] = nearest if nearest >= min_similarity else None
        if nearest < min_similarity:
            kept.append(clip)
    return found


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.integers(0, 359), st.sampled_from([32, 64]), st.sampled_from([2.0, 4.0]), st.sampled_from([7, 9])),
        min_size=1,
        max_size=40,
    ),
    st.integers(1, 3),
    st.sampled_from([1, 3, 2048]),
)
def test_it_is_the_plain_loop(drawn: list[tuple[int, int, float, int]], parts: int, block: int) -> None:
    clips = [
        on_circle(number, degrees, width=width, height=32, end_s=end_s, bytes=size)
        for number, (degrees, width, end_s, size) in enumerate(drawn)
    ]
    wanted = plain_loop(clips, NEAR)
    random.Random(len(clips)).shuffle(clips)
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(star, "BLOCK", block)
        rows = dedup(write_dataset(Path(folder), clips, EMBEDDING, parts), EMBEDDING, min_similarity=NEAR)
    assert {clip_id for clip_id, row in rows.items() if row["duplicate_of"] is None} == {
        clip_id for clip_id, similarity in wanted.items() if similarity is None
    }
    for clip_id, row in rows.items():
        assert row["duplicate_similarity"] == (
            None if wanted[clip_id] is None else pytest.approx(wanted[clip_id], abs=1e-3)
        )
        assert row["duplicate_of"] is None or wanted[row["duplicate_of"]] is None
        assert row["is_duplicate"] is (row["duplicate_of"] is not None)
        assert row["dedup_error"] is None


def test_a_chain_is_not_one_group(tmp_path: Path) -> None:
    chain = [on_circle(number, 15 * number, end_s=10.0 - number) for number in range(5)]
    rows = dedup(write_dataset(tmp_path, chain, EMBEDDING), EMBEDDING, min_similarity=NEAR)
    ids = [clip["clip_id"] for clip in chain]
    assert [rows[one]["duplicate_of"] for one in ids] == [None, ids[0], None, ids[2], None]
    assert rows[ids[1]]["duplicate_similarity"] == pytest.approx(math.cos(math.radians(15)), abs=1e-4)


def test_who_is_kept(tmp_path: Path) -> None:
    """More pixels before more seconds before more bytes before the smaller id."""
    clips = [
        on_circle(6, 0, width=1280, height=720, end_s=3.0, bytes=5),
        on_circle(7, 3, width=1280, height=720, end_s=3.0, bytes=5),
        on_circle(5, 4, width=1280, height=720, end_s=3.01, bytes=4),
        on_circle(4, 2, width=1280, height=720, end_s=2.8, bytes=9),
        on_circle(2, 1, width=360, height=640, end_s=9.5),
        on_circle(1, 0, width=640, height=360, end_s=9.0),
    ]
    for best in range(6):
        storage = write_dataset(tmp_path / str(best), clips[best:][::-1], EMBEDDING)
        rows = dedup(storage, EMBEDDING)
        assert {row["duplicate_of"] for row in rows.values()} - {None} <= {clips[best]["clip_id"]}
        assert rows[clips[best]["clip_id"]]["duplicate_of"] is None


def test_equal_files_are_duplicates_whatever_is_known_of_them(tmp_path: Path) -> None:
    clips = [
        on_circle(1, 0, sha256="a" * 64, end_s=5.0),
        {"clip_id": f"{2:032x}", "sha256": "a" * 64, "end_s": 5.0},  # its embedding failed
        on_circle(3, 5, sha256="b" * 64, end_s=9.0),  # kept in the place of 1, and so of its copy 2
        {"clip_id": f"{4:032x}", "sha256": "c" * 64},
        {"clip_id": f"{5:032x}", "sha256": "c" * 64},
        {"clip_id": f"{6:032x}", EMBEDDING: None},
        on_circle(7, 90, sha256=None),
        on_circle(8, 180, sha256=None),
    ]
    rows = list(dedup(write_dataset(tmp_path, clips, EMBEDDING), EMBEDDING).values())
    kept = [None if row["duplicate_of"] is None else int(row["duplicate_of"], 16) for row in rows]
    assert kept == [3, 3, None, None, 4, None, None, None]
    similarities = [row["duplicate_similarity"] for row in rows]
    assert similarities[0] == similarities[1] == pytest.approx(math.cos(math.radians(5)), abs=1e-4)
    assert similarities[4] == 1
    missing = "no clip_embedding to compare"
    assert [row["dedup_error"] for row in rows] == [None, None, None, missing, None, missing, None, None]
    assert [row["is_duplicate"] for row in rows] == [True, True, False, None, True, None, False, False]


def test_values_that_cannot_be_compared(tmp_path: Path) -> None:
    bad = [[0.0, 0.0], [math.nan, 1.0], [math.inf, 0.0]]
    clips = [{"clip_id": f"{number:032x}", EMBEDDING: value} for number, value in enumerate([*bad, [1.0, 0.0]])]
    rows = list(dedup(write_dataset(tmp_path, clips, EMBEDDING), EMBEDDING).values())
    assert [row["duplicate_of"] for row in rows] == [None] * 4
    assert [row["dedup_error"] is None for row in rows] == [False] * 3 + [True]


def test_values_that_other_parameters_made_do_not_count(tmp_path: Path) -> None:
    storage = write_dataset(tmp_path, [on_circle(1, 0), on_circle(2, 0)], EMBEDDING)
    part = "annotations/scores/part-000000-y.parquet"
    write_part(storage, part, read_part(storage, part)[0], "of another model")
    rows = list(dedup(storage, EMBEDDING).values())
    assert [row["dedup_error"] for row in rows] == ["no clip_embedding to compare"] * 2


def test_embeddings_of_different_lengths(tmp_path: Path) -> None:
    clips = [on_circle(1, 0), {"clip_id": f"{2:032x}", EMBEDDING: [1.0, 0.0, 0.0]}]
    with pytest.raises(Exception, match="2 values in some rows, 3 in others"):
        dedup(write_dataset(tmp_path, clips, EMBEDDING), EMBEDDING)


def hashes(*thirds: np.ndarray) -> str:
    return to_text(np.stack(thirds))


def test_by_hash_the_similarity_is_the_share_of_equal_bits(tmp_path: Path) -> None:
    chance = np.random.default_rng(5)
    first, second, third, other = (chance.permutation(np.arange(BITS) < BITS // 2) for _ in range(4))
    flat = np.zeros(BITS, bool)
    changed = first.copy()
    changed[:48] ^= True
    clips = [
        {"clip_id": "0", HASH: hashes(first, second, third)},
        {"clip_id": "1", HASH: hashes(changed, second, third)},
        {"clip_id": "2", HASH: hashes(first, flat, flat)},  # not like 0: two thirds of that are missing
        {"clip_id": "3", HASH: hashes(changed, flat, flat)},  # 48 of 256 bits, not of 768
        {"clip_id": "4", HASH: hashes(flat, flat, other)},
        {"clip_id": "5", HASH: hashes(flat, flat, other)},
        {"clip_id": "6", HASH: hashes(flat, flat, flat), "sha256": "d" * 64},
        {"clip_id": "7", HASH: hashes(flat, flat, flat), "sha256": "e" * 64},
        {"clip_id": "8", HASH: hashes(flat, flat, flat), "sha256": "e" * 64},
    ]
    rows = dedup(write_dataset(tmp_path, clips, HASH), HASH)
    assert {one: row["duplicate_of"] for one, row in rows.items() if row["duplicate_of"]} == {
        "1": "0",
        "5": "4",
        "8": "7",
    }
    assert rows["1"]["duplicate_similarity"] == pytest.approx(1 - 48 / 768, abs=1e-4)
    assert {row["is_duplicate"] for row in rows.values()} == {True, False}
    assert not any(row["dedup_error"] for row in rows.values())
    rows = dedup(write_dataset(tmp_path, clips, HASH), HASH, min_similarity=0.8)
    assert rows["3"]["duplicate_of"] == "2"
    assert rows["3"]["duplicate_similarity"] == pytest.approx(1 - 48 / 256, abs=1e-4)


def planted(clips: int, copies: int, dimension: int, min_cosine: float) -> tuple[np.ndarray, np.ndarray]:
    """Scenes of films and a copy of some, float32 [clips + copies, dimension]; of each copy the row it was made of."""
    chance = np.random.default_rng(11)
    scenes = chance.normal(size=(clips // 20, dimension))
    base = 1.2 + scenes[chance.integers(0, len(scenes), clips)] + 0.6 * chance.normal(size=(clips, dimension))
    base /= np.linalg.norm(base, axis=1, keepdims=True)
    of = chance.choice(clips, copies, replace=False)
    noise = chance.normal(size=(copies, dimension))
    noise -= (noise * base[of]).sum(axis=1, keepdims=True) * base[of]
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    cosine = chance.uniform(min_cosine, 1, (copies, 1))
    return np.concatenate([base, cosine * base[of] + np.sqrt(1 - cosine**2) * noise]).astype(np.float32), of


def test_the_index_finds_what_comparing_all_finds(tmp_path: Path) -> None:
    vectors, of = planted(3000, 600, 64, 0.965)
    clips = [{"clip_id": f"{number:032x}", EMBEDDING: vector} for number, vector in enumerate(vectors.tolist())]
    storage = write_dataset(tmp_path, clips, EMBEDDING, parts=3)
    exact = dedup(storage, EMBEDDING, min_similarity=0.96)
    found = dedup(storage, EMBEDDING, min_similarity=0.96, exact_up_to=1000)
    duplicates = {one for one, row in exact.items() if row["duplicate_of"]}
    assert {clip["clip_id"] for clip in clips[3000:]} <= duplicates
    same = [one for one in duplicates if exact[one]["duplicate_of"] == found[one]["duplicate_of"]]
    assert len(same) >= 0.99 * len(duplicates)
    assert all(found[one]["duplicate_of"] is None for one in found if one not in duplicates)
    assert [found[one]["duplicate_similarity"] for one in same] == pytest.approx(
        [exact[one]["duplicate_similarity"] for one in same], abs=1e-5
    )
    assert exact[clips[3000]["clip_id"]]["duplicate_of"] == clips[of[0]]["clip_id"]


@pytest.mark.parametrize("ids", ["", "ab"])
def test_nothing_to_compare(tmp_path: Path, ids: str) -> None:
    clips = [{"clip_id": clip_id} for clip_id in ids]
    rows = dedup(write_dataset(tmp_path, clips, EMBEDDING), EMBEDDING)
    assert list(rows) == list(ids)
    assert all(row["dedup_error"] and row["duplicate_of"] is None for row in rows.values())
