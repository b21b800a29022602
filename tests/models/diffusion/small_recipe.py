"""A recipe of seconds, for the shards of `shape_shards`."""

from __future__ import annotations

from typing import Any

from models.diffusion.recipe import Recipe

SMALL: dict[str, Any] = {
    "unet": {
        "block_out_channels": [32],
        "cross_attention": [True],
        "layers_per_block": 1,
        "transformer_layers_per_block": 1,
        "num_attention_heads": 2,
        "addition_time_embed_dim": 16,
    },
    "autoencoder": {"model": "pixels:4"},
    "text_encoder": {"model": "words:16", "pretrained": None},
    "conditioning": {"motion_buckets": 3},
    "noise": {"p_mean": -0.8, "p_std": 1.2, "sigma_data": 0.5},
    "data": {"frames": 4, "fps": 8, "sizes": [[16, 16]], "held_out": 4, "workers": 0},
    "training": {"steps": 4, "batch_size": 4, "precision": "fp32"},
    "optimizer": {"learning_rate": 1e-3, "warmup_steps": 2},
    "checkpoints": {"every_steps": 100, "snapshot_every_steps": None},
    "validation": {"every_steps": None, "sigmas": [0.5, 5.0]},
    "logging": {"every_steps": 1, "tensorboard": False},
    "sampling": {"steps": 4, "sigma_max": 20, "guidance": "none"},
}


def small_recipe(**changes: Any) -> Recipe:
    """The recipe with sections changed: ``training={"steps": 2}`` changes that key alone."""
    values = {
        name: {**SMALL.get(name, {}), **changes[name]} if isinstance(changes.get(name), dict) else value
        for name, value in {**SMALL, **changes}.items()
    }
    return Recipe.model_validate(values)
