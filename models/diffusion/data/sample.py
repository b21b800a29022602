"""One training sample: read from a clip, or from its cached latents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from models.diffusion.data.batch import Batch, Broken
from models.diffusion.data.buckets import Bucket
from models.diffusion.data.captions import draw_caption
from models.diffusion.data.draw import Draw, draw
from models.diffusion.data.errors import ClipError, DataError
from models.diffusion.data.latents import Latents
from models.diffusion.data.picture import Cut
from models.diffusion.data.pixels import read_pixels
from models.diffusion.data.settings import DataSettings
from models.diffusion.data.shards import MOTION, Clip, Shards
from models.diffusion.randomness import item_generator

# Clips that are tried for one sample.
ATTEMPTS = 10


@dataclass(frozen=True)
class Sample:
    """As one row of a `Batch`, without its first axis."""

    clip: Clip
    index: int
    drawn: Draw
    cut: Cut
    caption: str
    pixels: torch.Tensor | None = None
    latents: torch.Tensor | None = None
    context: torch.Tensor | None = None
    image_context: torch.Tensor | None = None


class SampleReader:
    """Reads samples of shards. ``latents``: of each of their folders, or none to decode."""

    def __init__(self, shards: Shards, settings: DataSettings, seed: int, latents: Sequence[Latents] | None) -> None:
        self._shards = shards
        self._settings = settings
        self._seed = seed
        self._latents = latents

    def read(self, bucket: Bucket, place: int, index: int) -> tuple[Sample, list[Broken]]:
        """Sample number ``index``, of the clip at ``place`` of the bucket. Where that cannot be read it is another clip
        of the bucket, which follows from the seed and ``index``; also gives the clips that could not be read.

        Raises:
            DataError: none of ten clips can be read.
        """
        broken: list[Broken] = []
        for attempt in range(ATTEMPTS):
            if attempt:
                numbers = item_generator(self._seed, index, f"replacement {attempt}")
                place = int(numbers.integers(len(bucket.rows)))
            clip = self._shards.clip(int(bucket.rows[place]))
            try:
                return self.of(clip, bucket, index), broken
            except ClipError as error:
                broken.append(Broken(clip.key, self._shards.where(clip), str(error)))
        raise DataError(f"{ATTEMPTS} clips in a row cannot be read, the first of them: {broken[0]}")

    def of(self, clip: Clip, bucket: Bucket, index: int) -> Sample:
        """Sample number ``index`` of this clip.

        Raises:
            ClipError: it cannot be read.
        """
        drawn = draw(clip, bucket.frames, self._settings, self._seed, index)
        if self._latents is not None:
            return self._from_latents(self._latents[clip.folder], clip, bucket, index, drawn)
        media, annotations = self._shards.media_and_annotations(clip)
        pixels, cut = read_pixels(
            media,
            fps=drawn.fps,
            clip_fps=clip.fps,
            start=drawn.start,
            frames=1 if drawn.is_still else bucket.frames,
            size=(bucket.height, bucket.width),
            crop=drawn.crop,
            is_mirrored=drawn.is_mirrored,
        )
        caption = draw_caption(annotations, self._settings.captions, drawn.caption)
        frames = torch.from_numpy(pixels).permute(0, 3, 1, 2)
        text = "" if caption is None else caption[1]
        return Sample(clip, index, drawn, cut, text, pixels=_held(frames, bucket.frames))

    def _from_latents(self, latents: Latents, clip: Clip, bucket: Bucket, index: int, drawn: Draw) -> Sample:
        entry = latents.entry(clip.row - int(self._shards.starts[clip.folder]), drawn.rate)
        caption = draw_caption(self._shards.annotations(clip), self._settings.captions, drawn.caption)
        count = 1 if drawn.is_still else bucket.frames
        return Sample(
            clip,
            index,
            drawn,
            entry.cut,
            "" if caption is None else caption[1],
            latents=_held(latents.frames(entry, drawn.start, count), bucket.frames),
            context=latents.context(entry, None if caption is None else caption[0]),
            image_context=latents.image_context(entry, drawn.start),
        )

    def collate(self, samples: Sequence[Sample], broken: Sequence[Broken]) -> Batch:
        """Samples of one bucket as a batch."""
        numbers = self._shards.numbers
        rows = [sample.clip.row for sample in samples]
        extra = {name: torch.from_numpy(numbers[name][rows]).float() for name in self._settings.extra}
        cuts = [sample.cut for sample in samples]
        return Batch(
            keys=[sample.clip.key for sample in samples],
            indices=[sample.index for sample in samples],
            pixels=_stacked([sample.pixels for sample in samples]),
            latents=_stacked([sample.latents for sample in samples]),
            captions=[sample.caption for sample in samples],
            context=_stacked([sample.context for sample in samples]),
            fps=torch.tensor([sample.drawn.fps for sample in samples]),
            motion=torch.from_numpy(numbers[MOTION][rows]).float(),
            extra={
                **extra,
                "crop": torch.tensor([[cut.top, cut.left] for cut in cuts], dtype=torch.float32),
                "original_size": torch.tensor([[cut.height, cut.width] for cut in cuts], dtype=torch.float32),
            },
            is_image=torch.tensor([sample.drawn.is_still for sample in samples]),
            image_context=_stacked([sample.image_context for sample in samples]),
            broken=list(broken),
        )


def _held(frames: torch.Tensor, count: int) -> torch.Tensor:
    """A still is every frame of its sample."""
    return frames if len(frames) == count else frames.expand(count, *frames.shape[1:])


def _stacked(tensors: Sequence[torch.Tensor | None]) -> torch.Tensor | None:
    there = [tensor for tensor in tensors if tensor is not None]
    return torch.stack(there) if there else None
