"""What a training waits for: clips that are decoded and encoded as it goes against latents that are there already.

    python -m benchmarks.training_data [--steps 6] [--repeat 5] [--size 40m] [--frames 14] [--height 256] [--width 384]

Real packed shards, the whole loop of `curation train`: samples/s and the share of the time that it waits for data, as
its log tells them, of the second half of twice so many steps, and the CPU time of this process, in which everything
happens unless there are --workers. The ways take turns; ratios, of CPU time or, on CUDA, of samples/s, are medians of
the turns.
Shards hold 5 s clips of 720p, and the same packed with `--short-side 256`. Autoencoders: `pixels:8`, which costs
nothing, so that only decoding is saved, and a random `AutoencoderKL` of a quarter of Stable Diffusion's channels; or
any that --autoencoder names. The network is smaller than any real one: a larger one waits less.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
from safetensors.torch import save_file

from benchmarks.loader import clips
from benchmarks.pack import dataset, pack
from curation.shards.size import ShardSize
from curation.shards.transcode import Transcode
from models.diffusion.autoencoder import load_autoencoder
from models.diffusion.autoencoder.kl import KLConfig, KLModel
from models.diffusion.data.cache import LatentCache, Models
from models.diffusion.recipe import Recipe
from models.diffusion.text_encoder import load_text_encoder
from models.diffusion.train.distributed import World, joined
from models.diffusion.train.log import read_log
from models.diffusion.train.loop import train
from models.diffusion.train.state import TrainState
from models.diffusion.train.watcher import Watcher

SMALL: dict[str, Any] = {
    "block_out_channels": [64, 64],
    "cross_attention": [False, True],
    "layers_per_block": 1,
    "transformer_layers_per_block": 1,
    "num_attention_heads": 2,
    "addition_time_embed_dim": 32,
}
QUARTER = KLConfig(
    block_out_channels=(32, 64, 128, 128), layers_per_block=2, down_block_types=("DownEncoderBlock2D",) * 4
)


@dataclass(frozen=True)
class Way:
    """``shards``: a folder; ``latents``: as in `DataSettings`."""

    name: str
    shards: Path
    latents: str


def main() -> None:
    """Print one table for each autoencoder."""
    options = _options()
    with tempfile.TemporaryDirectory() as name, joined("auto") as world:
        folder = Path(name)
        storage = dataset(folder / "dataset", clips(folder, options.clips))
        pack(storage, folder / "whole", ShardSize(samples=4), 1)
        pack(storage, folder / "small", ShardSize(samples=4), 1, Transcode(short_side=256))
        ways = [
            Way("short side 256, cached latents", folder / "small", "cached"),
            Way("short side 256, encoded as it goes", folder / "small", "decode"),
            Way("720p, encoded as it goes", folder / "whole", "decode"),
        ]
        shape = f"{options.frames} × {options.height} × {options.width}"
        print(f"{shape}, {options.repeat} rounds of {options.steps} steps of {options.batch}\n")
        print("| autoencoder | shards | samples/s | CPU ms a sample | waiting for data | cached, × this |")
        print("| --- | --- | --- | --- | --- | --- |")
        for told, model in _autoencoders(options, folder):
            recipe = _recipe(options, model)
            models = Models(load_autoencoder(recipe.autoencoder, world.device), load_text_encoder(recipe.text_encoder))
            LatentCache(str(folder / "small"), recipe.data, models).write()
            compare(told, recipe, ways, world, options.repeat)


def compare(told: str, recipe: Recipe, ways: list[Way], world: World, repeat: int) -> None:
    """All ways in turns; the first is what the others are compared with."""
    rounds = [{way.name: measured(recipe, way, world) for way in ways} for _ in range(repeat)]
    first = ways[0].name
    for way in ways:
        speed = median(one[way.name]["samples_per_s"] for one in rounds)
        waiting = median(one[way.name]["data_wait"] for one in rounds)
        cost = median(one[way.name]["cpu_ms"] for one in rounds)
        ratio = median(_faster(one[first], one[way.name], world) for one in rounds)
        print(f"| {told} | {way.name} | {speed:.2f} | {cost:.0f} | {waiting:.0%} | {ratio:.2f} |", flush=True)


class _CpuClock(Watcher):
    """CPU seconds of this process at the end of each step."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def stepped(self, state: TrainState) -> None:
        self.seconds.append(time.process_time())


def _faster(one: dict[str, Any], other: dict[str, Any], world: World) -> float:
    """How many times as fast ``one`` is."""
    if world.device.type == "cuda":
        return float(one["samples_per_s"] / other["samples_per_s"])
    return float(other["cpu_ms"] / one["cpu_ms"])


def measured(recipe: Recipe, way: Way, world: World) -> dict[str, Any]:
    """The last line of the log of a training, and ``cpu_ms`` a sample: of the second half of its steps."""
    output = way.shards.parent / "run"
    shutil.rmtree(output, ignore_errors=True)
    wanted = recipe.model_copy(update={"data": recipe.data.model_copy(update={"latents": way.latents})})
    clock = _CpuClock()
    if not train(wanted, [str(way.shards)], output, world, clock):
        raise SystemExit("stopped")
    steps = recipe.training.steps // 2
    seconds = clock.seconds[-1] - clock.seconds[steps - 1]
    return {**read_log(output)[-1], "cpu_ms": 1000 * seconds / (steps * recipe.training.batch_size)}


def _autoencoders(options: argparse.Namespace, folder: Path) -> Iterator[tuple[str, str]]:
    """Names for a person, and for a recipe."""
    if options.autoencoder:
        yield from ((name, name) for name in options.autoencoder)
        return
    yield "`pixels:8`", "pixels:8"
    torch.manual_seed(0)
    quarter = folder / "quarter"
    quarter.mkdir()
    (quarter / "config.json").write_text(json.dumps({"_class_name": "AutoencoderKL", **QUARTER.model_dump()}))
    save_file(KLModel(QUARTER).state_dict(), quarter / "diffusion_pytorch_model.safetensors")
    yield "KL, quarter", str(quarter)


def _recipe(options: argparse.Namespace, autoencoder: str) -> Recipe:
    steps = 2 * options.steps
    precision = "bf16" if torch.cuda.is_available() else "fp32"
    return Recipe.model_validate(
        {
            "unet": {"size": options.size} if options.size else SMALL,
            "autoencoder": {"model": autoencoder},
            "text_encoder": {"model": "words:64", "pretrained": None},
            "conditioning": {"motion_bucket": False},
            "data": {
                "frames": options.frames,
                "fps": 8,
                "sizes": [[options.height, options.width]],
                "workers": options.workers,
            },
            "training": {"steps": steps, "batch_size": options.batch, "precision": precision},
            "checkpoints": {"every_steps": steps + 1, "snapshot_every_steps": None},
            "validation": {"every_steps": None},
            "logging": {"every_steps": options.steps, "tensorboard": False},
        }
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=8, help="different clips")
    parser.add_argument("--steps", type=int, default=6, help="to warm up, and as many to measure")
    parser.add_argument("--repeat", type=int, default=5, help="rounds")
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--size", help="of the network, such as 40m; else one that is smaller than any of them")
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--height", type=int, default=128, help="pixels")
    parser.add_argument("--width", type=int, default=192, help="pixels")
    parser.add_argument("--workers", type=int, default=0, help="processes that read ahead")
    parser.add_argument(
        "--autoencoder", action="append", metavar="MODEL", help="as in a recipe; else two without weights"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
