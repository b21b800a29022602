"""Vision-language models: batches against single calls, videos against transformers' own chat call, errors."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.generation import Decoding
from models.pretrained import PretrainedError
from models.vlm import VideoLanguageModel, VideoSample
from tests.models.tiny_vlm import (
    QWEN_TEMPLATE,
    create_tiny_internvl,
    create_tiny_qwen2_5_vl,
    create_tiny_qwen2_vl,
    create_tiny_qwen3_vl,
    create_tiny_smolvlm,
)

PROMPT = "Describe the video."
SHAPES = ((48, 32), (32, 64), (40, 40), (20, 60), (64, 24), (40, 40))
MAKERS = {
    "qwen2_vl": create_tiny_qwen2_vl,
    "qwen2_5_vl": create_tiny_qwen2_5_vl,
    "qwen3_vl": create_tiny_qwen3_vl,
    "internvl": create_tiny_internvl,
    "smolvlm": create_tiny_smolvlm,
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {family: make(tmp_path_factory.mktemp("vlm") / family) for family, make in MAKERS.items()}


@pytest.fixture(scope="module")
def load(folders: dict[str, Path], device: str) -> Callable[..., VideoLanguageModel]:
    def build(family: str, decoding: Decoding | None = None, **settings: Any) -> VideoLanguageModel:
        return VideoLanguageModel(
            folders[family],
            prompt=PROMPT,
            decoding=decoding or Decoding(max_new_tokens=10),
            device=device,
            dtype="fp32",
            **settings,
        )

    return build


def samples() -> list[VideoSample]:
    generator = np.random.default_rng(2)
    return [
        VideoSample(generator.integers(0, 256, (4, *shape, 3), np.uint8), [12, 37, 62, 87], 100, 25.0, f"clip-{number}")
        for number, shape in enumerate(SHAPES)
    ]


@pytest.mark.parametrize("family", sorted(MAKERS))
@pytest.mark.parametrize("frames_as", ["auto", "images"])
def test_batches_change_nothing(load: Callable[..., VideoLanguageModel], family: str, frames_as: str) -> None:
    model = load(family, frames_as=frames_as, clips_per_pass=4)
    assert model.as_video == (frames_as == "auto")
    together = model.caption(samples())
    assert together == [model.caption([sample])[0] for sample in samples()]
    assert len(set(together)) == len(together)


@pytest.mark.parametrize("decoding", [Decoding(8, num_beams=2), Decoding(8, temperature=1.5)], ids=["beams", "drawn"])
def test_batches_change_nothing_in_other_searches(load: Callable[..., VideoLanguageModel], decoding: Decoding) -> None:
    model = load("qwen2_vl", decoding)
    assert model.caption(samples()) == [model.caption([sample])[0] for sample in samples()]


def test_prompts_are_padded_on_the_left(load: Callable[..., VideoLanguageModel]) -> None:
    mask = load("qwen2_vl").inputs(samples())["attention_mask"]
    assert mask[:, -1].all()
    assert not mask[:, 0].all()


@pytest.mark.parametrize("family", sorted(MAKERS))
def test_texts_equal_transformers_own_chat_call(
    load: Callable[..., VideoLanguageModel], folders: dict[str, Path], device: str, family: str
) -> None:
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor

    processor = AutoProcessor.from_pretrained(folders[family])
    model = AutoModelForImageTextToText.from_pretrained(folders[family], dtype=torch.float32).to(device)
    for sample in samples()[:2]:
        video = torch.from_numpy(sample.frames).permute(0, 3, 1, 2)
        content = [{"type": "video", "video": video}, {"type": "text", "text": PROMPT}]
        metadata = {"total_num_frames": 100, "fps": 25.0, "duration": 4.0, "frames_indices": [12, 37, 62, 87]}
        inputs = processor.apply_chat_template(
            [[{"role": "user", "content": content}]],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            processor_kwargs={"do_sample_frames": False, "video_metadata": [metadata]},
        ).to(device)
        generated = model.generate(**inputs, max_new_tokens=10, do_sample=False)
        text = processor.decode(generated[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True).strip()
        assert load(family).caption([sample]) == [text]


def test_frames_come_with_their_times(load: Callable[..., VideoLanguageModel]) -> None:
    model = load("qwen3_vl")
    prompt = model.processor.tokenizer.decode(model.inputs(samples()[:1])["input_ids"][0])
    assert "<1.0 seconds>" in prompt  # mean of frames 12 and 37 at 25 fps
    assert "<3.0 seconds>" in prompt


def test_a_chat_template_without_videos_gets_images(tmp_path: Path) -> None:
    template = QWEN_TEMPLATE.replace("part['type'] == 'video'", "false")
    folder = create_tiny_qwen2_vl(tmp_path / "images", template=template)
    model = VideoLanguageModel(folder, prompt=PROMPT, decoding=Decoding(8), dtype="fp32")
    assert not model.as_video
    assert model.inputs(samples()[:1])["image_grid_thw"].shape == (4, 3)
    with pytest.raises(PretrainedError, match="takes no videos, only images"):
        VideoLanguageModel(folder, prompt=PROMPT, decoding=Decoding(8), frames_as="video")


def test_settings_of_sampling_in_the_checkpoint_are_not_used(
    load: Callable[..., VideoLanguageModel], folders: dict[str, Path], tmp_path: Path
) -> None:
    shutil.copytree(folders["qwen2_vl"], tmp_path / "drawing")
    file = tmp_path / "drawing" / "generation_config.json"
    settings = {"do_sample": True, "temperature": 2.0, "top_k": 50, "repetition_penalty": 1.5}
    file.write_text(json.dumps(json.loads(file.read_text()) | settings))
    model = VideoLanguageModel(tmp_path / "drawing", prompt=PROMPT, decoding=Decoding(10), dtype="fp32")
    assert model.model.generation_config.repetition_penalty == 1.5
    assert model.caption(samples()[:2]) == load("qwen2_vl").caption(samples()[:2])


def test_out_of_memory_halves_the_batch(load: Callable[..., VideoLanguageModel]) -> None:
    import torch

    model = load("qwen2_vl")
    expected = model.caption(samples())
    passes = []

    def limited(_module: Any, _arguments: Any, named: dict[str, Any]) -> None:
        passes.append(len(named["grid_thw"]))
        if passes[-1] > 3:
            raise torch.OutOfMemoryError("out of memory")

    model.model.model.visual.register_forward_pre_hook(limited, with_kwargs=True)
    assert model.caption(samples()) == expected
    assert passes == [6, 3, 3]


def test_a_folder_without_a_chat_template_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(folders["internvl"], tmp_path / "mute")
    (tmp_path / "mute" / "chat_template.jinja").unlink()
    with pytest.raises(PretrainedError, match="no chat template"):
        VideoLanguageModel(tmp_path / "mute", prompt=PROMPT, decoding=Decoding(8))


def test_another_kind_of_model_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    shutil.copytree(folders["qwen2_vl"], tmp_path / "text")
    config = {"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"]}
    (tmp_path / "text" / "config.json").write_text(json.dumps(config))
    with pytest.raises(PretrainedError, match="cannot be loaded"):
        VideoLanguageModel(tmp_path / "text", prompt=PROMPT, decoding=Decoding(8))
