"""What a model of moving shapes has learned of its captions: their held-out loss, against that of other captions.

python examples/moving_shapes_check.py MODEL SHARDS
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from models.diffusion.data import Batch
from models.diffusion.recipe import Recipe
from models.diffusion.train.distributed import joined
from models.diffusion.train.folder import RECIPE
from models.diffusion.train.setup import set_up
from models.diffusion.train.validation import held_out_losses
from models.diffusion.train.watcher import Watcher


def of_others(batch: Batch) -> Batch:
    """The batch with each clip told the caption of the next one, and its cached embedding where there is one."""
    context = None if batch.context is None else batch.context.roll(-1, dims=0)
    return replace(batch, captions=batch.captions[1:] + batch.captions[:1], context=context)


def main() -> None:
    """Print the losses at the noise levels of the recipe's validation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="output folder of the training")
    parser.add_argument("shards", help="what it was trained on")
    told = parser.parse_args()
    with joined() as world:
        recipe = Recipe.load(told.model / RECIPE)
        job = set_up(recipe, [told.shards], told.model, world, Watcher())
        right = job.data.held_out()
        wrong = [of_others(batch) for batch in right]
        network, sigmas = job.training.network, recipe.validation.sigmas
        losses = [held_out_losses(network, job.objective, batches, sigmas, world) for batches in (right, wrong)]
        print(f"{'sigma':>8} {'right':>10} {'another':>10}")
        for sigma in losses[0]:
            print(f"{sigma:>8} {losses[0][sigma]:>10.5f} {losses[1][sigma]:>10.5f}")
        job.data.close()


if __name__ == "__main__":
    main()
