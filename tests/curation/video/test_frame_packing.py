"""Frames as bytes and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from curation.video.frame_packing import pack, unpack

NAMES = st.text("abcdefghijklmnopqrstuvwxyz_0123456789", min_size=1, max_size=20)
STACKS = hnp.arrays(np.uint8, st.tuples(*[st.integers(1, 6)] * 3, st.sampled_from([1, 3])))


@given(st.dictionaries(NAMES, STACKS, max_size=5))
@settings(max_examples=60)
def test_unpack_gives_what_was_packed(frames: dict[str, np.ndarray]) -> None:
    got = unpack(pack(frames))
    assert set(got) == set(frames)
    for name, array in frames.items():
        np.testing.assert_array_equal(got[name], array)
        assert got[name].dtype == np.uint8


def test_a_shared_array_is_written_once() -> None:
    array = np.arange(3 * 100 * 100 * 3, dtype=np.uint8).reshape(3, 100, 100, 3)
    packed = pack({"clip_scores": array, "coca": array, "other": array[:1]})
    assert len(packed) < 4.1 * array[0].nbytes
    got = unpack(packed)
    assert got["clip_scores"] is got["coca"]
    np.testing.assert_array_equal(got["coca"], array)


def test_a_view_keeps_its_order() -> None:
    array = np.arange(24, dtype=np.uint8).reshape(1, 4, 6, 1)[:, ::-1, ::2]
    np.testing.assert_array_equal(unpack(pack({"it": array}))["it"], array)


def test_a_comma_in_a_name_is_refused() -> None:
    with pytest.raises(ValueError, match="a,b"):
        pack({"a,b": np.zeros((1, 1, 1, 1), np.uint8)})
