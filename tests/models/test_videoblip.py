"""VideoBLIP against a frame-by-frame reference and against BLIP-2 itself, on tiny checkpoints in the real format."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.generation import Decoding
from models.pretrained import PretrainedError
from models.videoblip import VideoBlip
from models.videoblip_frames import SquashResize, checkpoint_resize
from tests.models.tiny_blip2 import IMAGE_SIZE, create_tiny_blip2

PROMPT = "Question: What is happening in the video? Answer:"
LANGUAGE_MODELS = ("opt", "t5")


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, bool], Path]:
    return {
        (kind, image_tokens): create_tiny_blip2(
            tmp_path_factory.mktemp("blip2") / kind, kind, image_tokens=image_tokens
        )
        for kind in LANGUAGE_MODELS
        for image_tokens in (True, False)
    }


@pytest.fixture(scope="module")
def load(checkpoints: dict[tuple[str, bool], Path], device: str) -> Callable[..., VideoBlip]:
    def build(kind: str, image_tokens: bool = True, decoding: Decoding | None = None, **settings: Any) -> VideoBlip:
        return VideoBlip(
            checkpoints[kind, image_tokens],
            prompt=PROMPT,
            decoding=decoding or Decoding(max_new_tokens=12),
            device=device,
            **{"dtype": "fp32", **settings},
        )

    return build


def videos(count: int, frames: int = 3) -> list[Any]:
    generator = np.random.default_rng(5)
    return [generator.integers(0, 256, (frames, IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8) for _ in range(count)]


@pytest.mark.parametrize("kind", LANGUAGE_MODELS)
def test_query_tokens_equal_a_loop_over_frames(load: Callable[..., VideoBlip], kind: str) -> None:
    import torch

    blip = load(kind)
    pixels = blip.pixel_values(videos(2, frames=4))
    with torch.inference_mode():
        found = blip.query_tokens(pixels)
        for video, tokens in zip(pixels, found, strict=True):
            seen = torch.cat([blip.model.vision_model(frame[None]).last_hidden_state for frame in video], dim=1)
            queries = blip.model.qformer(query_embeds=blip.model.query_tokens, encoder_hidden_states=seen)
            expected = blip.model.language_projection(queries.last_hidden_state)[0]
            torch.testing.assert_close(tokens, expected, rtol=1e-4, atol=1e-4)
        last_frame_only = blip.query_tokens(pixels[:, -1:])
    assert (found - last_frame_only).abs().max() > 0.01


@pytest.mark.parametrize("kind", LANGUAGE_MODELS)
def test_one_frame_is_blip2(load: Callable[..., VideoBlip], device: str, kind: str) -> None:
    import torch

    blip = load(kind)
    video = videos(1, frames=1)[0]
    inputs = blip.processor(images=[video[0]], text=[PROMPT], do_resize=False, return_tensors="pt").to(device)
    first_word = {} if kind == "opt" else {"decoder_input_ids": torch.zeros((1, 1), dtype=torch.long, device=device)}
    with torch.inference_mode():
        expected = blip.model(**inputs, **first_word).logits
        embeddings = blip.language_inputs(blip.pixel_values([video]))
        found = blip.model.language_model(inputs_embeds=embeddings, **first_word).logits
        generated = blip.model.generate(**inputs, max_new_tokens=12, do_sample=False)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    new = generated[0, inputs["input_ids"].shape[1] :] if kind == "opt" else generated[0]
    text = blip.processor.tokenizer.decode(new, skip_special_tokens=True).strip()
    assert blip.caption([video], ["clip"]) == [text]
    assert text


@pytest.mark.parametrize("kind", LANGUAGE_MODELS)
@pytest.mark.parametrize(
    "decoding",
    [Decoding(12), Decoding(12, num_beams=3), Decoding(12, temperature=1.5, seed=4)],
    ids=["greedy", "beams", "drawn"],
)
def test_batches_change_nothing(load: Callable[..., VideoBlip], kind: str, decoding: Decoding) -> None:
    blip = load(kind, image_tokens=False, decoding=decoding, clips_per_pass=4)
    clips, keys = videos(7), [f"clip-{number}" for number in range(7)]
    texts = blip.caption(clips, keys)
    alone = [blip.caption([clip], [key])[0] for clip, key in zip(clips, keys, strict=True)]
    assert texts == alone
    assert len(set(texts)) > 3


def test_texts_of_one_batch_end_at_different_lengths(load: Callable[..., VideoBlip]) -> None:
    blip = load("t5", image_tokens=False)
    lengths = {len(blip.processor.tokenizer(text)["input_ids"]) for text in blip.caption(videos(7), list("abcdefg"))}
    assert len(lengths) > 1


def test_drawn_texts_follow_from_seed_and_key(load: Callable[..., VideoBlip]) -> None:
    clip = videos(1)[0]
    texts = {
        (seed, key): load("opt", decoding=Decoding(12, temperature=2.0, seed=seed)).caption([clip], [key])[0]
        for seed in (0, 1)
        for key in ("a", "b")
    }
    assert len(set(texts.values())) == 4
    assert load("opt", decoding=Decoding(12, temperature=1e-4)).caption([clip], ["a"]) == load("opt").caption(
        [clip], ["a"]
    )


@pytest.mark.parametrize("kind", LANGUAGE_MODELS)
def test_placeholder_tokens_make_no_difference(
    load: Callable[..., VideoBlip], checkpoints: dict[tuple[str, bool], Path], tmp_path: Path, device: str, kind: str
) -> None:
    without = tmp_path / "without"
    shutil.copytree(checkpoints[kind, True], without)
    for file, changes in (("config.json", {"image_token_index": None}), ("processor_config.json", {})):
        settings = json.loads((without / file).read_text()) | changes
        settings.pop("num_query_tokens" if file == "processor_config.json" else "", None)
        (without / file).write_text(json.dumps(settings))
    plain = VideoBlip(without, prompt=PROMPT, decoding=Decoding(12), device=device, dtype="fp32")
    assert plain.processor.num_query_tokens is None
    assert plain.caption(videos(3), list("abc")) == load(kind).caption(videos(3), list("abc"))


def test_an_empty_prompt(load: Callable[..., VideoBlip], checkpoints: dict[tuple[str, bool], Path]) -> None:
    blip = VideoBlip(checkpoints["opt", True], prompt="", decoding=Decoding(6), dtype="fp32")
    assert blip.prompt_ids.tolist() == [[2]]
    assert blip.caption(videos(2), ["a", "b"]) != load("opt", decoding=Decoding(6)).caption(videos(2), ["a", "b"])


def test_frames_are_prepared_as_by_the_published_image_processor(load: Callable[..., VideoBlip]) -> None:
    import torch
    from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

    blip = load("opt", image_tokens=False)
    full = np.random.default_rng(1).integers(0, 256, (2, 90, 160, 3), np.uint8)
    small = np.stack([blip.resize(frame) for frame in full])
    reference = BlipImageProcessorPil(size={"height": IMAGE_SIZE, "width": IMAGE_SIZE})
    expected = reference(list(full), return_tensors="pt")["pixel_values"]
    torch.testing.assert_close(blip.pixel_values([small])[0].cpu(), expected, rtol=1e-5, atol=1e-5)
    assert pickle.loads(pickle.dumps(blip.resize)) == blip.resize


@pytest.mark.parametrize(
    ("settings", "resize"),
    [
        ({"size": 224}, SquashResize((224, 224), 3)),
        ({"size": {"height": 30, "width": 20}, "resample": 2}, SquashResize((30, 20), 2)),
        ({"size": {"shortest_edge": 30}}, None),
        ({"size": {"height": 30, "width": 20}, "do_center_crop": True}, None),
    ],
)
def test_the_resizing_of_a_checkpoint(tmp_path: Path, settings: dict[str, Any], resize: SquashResize | None) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "blip-2"}')
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(settings))
    if resize is not None:
        assert checkpoint_resize(tmp_path) == resize
    else:
        with pytest.raises(PretrainedError, match="does not resize to one height and width"):
            checkpoint_resize(tmp_path)


@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_half_precision(load: Callable[..., VideoBlip], dtype: str) -> None:
    import torch

    blip = load("opt", dtype=dtype)
    assert blip.model.language_model.dtype == {"bf16": torch.bfloat16, "fp16": torch.float16}[dtype]
    if dtype == "fp16":
        assert blip.model.qformer.dtype == torch.float32
    assert all(blip.caption(videos(2), ["a", "b"]))


def test_out_of_memory_halves_the_batch(load: Callable[..., VideoBlip]) -> None:
    import torch

    blip = load("opt", clips_per_pass=8)
    expected = blip.caption(videos(5), list("abcde"))
    passes = []

    def limited(_module: Any, _arguments: Any, named: dict[str, Any]) -> None:
        passes.append(len(named["pixel_values"]) // 3)
        if passes[-1] > 2:
            raise torch.OutOfMemoryError("out of memory")

    blip.model.vision_model.register_forward_pre_hook(limited, with_kwargs=True)
    assert blip.caption(videos(5), list("abcde")) == expected
    assert passes == [5, 3, 2, 2, 1]


def test_weights_in_pytorchs_format(
    load: Callable[..., VideoBlip], checkpoints: dict[tuple[str, bool], Path], tmp_path: Path, device: str
) -> None:
    import torch
    from safetensors.torch import load_file

    folder = tmp_path / "old"
    shutil.copytree(checkpoints["opt", False], folder)
    state = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(state, folder / "pytorch_model.bin")
    settings = {"prompt": PROMPT, "decoding": Decoding(12), "device": device}
    found = VideoBlip(folder, **settings).caption(videos(2), ["a", "b"])
    assert found == load("opt", image_tokens=False, dtype="auto").caption(videos(2), ["a", "b"])

    incomplete = {name: value for name, value in state.items() if name != "query_tokens"}
    torch.save(incomplete, folder / "pytorch_model.bin")
    with pytest.raises(PretrainedError, match="1 weights of Blip2ForConditionalGeneration are missing, query_tokens"):
        VideoBlip(folder, **settings)

    torch.save(state | {"code": shutil.rmtree}, folder / "pytorch_model.bin")
    with pytest.raises(PretrainedError, match="the model cannot be loaded"):
        VideoBlip(folder, **settings)


def test_other_models_are_refused(checkpoints: dict[tuple[str, bool], Path], tmp_path: Path) -> None:
    settings = {"prompt": PROMPT, "decoding": Decoding(12)}
    folder = tmp_path / "other"
    shutil.copytree(checkpoints["opt", False], folder)
    config = json.loads((folder / "config.json").read_text())
    resizing = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").write_text(json.dumps(resizing | {"size": {"height": 42, "width": 42}}))
    with pytest.raises(PretrainedError, match=r"makes pictures of \(42, 42\) pixels, but its vision model reads"):
        VideoBlip(folder, **settings)
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(PretrainedError, match="holds no image processor"):
        VideoBlip(folder, **settings)
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "qwen2_vl"}))
    with pytest.raises(PretrainedError, match='of type "qwen2_vl", not "blip-2"'):
        VideoBlip(folder, **settings)
