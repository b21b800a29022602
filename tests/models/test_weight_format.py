"""Damaged files of weights are told from whole ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.weight_format import unreadable
from tests.models.hub_material import tensors


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(length=st.integers(0, len(tensors(0)) - 1))
def test_a_shortened_safetensors_file(tmp_path: Path, length: int) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(tensors(0))
    assert unreadable(file) is None
    file.write_bytes(tensors(0)[:length])
    assert "safetensors" in str(unreadable(file))


def test_a_pytorch_archive(tmp_path: Path) -> None:
    import torch

    file = tmp_path / "model.pt"
    torch.save({"weight": torch.arange(1000)}, file)
    assert unreadable(file) is None
    whole = file.read_bytes()
    inside = whole.index(torch.arange(1000).numpy().tobytes()[800:1600]) + 8
    file.write_bytes(whole[:inside] + b"\xff" + whole[inside + 1 :])
    assert "damaged" in str(unreadable(file))
    file.write_bytes(whole[: len(whole) // 2])
    assert unreadable(file) is not None
    torch.save({"weight": torch.arange(10)}, file, _use_new_zipfile_serialization=False)
    assert unreadable(file) is None


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("a.gguf", b"GGUF\x03", b"GGML\x03"),
        ("a.json", b'{"a": 1}', b'{"a": '),
        ("a.bin", b"\x80\x02}", b"<html>not here</html>"),
    ],
)
def test_other_kinds(tmp_path: Path, name: str, good: bytes, bad: bytes) -> None:
    file = tmp_path / name
    file.write_bytes(good)
    assert unreadable(file) is None
    file.write_bytes(bad)
    assert unreadable(file) is not None
