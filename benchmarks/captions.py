"""Captioners: batches against the plain loop of the model's own generation, one clip at a time, on the same frames.

    python -m benchmarks.captions [--size tiny] [--clips 64] [--repeat 3]

Weights are random: the work is that of the real models, the texts mean nothing. `--size real` (ViT-L CoCa, BLIP-2 with
OPT-2.7B, a LLaMA of 1.7 billion weights) is for a CUDA GPU; `tiny` shows on a CPU what batching does to overhead.
Times are by the clock on a GPU, CPU seconds without one.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks import caption_models
from benchmarks.caption_loops import NEW_TOKENS, CocaLoop, LanguageModelLoop, PlainLoop, VideoBlipLoop
from curation.stage import Annotator, ClipSample
from stages.caption_merge import CaptionMerge
from stages.coca import Coca
from stages.videoblip import VideoBlipCaptions

BATCH = 16
SAMPLE_EVERY_S = 0.05
Parameters = dict[str, Any]


@dataclass(frozen=True)
class Captioner:
    """A stage, what makes a checkpoint for it, the loop it is compared with, settings under which both write alike."""

    stage: type[Annotator]
    checkpoint: Callable[[Path, caption_models.Size], Parameters]
    loop: type[PlainLoop]
    settings: Parameters


CAPTIONERS = {
    "coca": Captioner(
        Coca,
        caption_models.coca,
        CocaLoop,
        {"generation_type": "top_k", "seq_len": NEW_TOKENS + 2, "min_seq_len": NEW_TOKENS + 1},
    ),
    "videoblip": Captioner(
        VideoBlipCaptions,
        caption_models.videoblip,
        VideoBlipLoop,
        {"num_beams": 1, "temperature": 0, "max_new_tokens": NEW_TOKENS},
    ),
    "caption_merge": Captioner(
        CaptionMerge,
        caption_models.language_model,
        LanguageModelLoop,
        {"temperature": 0, "max_new_tokens": NEW_TOKENS},
    ),
}


def main() -> None:
    """Print one row per captioner."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="tiny", choices=["tiny", "real"])
    parser.add_argument("--clips", type=int, default=64)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--stage", action="append", choices=list(CAPTIONERS), help="default: all")
    options = parser.parse_args()
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_num_threads(1)
    print(f"{options.size} models on {torch.cuda.get_device_name() if device == 'cuda' else 'one CPU core'}\n")
    print("| captioner | clips/s in batches | plain loop | ratio | tokens/s | plain loop | 1,000 clips | GPU busy |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name in options.stage or CAPTIONERS:
        with tempfile.TemporaryDirectory() as folder:
            _measure(name, Path(folder), options.size, device, options.clips, options.repeat)


def _measure(name: str, folder: Path, size: caption_models.Size, device: str, count: int, repeat: int) -> None:
    captioner = CAPTIONERS[name]
    parameters = captioner.checkpoint(folder, size)
    stage = _started(captioner.stage, {**parameters, **captioner.settings, "clips_per_pass": BATCH}, device)
    loop = captioner.loop(parameters, device)
    clips = _clips(stage, count)
    stage.annotate(clips[:BATCH])
    loop.answer(clips[0])
    speeds, plain_speeds, busy = [], [], []
    tokens = 0
    now = time.monotonic if device == "cuda" else time.process_time
    for _ in range(repeat):
        with _GpuWatch(device) as watch:
            began = now()
            for start in range(0, len(clips), BATCH):
                stage.annotate(clips[start : start + BATCH])
            speeds.append(count / (now() - began))
        busy.append(watch.share)
        began = now()
        tokens = sum(loop.answer(clip) for clip in clips)
        plain_speeds.append(count / (now() - began))
    fast, plain, each = median(speeds), median(plain_speeds), tokens / count
    ratio = median(a / b for a, b in zip(speeds, plain_speeds, strict=True))
    shown = f"{median(busy):.0%}" if device == "cuda" else "–"
    speed = f"{fast:.3g} | {plain:.3g} | {ratio:.1f} | {each * fast:.3g} | {each * plain:.3g}"
    print(f"| {name} | {speed} | {1000 / fast:.0f} s | {shown} |")


def _started(stage_class: type[Annotator], parameters: dict[str, Any], device: str) -> Annotator:
    stage = stage_class(stage_class.Config.model_validate(parameters), device=device)
    stage.setup()
    return stage


def _clips(stage: Annotator, count: int) -> list[ClipSample]:
    request = stage.frames()
    random = np.random.default_rng(0)
    captions = [" ".join(random.choice(["a man", "rides", "a bicycle", "down", "the street"], 6)) for _ in range(count)]
    clips = []
    for number in range(count):
        frames = None
        if request is not None and request.shrink is not None:
            full = random.integers(0, 255, (request.count or 1, 360, 640, 3), np.uint8)
            frames = np.stack([request.shrink(frame) for frame in full])
        values = {"caption_coca": captions[number], "caption_videoblip": captions[-number]}
        clips.append(ClipSample(f"{number:032x}", {"num_frames": 48, "fps": 24.0}, frames, values))
    return clips


class _GpuWatch:
    """Share of the time in which a kernel ran, by the driver's own counter (needs the package nvidia-ml-py)."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._samples: list[int] = []
        self._ended = threading.Event()

    @property
    def share(self) -> float:
        return sum(self._samples) / (100 * len(self._samples)) if self._samples else 0.0

    def __enter__(self) -> _GpuWatch:
        self._thread = threading.Thread(target=self._watch, daemon=True)
        if self._device == "cuda":
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._device == "cuda":
            self._thread.join()

    def _watch(self) -> None:
        import torch

        while not self._ended.wait(SAMPLE_EVERY_S):
            self._samples.append(torch.cuda.utilization())


if __name__ == "__main__":
    main()
