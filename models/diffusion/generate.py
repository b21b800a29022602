"""Videos from a trained model: text-to-video and image-to-video."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from models.batching import ShrinkingBatches
from models.diffusion.autoencoder import load_autoencoder
from models.diffusion.conditioning import Conditions
from models.diffusion.conditioning_image import read_image
from models.diffusion.edm import EDM
from models.diffusion.errors import DiffusionError
from models.diffusion.output import Frames, to_frames
from models.diffusion.request import Look, Request, check_size, check_told
from models.diffusion.sampling import SamplingSettings
from models.diffusion.text_encoder import ImageEncoder, TextEncoder, load_image_encoder, load_text_encoder
from models.diffusion.trained import Trained
from models.diffusion.videos import VideoModel


class Generator:
    """A trained model with its autoencoder and its encoder, on one device.

    A video follows from the weights, the settings, the seed and its own index. Noise is drawn on the CPU, so it is the
    same on every device; in which batch a video is made changes its values by rounding only.
    """

    def __init__(self, trained: Trained, device: torch.device, dtype: torch.dtype) -> None:
        """Load everything; ``dtype``: of the network.

        Raises:
            DiffusionError: weights are missing, damaged, or do not fit each other.
        """
        recipe = trained.recipe
        self.settings = recipe.conditioning
        of_text = self.settings.context == "text"
        self._device = device
        network = trained.network(device, dtype)
        if device.type == "cuda":
            network.weights_to_channels_last()
        self.autoencoder = load_autoencoder(recipe.autoencoder, device)
        self._text_encoder = load_text_encoder(recipe.text_encoder, device) if of_text else None
        self._image_encoder = None if of_text else load_image_encoder(recipe.image_encoder, device)
        self._conditioning = trained.conditioning(self._null_context().to(device).float())
        self._model = VideoModel(network, EDM(recipe.noise.sigma_data), self.autoencoder, self._conditioning)

    @property
    def encoder(self) -> TextEncoder | ImageEncoder:
        """The encoder of prompts, or of conditioning frames."""
        encoder = self._text_encoder or self._image_encoder
        assert encoder is not None
        return encoder

    def generate(
        self,
        requests: Sequence[Request],
        look: Look,
        settings: SamplingSettings,
        *,
        batch_size: int = 1,
        evaluated: Callable[[], None] = lambda: None,
    ) -> Iterator[tuple[Request, Frames]]:
        """The videos, each as RGB uint8 [f, h, w, 3], in order and as they are done.

        ``batch_size``: videos that are sampled together; fewer where memory runs out. ``evaluated``: called after each
        evaluation of the denoiser.

        Raises:
            DiffusionError: the model cannot make such videos, or an image cannot be read.
        """
        batches = ShrinkingBatches(batch_size)
        make = partial(self._make, look=self.resolved(look), settings=settings, evaluated=evaluated)
        for start in range(0, len(requests), batch_size):
            some = requests[start : start + batch_size]
            yield from zip(some, batches.run(some, make), strict=True)

    def bucket_of(self, motion_score: float) -> float:
        """The motion bucket of a measured score.

        Raises:
            DiffusionError: the model has no motion buckets.
        """
        if self._conditioning.buckets is None:
            raise DiffusionError("this model knows no motion scores: leave --motion-score away")
        return float(self._conditioning.buckets.bucket(torch.tensor([motion_score])))

    def cut_prompts(self, requests: Sequence[Request]) -> list[str]:
        """Prompts of which the encoder does not read the end."""
        encoder = self._text_encoder
        if encoder is None:
            return []
        prompts = list(dict.fromkeys(request.prompt or "" for request in requests))
        return [one for one, length in zip(prompts, encoder.lengths(prompts), strict=True) if length > encoder.length]

    def resolved(self, look: Look) -> Look:
        """The same, with what it leaves open.

        Raises:
            DiffusionError: the model cannot make such videos.
        """
        check_told(self.settings, look)
        check_size(look, self.autoencoder.factor)
        return replace(look, motion_bucket=self.settings.middle_bucket) if look.motion_bucket is None else look

    @torch.no_grad()
    def _make(
        self, requests: Sequence[Request], look: Look, settings: SamplingSettings, evaluated: Callable[[], None]
    ) -> list[Frames]:
        videos = self._model.videos(
            self._told(requests, look),
            (look.frames, look.height, look.width),
            settings,
            seed=look.seed,
            indices=[request.index for request in requests],
            evaluated=evaluated,
        )
        if not all(video.isfinite().all() for video in videos):
            raise DiffusionError(
                "the model's pixels are no numbers: lower --guidance or --sigma-max, or set --dtype fp32"
            )
        return [to_frames(video) for video in videos]

    def _told(self, requests: Sequence[Request], look: Look) -> Conditions:
        pixels = self._pixels([request.image for request in requests], look)
        context = self._context(requests, pixels).to(self._device).float()
        micro = self._micro(len(requests), look).to(self._device)
        return Conditions(context, micro, self._concat(requests, pixels, look))

    def _pixels(self, images: Sequence[Path | None], look: Look) -> Tensor | None:
        pictures = [read_image(image, look.height, look.width) for image in images if image is not None]
        return torch.stack(pictures) if pictures else None

    def _context(self, requests: Sequence[Request], pixels: Tensor | None) -> Tensor:
        if self._text_encoder is not None:
            return self._text_encoder.encode([request.prompt or "" for request in requests])
        assert self._image_encoder is not None
        assert pixels is not None
        return self._image_encoder.encode(pixels)

    def _null_context(self) -> Tensor:
        if self._text_encoder is not None:
            return self._text_encoder.encode([""])
        return torch.zeros(1, 1, self.encoder.width)

    def _micro(self, count: int, look: Look) -> Tensor:
        extra = {name: torch.tensor([list(values)]).expand(count, -1) for name, values in look.extra.items()}
        return self._conditioning.micro_of_video(
            count, look.frames, look.fps, look.motion_bucket, look.augmentation, extra
        )

    def _concat(self, requests: Sequence[Request], pixels: Tensor | None, look: Look) -> Tensor | None:
        """The latent of the conditioning frame, with noise of the wanted level, over all frames."""
        frame = self.settings.frame
        if frame is None or pixels is None:
            return None
        sigma = torch.full((len(requests),), look.augmentation)
        indices = [request.index for request in requests]
        noisy = partial(self._conditioning.augmented, sigma=sigma, seed=look.seed, indices=indices)
        if frame.augment == "pixels":
            latent = self.autoencoder.encode(noisy(pixels))
        else:
            latent = noisy(self.autoencoder.encode(pixels).cpu())
        return self._conditioning.over_time(latent.to(self._device, torch.float32), look.frames)
