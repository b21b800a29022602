"""Latents that were computed ahead are those that would be computed; others are never taken for them."""

from __future__ import annotations

import errno
import multiprocessing
from itertools import islice
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
import torch
from safetensors import safe_open

from models.diffusion.autoencoder import AutoencoderSettings, load_autoencoder
from models.diffusion.data import Batch, DataError, DataSettings, Encoders, TrainingData
from models.diffusion.data import cache as cache_module
from models.diffusion.data.cache import Cached, LatentCache, Models
from models.diffusion.text_encoder import (
    ImageEncoderSettings,
    TextEncoderSettings,
    load_image_encoder,
    load_text_encoder,
)
from tests.curation.video.clip_files import write_clip
from tests.models.diffusion.data.packed import H264, Clip, clips, write_shards

SETTINGS = DataSettings(
    frames=4,
    fps=12,
    other_fps=(6,),
    sizes=((32, 48), (48, 32)),
    image_share=0.2,
    workers=0,
    prefetch=1,
    latents_precision="fp32",
)
TEXT = load_text_encoder(TextEncoderSettings(model="words:8"))
IMAGE = load_image_encoder(ImageEncoderSettings(model="cells:2"))
PIXELS = load_autoencoder(AutoencoderSettings(model="pixels:4"))
MODELS = Models(PIXELS, TEXT, IMAGE)


def make_shards(folder: Path) -> str:
    packed = [Clip(one.key, size=(64, 48) if number % 3 == 2 else (48, 64)) for number, one in enumerate(clips(7))]
    uncaptioned = Clip("none", facts=dict.fromkeys(("caption_coca", "caption_videoblip", "caption_llm")))
    return str(write_shards(folder, [*packed, uncaptioned, Clip("broken", media=b"no video")], per_shard=3))


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Nine clips, one of them broken, one without captions; all latents beside them."""
    folder = make_shards(tmp_path_factory.mktemp("shards") / "all")
    done = cache(folder)
    assert (done.shards, done.clips, done.broken, done.is_whole) == (3, 9, 1, True)
    return folder


def cache(folder: str, settings: DataSettings = SETTINGS, models: Models = MODELS, **more: Any) -> Cached:
    return LatentCache(folder, settings, models, **more).write()


def batches(
    folder: str, settings: DataSettings = SETTINGS, count: int = 12, encoders: Encoders | None = None, **more: Any
) -> list[Batch]:
    data = TrainingData(settings, [folder], seed=5, batch_size=2, encoders=encoders or MODELS.identities(), **more)
    found = list(islice(data.batches(0), count))
    data.close()
    return found


def unit(pixels: torch.Tensor) -> torch.Tensor:
    return pixels.flatten(0, 1).float().div(127.5).sub(1)


@pytest.mark.parametrize("workers", [0, 2])
def test_cached_is_what_would_be_computed(shards: str, workers: int) -> None:
    settings = SETTINGS.model_copy(update={"workers": workers})
    decoded = batches(shards, settings.model_copy(update={"latents": "decode"}))
    cached = batches(shards, settings.model_copy(update={"latents": "cached"}))
    stills = uncaptioned = 0
    for one, other in zip(decoded, cached, strict=True):
        assert one.pixels is not None
        assert other.pixels is None
        assert other.latents is not None
        assert (one.keys, one.indices, one.captions) == (other.keys, other.indices, other.captions)
        assert [str(item) for item in one.broken] == [str(item) for item in other.broken]
        assert torch.equal(one.fps, other.fps)
        assert torch.equal(one.is_image, other.is_image)
        assert torch.equal(one.extra["crop"], other.extra["crop"])
        assert torch.equal(one.extra["original_size"], other.extra["original_size"])
        expected = PIXELS.encode(unit(one.pixels)).unflatten(0, (2, 4))
        torch.testing.assert_close(other.latents, expected)
        torch.testing.assert_close(other.context, TEXT.encode(one.captions))
        torch.testing.assert_close(other.image_context, IMAGE.encode(unit(one.pixels[:, :1])))
        stills += int(one.is_image.sum())
        uncaptioned += one.captions.count("")
    assert stills
    assert uncaptioned
    assert {float(fps) for one in cached for fps in one.fps} == {12.0, 6.0}


def test_a_real_autoencoder(tmp_path: Path) -> None:
    import diffusers

    torch.manual_seed(0)
    theirs = diffusers.AutoencoderKL(block_out_channels=(32,) * 2, down_block_types=("DownEncoderBlock2D",) * 2,
                                     up_block_types=("UpDecoderBlock2D",) * 2)  # fmt: skip
    theirs.save_pretrained(tmp_path / "vae")
    autoencoder = load_autoencoder(AutoencoderSettings(model=str(tmp_path / "vae")))
    models = Models(autoencoder)
    rng = np.random.default_rng(0)
    # Not the flat pictures of the other tests: GroupNorm makes much of what rounding leaves of their variance.
    still = np.kron(rng.integers(0, 255, (6, 8, 3), np.uint8), np.ones((8, 8, 1), np.uint8))
    moving = write_clip(tmp_path / "a.mp4", [np.roll(still, 3 * number, 1) for number in range(24)], encoding=H264)
    folder = str(write_shards(tmp_path / "all", [Clip("a", media=moving.read_bytes())]))
    settings = SETTINGS.model_copy(update={"other_fps": ()})
    cache(folder, settings, models)
    cached = batches(folder, settings, 4, models.identities())
    decoded = batches(folder, settings.model_copy(update={"latents": "decode"}), 4)
    for one, other in zip(decoded, cached, strict=True):
        assert one.pixels is not None
        expected = autoencoder.encode(unit(one.pixels)).unflatten(0, (2, 4))
        torch.testing.assert_close(other.latents, expected, atol=1e-5, rtol=1e-5)
        assert other.context is None


def test_half_precision_is_near(tmp_path: Path, shards: str) -> None:
    folder = make_shards(tmp_path / "all")
    settings = SETTINGS.model_copy(update={"latents_precision": "fp16"})
    cache(folder, settings)
    for one, other in zip(batches(folder, settings, 4), batches(shards, SETTINGS, 4), strict=True):
        assert one.latents is not None
        assert one.latents.dtype == torch.float16
        torch.testing.assert_close(one.latents.float(), other.latents, atol=1e-3, rtol=1e-3)


def test_files_are_those_of_safetensors(shards: str) -> None:
    path = next(Path(shards).glob("latents/*/000000.safetensors"))
    key = clips(7)[0].key
    with safe_open(path, "pt") as file:
        assert file.get_tensor(f"{key}/0").shape == (12, 48, 8, 12)
        assert file.get_tensor(f"{key}/1").shape == (6, 48, 8, 12)
        assert file.get_tensor(f"{key}/caption_llm").shape == (32, 8)
        assert len(file.keys()) == 3 * (2 + 2 + 3)


OTHERS = {
    "autoencoder": Encoders("pixels:8", TEXT.identity, IMAGE.identity),
    "text_encoder": Encoders(PIXELS.identity, "words:10", IMAGE.identity),
    "image_encoder": Encoders(PIXELS.identity, TEXT.identity, None),
}
CHANGES: dict[str, dict[str, Any]] = {
    "sizes": {"sizes": ((32, 32),)},
    "fps": {"fps": 8},
    "captions": {"captions": {"caption_llm": 1.0}},
    "precision": {"latents_precision": "fp16"},
}


@pytest.mark.parametrize("name", [*OTHERS, *CHANGES])
def test_other_latents_are_not_taken(shards: str, name: str) -> None:
    settings = SETTINGS.model_copy(update=CHANGES.get(name, {}))
    encoders = OTHERS.get(name, MODELS.identities())
    data = TrainingData(settings, [shards], seed=5, batch_size=2, encoders=encoders)
    assert not data.uses_cache
    assert f"is of another kind: {name}: " in data.about
    assert " instead of " in data.about
    with pytest.raises(DataError, match=f"another kind: {name}: .*curation cache-latents") as raised:
        batches(shards, settings.model_copy(update={"latents": "cached"}), encoders=encoders)
    assert "\n" not in str(raised.value)


def test_what_does_not_matter(shards: str) -> None:
    """Numbers of frames, the shares of captions, held out clips."""
    changes = {"frames": 3, "shorter_frames": (1,), "held_out": 2, "image_share": 0.0, "max_cropped": 0.9}
    data = TrainingData(
        SETTINGS.model_copy(update=changes), [shards], seed=1, batch_size=1, encoders=MODELS.identities()
    )
    assert data.uses_cache
    assert "latents from" in data.about
    held = data.held_out()
    assert [len(batch) for batch in held] == [1, 1]
    assert all(batch.latents is not None for batch in held)
    assert data.empty_context is not None
    torch.testing.assert_close(data.empty_context, TEXT.encode([""]))


def test_shards_packed_anew(tmp_path: Path) -> None:
    folder = make_shards(tmp_path / "all")
    cache(folder)
    write_shards(Path(folder), [Clip("other")])
    with pytest.raises(DataError, match="of another kind: shards: "):
        batches(folder, SETTINGS.model_copy(update={"latents": "cached"}))


def test_what_cannot_be_cached(shards: str) -> None:
    for change, told in (
        ({"crop": "random"}, "data.crop: random"),
        ({"horizontal_flip": True}, "data.horizontal_flip"),
    ):
        settings = SETTINGS.model_copy(update=change)
        with pytest.raises(DataError, match=f"cannot be cached with {told}"):
            cache(shards, settings)
        with pytest.raises(DataError, match=f"cannot be cached with {told}"):
            batches(shards, settings.model_copy(update={"latents": "cached"}))
        assert batches(shards, settings, 1)[0].pixels is not None


def test_a_stopped_run_goes_on(tmp_path: Path, shards: str) -> None:
    folder = make_shards(tmp_path / "all")
    clips_done = []

    def stop(clips: int, total: int) -> None:
        clips_done.append(clips)
        if clips == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        LatentCache(folder, SETTINGS, MODELS).write(stop)
    found = sorted(path.name for path in Path(folder).glob("latents/*/*"))
    assert found == ["000000.safetensors"]
    with pytest.raises(DataError, match="no cached latents"):
        batches(folder, SETTINGS.model_copy(update={"latents": "cached"}))
    left = next(Path(folder).glob("latents/*")) / ".aside-1-000001.safetensors"
    left.write_bytes(b"of a process that was killed")
    again = cache(folder)
    assert (again.shards, again.clips, again.is_whole) == (2, 6, True)
    assert cache(folder).clips == 0
    assert files_of(folder) == files_of(shards)


@pytest.mark.usefixtures("impatient")
def test_readers_that_are_killed_change_nothing(tmp_path: Path, shards: str) -> None:
    folder = make_shards(tmp_path / "all")
    before, killed = set(multiprocessing.active_children()), []

    def kill(clips: int, total: int) -> None:
        for process in set(multiprocessing.active_children()) - before:
            if clips in (1, 5):
                process.kill()
                killed.append(process.pid)

    LatentCache(folder, SETTINGS.model_copy(update={"workers": 2}), MODELS).write(kill)
    assert len(killed) >= 2
    assert files_of(folder) == files_of(shards)


def files_of(folder: str) -> dict[str, bytes]:
    paths = [path for path in Path(folder).glob("latents/*/*") if path.suffix != ".parquet"]
    return {path.name: path.read_bytes() for path in paths}


def test_several_processes_share_the_work(tmp_path: Path, shards: str) -> None:
    folder = make_shards(tmp_path / "all")
    first = cache(folder, part=0, parts=2)
    assert not first.is_whole
    second = cache(folder, part=1, parts=2)
    assert second.is_whole
    assert first.shards + second.shards == 3
    assert files_of(folder) == files_of(shards)


def test_a_full_disk_leaves_whole_files_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_shards(tmp_path / "all")
    whole, files = cache_module.SafetensorsWriter.finish, []

    def finish(writer: Any, path: Path, metadata: Any) -> None:
        files.append(path)
        whole(writer, path, metadata)
        if len(files) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cache_module.SafetensorsWriter, "finish", finish)
    with pytest.raises(DataError, match="no space is left; make room and give the same command again") as raised:
        cache(folder)
    assert "\n" not in str(raised.value)
    assert [path.name for path in Path(folder).glob("latents/*/*")] == ["000000.safetensors"]
    assert cache(folder).is_whole


def test_damaged_latents(tmp_path: Path) -> None:
    folder = make_shards(tmp_path / "all")
    cache(folder)
    cut = next(Path(folder).glob("latents/*/000001.safetensors"))
    cut.write_bytes(cut.read_bytes()[:5000])
    found = batches(folder, count=6)
    assert any("its latents in" in one.reason for batch in found for one in batch.broken)
    next(Path(folder).glob("latents/*/index.parquet")).write_bytes(b"cut off")
    with pytest.raises(DataError, match="these latents are damaged") as raised:
        batches(folder)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("protocol", ["memory", "s3"])
def test_an_object_store(shards: str, protocol: str, request: pytest.FixtureRequest) -> None:
    url = f"{request.getfixturevalue('s3_bucket')}/cached" if protocol == "s3" else "memory://cached/all"
    store = fsspec.filesystem(protocol)
    for path in Path(shards).iterdir():
        if path.is_file():
            store.pipe_file(f"{url}/{path.name}", path.read_bytes())
    assert cache(url).is_whole
    here, there = batches(shards, count=4), batches(url, count=4)
    for one, other in zip(here, there, strict=True):
        assert one.keys == other.keys
        assert torch.equal(one.latents, other.latents)  # type: ignore[arg-type]
