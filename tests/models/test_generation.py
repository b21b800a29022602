"""Decoding settings: arithmetic by name, and draws that follow the model's probabilities."""

from __future__ import annotations

import pytest

from models.generation import Decoding, torch_dtype


def test_arithmetic_by_name() -> None:
    import torch

    assert torch_dtype("auto", "cpu") == torch.float32
    assert torch_dtype("auto", "cuda:0") == torch.bfloat16
    assert torch_dtype("fp16", "cpu") == torch.float16


def test_search_and_draw_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="num_beams"):
        Decoding(8, num_beams=2, temperature=0.5)


def test_draws_have_the_distribution_of_the_logits() -> None:
    import torch

    probabilities = torch.tensor([0.6, 0.3, 0.1, 0.0])
    keys = [f"clip-{number}" for number in range(4000)]
    (noise,) = Decoding(1, temperature=1.0).arguments(keys, "cpu")["logits_processor"]
    scores = probabilities.log().expand(len(keys), -1)
    drawn = noise(torch.zeros((len(keys), 1), dtype=torch.long), scores).argmax(dim=-1)
    shares = torch.bincount(drawn, minlength=4) / len(keys)
    assert torch.allclose(shares, probabilities, atol=0.03)
    assert shares[3] == 0
    again = noise(torch.zeros((len(keys), 1), dtype=torch.long), scores).argmax(dim=-1)
    assert not torch.equal(drawn, again)


def test_a_low_temperature_takes_the_likeliest() -> None:
    import torch

    (noise,) = Decoding(1, temperature=0.01).arguments(["a"] * 50, "cpu")["logits_processor"]
    drawn = noise(torch.zeros((50, 1), dtype=torch.long), torch.tensor([[1.0, 1.5, 0.0]]).expand(50, -1))
    assert set(drawn.argmax(dim=-1).tolist()) == {1}
