"""Guidance: its scales, and what the network is called with."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from models.diffusion.edm import EDM
from models.diffusion.errors import DiffusionError
from models.diffusion.guidance import Guidance, Guided


class Net:
    """Says, everywhere, the sum of what it is told; remembers the sizes of its batches; ``room``: the largest it can
    do."""

    def __init__(self, room: int = 1000) -> None:
        self.batches: list[int] = []
        self._room = room

    def __call__(self, x: Tensor, c_noise: Tensor, **told: Any) -> Tensor:
        self.batches.append(len(x))
        if len(x) > self._room:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return told["context"].sum(dim=(1, 2)).view(-1, 1, 1, 1, 1) + x[:, :, :2] + 0.1 * x[:, :, 2:]


def told(batch: int, context: float, frame: float) -> dict[str, Tensor]:
    values = torch.arange(1.0, batch + 1).view(-1, 1, 1)
    return {"context": context * values.expand(batch, 3, 2), "concat": torch.full((batch, 5, 2, 4, 4), frame)}


X = torch.randn(2, 5, 2, 4, 4, generator=torch.Generator().manual_seed(1))
SIGMA = torch.tensor([2.0, 2.0])


def by_hand(scales: Tensor) -> Tensor:
    conditional = EDM().denoise(Net(), X, SIGMA, **told(2, 0.3, 1.0))
    null = EDM().denoise(Net(), X, SIGMA, **told(2, 0.0, 0.0))
    return null + scales[:, None, None, None] * (conditional - null)


@pytest.mark.parametrize(
    ("text", "scales", "shown"),
    [
        ("none", [1, 1, 1, 1, 1], "none"),
        ("1", [1, 1, 1, 1, 1], "none"),
        ("2.5", [2.5] * 5, "2.5"),
        ("1.0:3.0", [1, 1.5, 2, 2.5, 3], "1:3"),
        ("0", [0] * 5, "0"),
    ],
)
def test_scales_of_the_frames(text: str, scales: list[float], shown: str) -> None:
    guidance = Guidance.parse(text)
    assert guidance.scales(5).tolist() == scales
    assert str(guidance) == shown
    assert Guidance.parse(shown) == guidance


def test_the_paper_s_guidance_of_14_frames() -> None:
    scales = Guidance.parse("1.0:2.5").scales(14)
    torch.testing.assert_close(scales, 1 + 1.5 * torch.arange(14.0) / 13)


@pytest.mark.parametrize("text", ["", "strong", "1:2:3", "-1", "nan", "inf:2", "1:", "1,5"])
def test_what_is_no_guidance_is_told(text: str) -> None:
    with pytest.raises(DiffusionError, match="should be none, a number"):
        Guidance.parse(text)


@pytest.mark.parametrize("text", ["2.5", "1.0:3.0", "0"])
def test_guidance_is_the_line_through_both_predictions(text: str) -> None:
    guidance, net = Guidance.parse(text), Net()
    guided = Guided(EDM(), net, guidance, told(2, 0.3, 1.0), told(2, 0.0, 0.0))
    torch.testing.assert_close(guided(X, SIGMA), by_hand(guidance.scales(5)))
    assert net.batches == [4]


def test_without_guidance_the_network_is_called_once_with_what_is_told() -> None:
    net = Net()
    guided = Guided(EDM(), net, Guidance(), told(2, 0.3, 1.0), told(2, 0.0, 0.0))
    torch.testing.assert_close(guided(X, SIGMA), EDM().denoise(Net(), X, SIGMA, **told(2, 0.3, 1.0)))
    assert net.batches == [2]


def test_where_memory_runs_out_two_calls_are_made_from_then_on(caplog: pytest.LogCaptureFixture) -> None:
    guidance, net = Guidance.parse("1.0:3.0"), Net(room=2)
    guided = Guided(EDM(), net, guidance, told(2, 0.3, 1.0), told(2, 0.0, 0.0))
    for _ in range(2):
        torch.testing.assert_close(guided(X, SIGMA), by_hand(guidance.scales(5)))
    assert net.batches == [4, 2, 2, 2, 2]
    assert len(caplog.records) == 1


def test_another_error_is_not_taken_for_a_full_memory() -> None:
    broken = told(2, 0.3, 1.0)
    del broken["context"]
    guided = Guided(EDM(), Net(), Guidance.parse("2"), broken, dict(broken))
    with pytest.raises(KeyError, match="context"):
        guided(X, SIGMA)
