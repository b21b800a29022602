"""Activation checkpointing: what is kept for the backward pass, and what is computed again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import torch
from torch import Tensor
from torch.utils.checkpoint import CheckpointPolicy, checkpoint, create_selective_checkpoint_contexts

from models.diffusion.unet.config import ActivationCheckpointing

_aten = torch.ops.aten
_EXPENSIVE: Final = frozenset(
    {
        _aten.convolution.default,
        _aten.mm.default,
        _aten.addmm.default,
        _aten.bmm.default,
        _aten._scaled_dot_product_flash_attention.default,
        _aten._scaled_dot_product_efficient_attention.default,
        _aten._scaled_dot_product_cudnn_attention.default,
        _aten._scaled_dot_product_flash_attention_for_cpu.default,
    }
)


def run(mode: ActivationCheckpointing, layer: Callable[..., Tensor], *arguments: Any) -> Tensor:
    """``layer(*arguments)``, keeping as little for the backward pass as ``mode`` says.

    Source: "Training deep nets with sublinear memory cost", arXiv 1604.06174. No layer draws random numbers, so the
    state of the generators is not restored.
    """
    if mode == "none" or not torch.is_grad_enabled():
        return layer(*arguments)
    out: Tensor
    if mode == "selective":
        out = checkpoint(layer, *arguments, use_reentrant=False, preserve_rng_state=False, context_fn=_selective)
    else:
        out = checkpoint(layer, *arguments, use_reentrant=False, preserve_rng_state=False)
    return out


def _selective() -> Any:
    return create_selective_checkpoint_contexts(_policy)  # type: ignore[no-untyped-call]


def _policy(_context: Any, operator: Any, *_arguments: Any, **_options: Any) -> CheckpointPolicy:
    return CheckpointPolicy.MUST_SAVE if operator in _EXPENSIVE else CheckpointPolicy.PREFER_RECOMPUTE
