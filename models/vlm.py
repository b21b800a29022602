"""Captions by any video or image-text chat model of transformers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from models.batching import ShrinkingBatches
from models.generation import Decoding, Dtype, torch_dtype
from models.pretrained import PretrainedError, load_model, load_processor

FramesAs = Literal["auto", "video", "images"]


@dataclass(frozen=True)
class VideoSample:
    """Frames of one clip: RGB uint8 [t, h, w, 3], and where in the clip they are.

    ``positions``: their frame numbers in the clip; ``num_frames`` and ``fps``: of the clip; ``key``: names the clip.
    """

    frames: npt.NDArray[np.uint8]
    positions: Sequence[int]
    num_frames: int
    fps: float
    key: str


class VideoLanguageModel:
    """A model of `AutoModelForImageTextToText` with its `AutoProcessor` and chat template, asked one question per clip.

    Frames are given as one video, with their times, where the processor and its chat template take videos; else as
    several images. Prompts are padded on the left, so that a batch gives the texts of its clips alone.
    """

    def __init__(
        self,
        folder: Path,
        *,
        prompt: str,
        decoding: Decoding,
        device: str = "cpu",
        dtype: Dtype = "auto",
        clips_per_pass: int = 8,
        frames_as: FramesAs = "auto",
    ) -> None:
        """Load the checkpoint in ``folder``: model, tokenizer, processor and chat template.

        Raises:
            PretrainedError: it is no such checkpoint, it is incomplete, a package that it needs is not installed, or
                it does not take frames in the way asked for.
        """
        from transformers import AutoModelForImageTextToText, AutoProcessor

        self._folder = folder
        self._prompt = prompt
        self._decoding = decoding
        self._device = device
        self._dtype = torch_dtype(dtype, device)
        self._batches = ShrinkingBatches(clips_per_pass)
        self.processor = load_processor(AutoProcessor, folder)
        self._prepare_tokenizer()
        self.as_video = self._takes_video(frames_as)
        self.model = load_model(AutoModelForImageTextToText, folder, dtype=self._dtype, device=device)

    def caption(self, samples: Sequence[VideoSample]) -> list[str]:
        """One answer per clip, stripped of white space at its ends; empty where the model said nothing."""
        return self._batches.run(samples, self._answer, length=lambda sample: sample.frames.size)

    def inputs(self, samples: Sequence[VideoSample]) -> dict[str, Any]:
        """What the processor makes of the question about these clips, as one batch on the model's device."""
        import torch
        from PIL import Image

        options: dict[str, Any] = {"padding": True, "return_tensors": "pt"}
        if self.as_video:
            texts = [self._chat([{"type": "video"}])] * len(samples)
            options["videos"] = [[torch.from_numpy(sample.frames).permute(0, 3, 1, 2)] for sample in samples]
            options["video_metadata"] = [_metadata(sample) for sample in samples]
            options["do_sample_frames"] = False
        else:
            texts = [self._chat([{"type": "image"}] * len(sample.frames)) for sample in samples]
            options["images"] = [[Image.fromarray(frame) for frame in sample.frames] for sample in samples]
        start = self.processor.tokenizer.bos_token
        if start is not None and texts[0].startswith(start):
            options["add_special_tokens"] = False
        made: Mapping[str, Any] = self.processor(text=texts, **options)
        return {name: self._moved(name, value) for name, value in made.items()}

    def _answer(self, samples: Sequence[VideoSample]) -> list[str]:
        import torch

        inputs = self.inputs(samples)
        with torch.inference_mode():
            generated = self.model.generate(
                **inputs, **self._decoding.arguments([sample.key for sample in samples], self._device)
            )
        answers = generated[:, inputs["input_ids"].shape[1] :]
        texts = self.processor.tokenizer.batch_decode(answers, skip_special_tokens=True)
        return [text.strip() for text in texts]

    def _moved(self, name: str, value: Any) -> Any:
        import torch

        if not isinstance(value, torch.Tensor):
            return value
        return value.to(self._device, self._dtype if name.startswith("pixel_values") else None)

    def _chat(self, media: list[dict[str, str]]) -> str:
        message = {"role": "user", "content": [*media, {"type": "text", "text": self._prompt}]}
        text: str = self.processor.apply_chat_template([message], add_generation_prompt=True, tokenize=False)
        return text

    def _prepare_tokenizer(self) -> None:
        tokenizer = getattr(self.processor, "tokenizer", None)
        if tokenizer is None or not getattr(self.processor, "chat_template", None):
            raise PretrainedError(
                f"{self._folder}: its processor has no chat template, so it is no chat model for images or videos; "
                "give an instruction-tuned one"
            )
        tokenizer.padding_side = "left"
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token

    def _takes_video(self, frames_as: FramesAs) -> bool:
        if frames_as == "images":
            return False
        token = getattr(self.processor, "video_token", None)
        has_processor = getattr(self.processor, "video_processor", None) is not None
        takes = has_processor and token is not None and str(token) in self._chat([{"type": "video"}])
        if frames_as == "video" and not takes:
            raise PretrainedError(f"{self._folder}: its processor or its chat template takes no videos, only images")
        return takes


def _metadata(sample: VideoSample) -> dict[str, Any]:
    """What transformers' `VideoMetadata` holds."""
    return {
        "total_num_frames": sample.num_frames,
        "fps": sample.fps,
        "duration": sample.num_frames / sample.fps,
        "frames_indices": list(sample.positions),
        "height": sample.frames.shape[1],
        "width": sample.frames.shape[2],
    }
