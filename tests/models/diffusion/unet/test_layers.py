"""Layers that are written by hand, against what they stand for."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from models.diffusion.unet import attention
from models.diffusion.unet.attention import Attention
from models.diffusion.unet.embedding import sinusoidal
from models.diffusion.unet.feed_forward import FeedForward
from models.diffusion.unet.norm import GroupNormSilu, LayerNorm
from models.diffusion.unet.transformer import _cross_attention


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_group_norm_with_silu(layout: torch.memory_format) -> None:
    torch.manual_seed(0)
    layer = GroupNormSilu(64, 1e-5).double()
    torch.nn.init.normal_(layer.weight)
    torch.nn.init.normal_(layer.bias)
    x = torch.randn(2, 64, 3, 2, dtype=torch.float64).contiguous(memory_format=layout).requires_grad_()
    expected = functional.silu(functional.group_norm(x, 32, layer.weight, layer.bias, 1e-5))
    torch.testing.assert_close(layer(x), expected)
    assert layer(x).is_contiguous(memory_format=layout)
    wanted = (x, layer.weight, layer.bias)
    torch.testing.assert_close(
        torch.autograd.grad(layer(x).square().sum(), wanted), torch.autograd.grad(expected.square().sum(), wanted)
    )


def test_feed_forward_is_geglu() -> None:
    torch.manual_seed(0)
    layer = FeedForward(4).double()
    x = torch.randn(3, 5, 4, dtype=torch.float64, requires_grad=True)
    value, gate = layer.net[0].proj(x).chunk(2, dim=-1)
    torch.testing.assert_close(layer(x), layer.net[2](value * functional.gelu(gate)))
    assert torch.autograd.gradcheck(layer, x)


def test_more_sequences_than_a_kernel_takes_are_dealt_to_several_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = Attention(8, 2)
    x = torch.randn(7, 3, 8)
    expected = layer(x)
    sizes = []
    plain = functional.scaled_dot_product_attention

    def counted(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        sizes.append(q.shape[0])
        return plain(q, k, v)

    monkeypatch.setattr(attention, "_MOST_SEQUENCES", 3)
    monkeypatch.setattr(functional, "scaled_dot_product_attention", counted)
    torch.testing.assert_close(layer(x), expected)
    assert sizes == [3, 3, 1]


@pytest.mark.parametrize("tokens", [1, 4])
def test_cross_attention_is_that_of_every_token(tokens: int) -> None:
    norm, layer = LayerNorm(8), Attention(8, 2, 6)
    x, context = torch.randn(2, 5, 8), torch.randn(2, tokens, 6)
    expected = layer(norm(x), context)
    torch.testing.assert_close(_cross_attention(norm, layer, x, context).expand_as(expected), expected)


def test_sinusoids() -> None:
    found = sinusoidal(torch.tensor([0.0, 3.0]), 4)
    expected = torch.tensor([[1, 1, 0, 0], [math.cos(3), math.cos(0.03), math.sin(3), math.sin(0.03)]])
    torch.testing.assert_close(found, expected)
    assert sinusoidal(torch.zeros(2, 3, dtype=torch.bfloat16), 8).shape == (2, 3, 8)
