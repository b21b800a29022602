"""Reading training samples from shards against a bare decode of the same frames, on one core.

    python -m benchmarks.loader [--clips 8] [--samples 40] [--repeat 3] [--frames 14] [--fps 8]

Bare is: open the clip, seek, decode up to the last frame that the sample shows; no frame is converted, scaled or kept.
Both go through the same samples. Shards hold 5 s clips of 720p as they are (a keyframe each second), and the same
packed with `--short-side 256` (every half second). Latents have the size of Stable Diffusion's, and captions
32 × 1024 numbers.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from itertools import islice
from pathlib import Path
from statistics import median

import av
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from benchmarks.material import encoded_trailer
from benchmarks.pack import dataset, pack
from curation.shards.size import ShardSize
from curation.shards.transcode import Transcode
from curation.video.encoding import write_mp4
from models.diffusion.data import DataSettings, Encoders, TrainingData
from models.diffusion.data.buckets import sort_clips
from models.diffusion.data.cache import LatentCache, Models
from models.diffusion.data.draw import draw
from models.diffusion.data.order import Order
from models.diffusion.data.shards import Clip, Shards
from models.diffusion.text_encoder import TextEncoderSettings, load_text_encoder

SEED = 0
FPS, SECONDS = 24, 5
CLIP_FRAMES = FPS * SECONDS


def main() -> None:
    """Print one row per kind of shards."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=8, help="different clips")
    parser.add_argument("--samples", type=int, default=40)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--frames", type=int, default=14)
    parser.add_argument("--fps", type=float, default=8.0)
    options = parser.parse_args()
    settings = DataSettings(
        frames=options.frames, fps=options.fps, sizes=((256, 384),), workers=0, prefetch=1, latents="decode"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        storage = dataset(folder / "dataset", clips(folder, options.clips))
        pack(storage, folder / "whole", ShardSize(samples=4), 1)
        pack(storage, folder / "small", ShardSize(samples=4), 1, Transcode(short_side=256))
        print(f"{options.frames} frames at {options.fps:g} per second, 256 × 384; CPU ms a sample, medians\n")
        print("| shards | bare decode | loader | × bare | samples/s per core |\n| --- | --- | --- | --- | --- |")
        for kind, shards in (("720p", folder / "whole"), ("short side 256", folder / "small")):
            compare(kind, str(shards), settings, options)
        models = Models(Averages(), load_text_encoder(TextEncoderSettings(model="words:1024")))
        LatentCache(str(folder / "small"), settings, models).write()
        cached = settings.model_copy(update={"latents": "cached"})
        each = timed([loading(str(folder / "small"), cached, options.samples, models.identities())], options)[0]
        print(f"| short side 256, cached latents | | {each:.2f} | | {1000 / each:.0f} |")


class Averages:
    """In the place of an autoencoder: latents of the size of Stable Diffusion's, for nothing."""

    channels, factor, scaling, identity = 4, 8, 1.0, "averages"

    def encode(self, pixels: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, 4, H / 8, W / 8)."""
        means = avg_pool2d(pixels, self.factor)
        return torch.cat([means, means[:, :1]], dim=1)

    def decode(self, latents: Tensor, num_frames: int) -> Tensor:
        """Not needed here."""
        raise NotImplementedError


def compare(kind: str, shards: str, settings: DataSettings, options: argparse.Namespace) -> None:
    """Both ways in turns."""
    ways = [lambda: bare(shards, settings, options.samples), loading(shards, settings, options.samples)]
    alone, ours = timed(ways, options)
    print(f"| {kind} | {alone:.1f} | {ours:.1f} | {ours / alone:.2f} | {1000 / ours:.1f} |")


def timed(ways: list[Callable[[], object]], options: argparse.Namespace) -> list[float]:
    """CPU milliseconds a sample, medians of turns."""
    costs: list[list[float]] = [[] for _ in ways]
    for turn in range(options.repeat + 1):
        for way, found in zip(ways, costs, strict=True):
            began = time.process_time()
            way()
            if turn:  # the first one warms up
                found.append((time.process_time() - began) * 1000 / options.samples)
    return [median(found) for found in costs]


def loading(
    shards: str, settings: DataSettings, samples: int, encoders: Encoders | None = None
) -> Callable[[], object]:
    """As a training reads, once it has begun."""
    data = TrainingData(settings, [shards], seed=SEED, batch_size=1, encoders=encoders)
    return lambda: deque(islice(data.batches(0), samples), maxlen=0)


def bare(shards: str, settings: DataSettings, samples: int) -> None:
    """The frames of the same samples, decoded and dropped."""
    source = Shards([shards])
    (bucket,) = sort_clips(source, settings).training
    order = Order([len(bucket.rows)], [bucket.name], 1, SEED)
    for index in range(samples):
        _, places = order.samples(index, 1)
        clip = source.clip(int(bucket.rows[places[0]]))
        drawn = draw(clip, bucket.frames, settings, SEED, index)
        decode(source, clip, drawn.start / drawn.fps, (drawn.start + bucket.frames - 1) / drawn.fps)


def decode(source: Shards, clip: Clip, first_s: float, last_s: float) -> None:
    """From the keyframe before ``first_s`` to ``last_s``."""
    data = io.BytesIO(source.media(clip).read())
    with av.open(data) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        assert stream.time_base is not None
        container.seek(int(first_s / stream.time_base), stream=stream)
        for frame in container.decode(stream):
            if frame.pts is not None and frame.pts * stream.time_base > last_s:
                break


def clips(folder: Path, count: int) -> list[bytes]:
    """So many 5 s clips of the trailer, 720p, with a keyframe each second."""
    found = []
    with av.open(str(encoded_trailer(FPS))) as container:
        frames = container.decode(video=0)
        for number in range(count):
            path = folder / f"{number}.mp4"
            pictures = ((at, frame.to_ndarray(format="rgb24")) for at, frame in enumerate(islice(frames, CLIP_FRAMES)))
            write_mp4(
                str(path),
                pictures,
                (1280, 720),
                time_base=Fraction(1, FPS),
                rate=Fraction(FPS),
                gop=FPS,
                encoder="libx264",
                options={"crf": "20", "preset": "veryfast"},
            )
            found.append(path.read_bytes())
    return found


if __name__ == "__main__":
    main()
