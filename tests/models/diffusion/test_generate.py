"""Videos from tiny models with real parts: VideoUNet, CLIP towers of transformers, an autoencoder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from models.diffusion.conditioning_image import read_image
from models.diffusion.errors import DiffusionError
from models.diffusion.generate import Generator
from models.diffusion.output import Frames
from models.diffusion.request import Look, Request
from models.diffusion.sampling import SamplingSettings
from models.diffusion.trained import open_trained
from tests.models.diffusion.tiny_trained import recipe_of, write_image_encoder, write_text_encoder, write_training

CPU = torch.device("cpu")
CHANNELS = 48
LOOK = Look(frames=8, height=32, width=48, fps=8)
SMALL = Look(frames=2, height=16, width=24, fps=8)
SETTINGS = SamplingSettings(steps=3, sigma_max=80, guidance="1.0:2.5")
IMAGE_TO_VIDEO = {"context": "image", "frame": {}, "motion_buckets": 8}


@pytest.fixture(scope="module")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_image_encoder(write_text_encoder(tmp_path_factory.mktemp("encoders")))


def made(folder: Path, encoders: Path, dtype: torch.dtype = torch.float32, **different: Any) -> Generator:
    trained = write_training(folder / "output", recipe_of(encoders, **different), samples=(10,))
    return Generator(open_trained(trained.output), CPU, dtype)


@pytest.fixture(scope="module")
def from_text(encoders: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator:
    return made(tmp_path_factory.mktemp("text"), encoders)


@pytest.fixture(scope="module")
def from_image(encoders: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator:
    return made(tmp_path_factory.mktemp("image"), encoders, conditioning=IMAGE_TO_VIDEO)


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("picture") / "a.png"
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (32, 48, 3), np.uint8)).save(path)
    return path


def videos(
    generator: Generator,
    requests: Sequence[Request],
    look: Look = LOOK,
    settings: SamplingSettings = SETTINGS,
    **more: Any,
) -> list[Frames]:
    found = list(generator.generate(requests, look, settings, **more))
    assert [request for request, _ in found] == list(requests)
    return [video for _, video in found]


def prompts(count: int) -> list[Request]:
    return [Request(number, f"video {number}") for number in range(count)]


@contextmanager
def calls(generator: Generator) -> Iterator[list[dict[str, Any]]]:
    """What the network is called with meanwhile."""
    seen: list[dict[str, Any]] = []

    def note(module: torch.nn.Module, positional: tuple[Any, ...], named: dict[str, Any]) -> None:
        seen.append({**dict(zip(("x", "c_noise"), positional, strict=True)), **named})

    handle = generator._model.network.register_forward_pre_hook(note, with_kwargs=True)
    try:
        yield seen
    finally:
        handle.remove()


def differ_by(one: Frames, other: Frames) -> int:
    return int(np.abs(one.astype(int) - other.astype(int)).max())


def test_a_video_from_text(from_text: Generator) -> None:
    (video,) = videos(from_text, prompts(1))
    assert (video.shape, video.dtype) == ((8, 32, 48, 3), np.uint8)
    assert video.std() > 1
    (again,) = videos(from_text, prompts(1))
    assert np.array_equal(video, again)


def test_prompt_seed_and_index_each_make_another_video(from_text: Generator) -> None:
    (video,) = videos(from_text, [Request(0, "a")], SMALL)
    for request, seed in ((Request(0, "b"), 0), (Request(1, "a"), 0), (Request(0, "a"), 1)):
        (other,) = videos(from_text, [request], Look(2, 16, 24, 8, seed=seed))
        assert differ_by(video, other) > 0


def test_a_video_does_not_depend_on_its_batch(from_text: Generator) -> None:
    alone = [videos(from_text, [request], SMALL)[0] for request in prompts(5)]
    for batch_size in (2, 5):
        for one, other in zip(alone, videos(from_text, prompts(5), SMALL, batch_size=batch_size), strict=True):
            assert differ_by(one, other) <= 1


def test_where_memory_runs_out_fewer_are_made_at_a_time(from_text: Generator) -> None:
    sizes = []

    def narrow(module: torch.nn.Module, positional: tuple[torch.Tensor, ...], named: dict[str, Any]) -> None:
        sizes.append(len(positional[0]))
        if len(positional[0]) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")

    wanted = videos(from_text, prompts(5), SMALL)
    handle = from_text._model.network.register_forward_pre_hook(narrow, with_kwargs=True)
    try:
        found = videos(from_text, prompts(5), SMALL, batch_size=5)
    finally:
        handle.remove()
    assert sizes[:2] == [10, 5]
    assert max(sizes[4:]) <= 6
    for one, other in zip(wanted, found, strict=True):
        assert differ_by(one, other) <= 1


def test_the_network_is_told_what_was_asked_for(from_text: Generator) -> None:
    with calls(from_text) as seen:
        videos(from_text, [Request(0, "a cat")], Look(8, 32, 48, fps=6, motion_bucket=7))
    assert len(seen) == SETTINGS.evaluations
    told = seen[0]
    assert told["micro"].tolist() == [[5, 7], [5, 7]]
    null, conditional = told["context"]
    expected = from_text._text_encoder
    assert expected is not None
    torch.testing.assert_close(torch.stack([null, conditional]), expected.encode(["", "a cat"]))
    torch.testing.assert_close(told["c_noise"], torch.tensor([80.0, 80.0]).log() / 4)
    assert float(told["x"].std()) == pytest.approx(1, abs=0.02)


def test_what_is_left_open_is_the_middle_motion(from_text: Generator) -> None:
    assert from_text.resolved(LOOK).motion_bucket == 3
    with calls(from_text) as seen:
        videos(from_text, prompts(1))
    assert seen[0]["micro"].tolist() == [[7, 3], [7, 3]]
    assert from_text.bucket_of(2.5) == 2
    assert from_text.bucket_of(1000) == 7


def test_without_guidance_the_network_is_asked_once_a_step(from_text: Generator) -> None:
    with calls(from_text) as seen:
        videos(from_text, prompts(2), settings=SamplingSettings(steps=3, sampler="heun", guidance="none"), batch_size=2)
    assert [len(told["x"]) for told in seen] == [2] * 5


def test_pixels_that_are_no_numbers_are_told(from_text: Generator) -> None:
    beyond = SETTINGS.model_copy(update={"guidance": "1e38"})
    with pytest.raises(DiffusionError, match="lower --guidance"):
        list(from_text.generate(prompts(1), SMALL, beyond))


def test_a_single_frame_is_an_image(from_text: Generator) -> None:
    with calls(from_text) as seen:
        (video,) = videos(from_text, prompts(1), Look(1, 32, 48, fps=8))
    assert video.shape == (1, 32, 48, 3)
    assert seen[0]["image_only"] is True
    assert seen[0]["micro"].tolist() == [[-1, -1], [-1, -1]]


def test_other_sizes_and_lengths(from_text: Generator) -> None:
    (video,) = videos(from_text, prompts(1), Look(3, 16, 24, fps=8))
    assert video.shape == (3, 16, 24, 3)
    with pytest.raises(DiffusionError, match="24x16 is nearest"):
        videos(from_text, prompts(1), Look(3, 17, 24, fps=8))


def test_progress_is_told_of_every_evaluation(from_text: Generator) -> None:
    told: list[None] = []
    videos(from_text, prompts(3), SMALL, batch_size=2, evaluated=lambda: told.append(None))
    assert len(told) == 2 * SETTINGS.evaluations


def test_prompts_that_are_too_long_are_known(from_text: Generator) -> None:
    long = Request(1, "a word is many letters long")
    assert from_text.cut_prompts([Request(0, "short"), long, long]) == [long.prompt]


def test_half_precision_is_near(encoders: Path, from_text: Generator, tmp_path: Path) -> None:
    half = made(tmp_path, encoders, torch.bfloat16)
    assert next(half._model.network.parameters()).dtype == torch.bfloat16
    (one,), (other,) = videos(half, prompts(1)), videos(from_text, prompts(1))
    assert 0 < np.abs(one.astype(float) - other.astype(float)).mean() < 4


def test_every_part_of_a_video_goes_on_from_the_frame(from_image: Generator, picture: Path) -> None:
    """The frame's latent, with noise of the wanted level, unscaled, at every frame; zeros where nothing is told."""
    latent = torch.nn.functional.pixel_unshuffle(read_image(picture, 32, 48)[None], 4)
    with calls(from_image) as seen:
        videos(from_image, [Request(0, None, picture), Request(1, None, picture)], batch_size=2)
    for told in (seen[0], seen[-1]):
        null, other_null, conditional, other = told["x"][:, :, CHANNELS:]
        assert not null.any()
        assert not other_null.any()
        noises = [one - latent.expand_as(one) for one in (conditional, other)]
        for noise in noises:
            assert torch.equal(noise, noise[:1].expand_as(noise))
            assert float(noise.std()) == pytest.approx(0.02, rel=0.1)
        assert float((noises[0] - noises[1]).std()) == pytest.approx(0.02 * 2**0.5, rel=0.1)
        assert told["micro"][:, 2].tolist() == pytest.approx([0.02] * 4)
        assert not told["context"][:2].any()
        assert told["context"][2:].any()


def test_the_level_of_the_noise_on_the_frame_is_an_argument(from_image: Generator, picture: Path) -> None:
    with calls(from_image) as seen:
        videos(from_image, [Request(0, None, picture)], Look(8, 32, 48, fps=8, augmentation=0.0))
    latent = torch.nn.functional.pixel_unshuffle(read_image(picture, 32, 48)[None], 4)
    torch.testing.assert_close(seen[0]["x"][1, :, CHANNELS:], latent.expand(8, -1, -1, -1))


def test_noise_on_latents_where_the_recipe_says_so(encoders: Path, picture: Path, tmp_path: Path) -> None:
    conditioning = {**IMAGE_TO_VIDEO, "frame": {"augment": "latents", "scale": 2.0}}
    generator = made(tmp_path, encoders, conditioning=conditioning)
    with calls(generator) as seen:
        videos(generator, [Request(0, None, picture)])
    latent = torch.nn.functional.pixel_unshuffle(read_image(picture, 32, 48)[None], 4)
    noise = seen[0]["x"][1, :, CHANNELS:] / 2 - latent
    assert float(noise.std()) == pytest.approx(0.02, rel=0.1)


def test_text_and_a_frame_together(encoders: Path, picture: Path, tmp_path: Path) -> None:
    generator = made(
        tmp_path, encoders, conditioning={"frame": {}, "extra": ["aesthetic_score"], "motion_bucket": False}
    )
    with calls(generator) as seen:
        videos(generator, [Request(0, "a", picture)], Look(8, 32, 48, fps=8, extra={"aesthetic_score": (6.5,)}))
    assert seen[0]["micro"][0].tolist() == pytest.approx([7, 0.02, 6.5])
    with calls(generator) as seen:
        videos(generator, [Request(0, "a", picture)])
    assert seen[0]["micro"][0].tolist() == pytest.approx([7, 0.02, -1])
    with pytest.raises(DiffusionError, match="leave --motion-score away"):
        generator.bucket_of(1.0)
