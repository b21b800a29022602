"""VideoBLIP: captions of whole clips by BLIP-2."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from models.batching import ShrinkingBatches
from models.generation import Decoding, Dtype, torch_dtype
from models.pretrained import PretrainedError, load_model, load_processor
from models.videoblip_frames import checkpoint_resize

if TYPE_CHECKING:
    import torch

Video = npt.NDArray[np.uint8]


class VideoBlip:
    """BLIP-2 that reads several frames: their vision tokens are concatenated before the Q-Former.

    Loads VideoBLIP checkpoints (kpyu/video-blip-opt-2.7b-ego4d, kpyu/video-blip-flan-t5-xl-ego4d) and any BLIP-2
    checkpoint, whose weights have the same names, with a decoder-only language model (OPT) or an encoder-decoder (T5).
    The language model reads the projected query tokens and then the prompt. This is how BLIP-2 was trained, and what
    placeholder tokens in newer processors amount to, so checkpoints with and without them give the same text.

    Source: K. P. Yu et al., VideoBLIP, https://github.com/yukw777/VideoBLIP; BLIP-2, arXiv 2301.12597.
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
    ) -> None:
        """Load the checkpoint in ``folder``: model, tokenizer and image processor as `save_pretrained` writes them.

        Raises:
            PretrainedError: it is no BLIP-2 checkpoint, it is incomplete, or it cannot be read safely.
        """
        import torch
        from transformers import Blip2ForConditionalGeneration, Blip2Processor

        self._device = device
        self._decoding = decoding
        self._batches = ShrinkingBatches(clips_per_pass)
        self._dtype = torch_dtype(dtype, device)
        self.resize = checkpoint_resize(folder)
        self.model = load_model(Blip2ForConditionalGeneration, folder, dtype=self._dtype, device=device)
        self.processor = load_processor(Blip2Processor, folder)
        expected = self.model.config.vision_config.image_size
        if self.resize.size != (expected, expected):
            raise PretrainedError(
                f"{folder}: its image processor makes pictures of {self.resize.size} pixels, but its vision model "
                f"reads {(expected, expected)}; the two are of different checkpoints"
            )
        tokens = self.processor.tokenizer(prompt)["input_ids"]
        self.prompt_ids = torch.tensor([tokens], dtype=torch.long, device=device)

    def caption(self, videos: Sequence[Video], keys: Sequence[str]) -> list[str]:
        """One text per video, stripped of white space at its ends; empty where the model said nothing.

        ``videos``: frames RGB uint8 [t, h, w, 3] as ``resize`` gives them, t the same for all. ``keys``: name each
        video, for the random streams of `Decoding`.
        """
        return self._batches.run(list(zip(videos, keys, strict=True)), self._caption_batch)

    def pixel_values(self, videos: Sequence[Video]) -> torch.Tensor:
        """Normalised frames, float32 [n, t, 3, h, w], by the checkpoint's image processor."""
        import torch

        frames = torch.from_numpy(np.concatenate(videos)).permute(0, 3, 1, 2).to(self._device)
        pixels = self.processor.image_processor(
            list(frames), do_resize=False, input_data_format="channels_first", return_tensors="pt"
        )["pixel_values"]
        values: torch.Tensor = pixels.unflatten(0, (len(videos), -1))
        return values

    def query_tokens(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """What the language model gets to see of each video, [n, queries, hidden].

        ``pixel_values``: [n, t, 3, h, w]. All frames go through the vision model as one batch.
        """
        import torch

        model = self.model
        videos, frames = pixel_values.shape[:2]
        pictures = pixel_values.flatten(0, 1).to(self._dtype)
        vision = model.vision_model(pixel_values=pictures, return_dict=True).last_hidden_state
        vision = vision.unflatten(0, (videos, frames)).flatten(1, 2)
        queries = model.qformer(
            query_embeds=model.query_tokens.expand(videos, -1, -1),
            encoder_hidden_states=vision,
            encoder_attention_mask=torch.ones(vision.shape[:2], dtype=torch.long, device=vision.device),
            return_dict=True,
        ).last_hidden_state
        projected: torch.Tensor = model.language_projection(queries.to(vision.dtype))
        return projected

    def language_inputs(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """What the language model continues, as embeddings [n, queries + prompt, hidden]: query tokens, then prompt."""
        import torch

        queries = self.query_tokens(pixel_values)
        prompt = self.model.get_input_embeddings()(self.prompt_ids).expand(len(queries), -1, -1)
        return torch.cat([queries.to(prompt.dtype), prompt], dim=1)

    def _caption_batch(self, batch: Sequence[tuple[Video, str]]) -> list[str]:
        import torch

        with torch.inference_mode():
            embeddings = self.language_inputs(self.pixel_values([video for video, _ in batch]))
            generated = self.model.language_model.generate(
                inputs_embeds=embeddings,
                attention_mask=torch.ones(embeddings.shape[:2], dtype=torch.long, device=embeddings.device),
                **self._decoding.arguments([key for _, key in batch], self._device),
            )
        texts = self.processor.tokenizer.batch_decode(generated, skip_special_tokens=True)
        return [text.strip() for text in texts]
