"""The plain loop that a captioner is compared with: the model's own generation, clip by clip, on the same frames."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import torch

from curation.stage import ClipSample
from stages.caption_merge import PROMPT
from stages.captioning.prompt import PromptTemplate
from stages.videoblip import VideoBlipCaptions

# Tokens of an answer, at most.
NEW_TOKENS = 24


class PlainLoop(ABC):
    """``answer`` gives the number of tokens generated for one clip. Weights are in the arithmetic of the stage."""

    def __init__(self, parameters: dict[str, Any], device: str) -> None:
        self.device = device
        self.dtype = torch.bfloat16 if device == "cuda" else torch.float32
        self.load(parameters)

    @abstractmethod
    def load(self, parameters: dict[str, Any]) -> None:
        """Load the model that the stage's parameters name."""

    @abstractmethod
    def answer(self, clip: ClipSample) -> int:
        """Caption a clip."""


class CocaLoop(PlainLoop):
    """What OpenCLIP's `generate` does: the image is encoded once, and the whole text so far goes through the model for
    each token. (`generate` itself asks for a class that transformers 5 no longer has.)"""

    def load(self, parameters: dict[str, Any]) -> None:
        import open_clip
        from torchvision.transforms import Normalize

        name = parameters["model"]
        if name.endswith(".json"):
            open_clip.add_model_config(name)
            name = Path(name).stem
        self.model = open_clip.create_model(name, pretrained=parameters["pretrained"]).eval()
        self.model.to(self.device, self.dtype)
        self.normalize = Normalize(self.model.visual.image_mean, self.model.visual.image_std)

    @torch.inference_mode()
    def answer(self, clip: ClipSample) -> int:
        picture = torch.tensor(clip.pictures()[0]).permute(2, 0, 1)[None].to(self.device, self.dtype) / 255
        pixels = self.normalize(picture)
        latent, embedded = self.model._encode_image(pixels)
        seen = {"image_latent": latent, "image_embs": embedded, "output_labels": False}
        tokens = torch.tensor([[49406]], device=self.device)
        while tokens.shape[1] <= NEW_TOKENS:
            logits = self.model(pixels, tokens, **seen)["logits"][0, -1]
            logits[49407] = float("-inf")
            tokens = torch.cat([tokens, logits.argmax().view(1, 1)], dim=1)
        return tokens.shape[1] - 1


class VideoBlipLoop(PlainLoop):
    """transformers' parts of BLIP-2 on the frames of one clip, and its language model's `generate`."""

    def load(self, parameters: dict[str, Any]) -> None:
        from transformers import Blip2ForConditionalGeneration, Blip2Processor
        from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

        folder = parameters["model"]
        self.images: Any = BlipImageProcessorPil.from_pretrained(folder)
        self.tokenizer: Any = Blip2Processor.from_pretrained(folder).tokenizer
        self.model: Any = Blip2ForConditionalGeneration.from_pretrained(folder, dtype=self.dtype).to(self.device).eval()

    @torch.inference_mode()
    def answer(self, clip: ClipSample) -> int:
        model = self.model
        pixels = self.images(list(clip.pictures()), return_tensors="pt")["pixel_values"].to(self.device, self.dtype)
        prompt = self.tokenizer(VideoBlipCaptions.Config().prompt, return_tensors="pt")["input_ids"].to(self.device)
        seen = torch.cat([model.vision_model(frame[None]).last_hidden_state for frame in pixels], dim=1)
        queries = model.qformer(query_embeds=model.query_tokens, encoder_hidden_states=seen).last_hidden_state
        visual = model.language_projection(queries.to(self.dtype))
        inputs = torch.cat([visual, model.get_input_embeddings()(prompt)], dim=1)
        output = model.language_model.generate(inputs_embeds=inputs, do_sample=False, max_new_tokens=NEW_TOKENS)
        return int(output.shape[1])


class LanguageModelLoop(PlainLoop):
    """transformers' chat call, one question at a time."""

    def load(self, parameters: dict[str, Any]) -> None:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        folder = parameters["model"]
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        self.model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=self.dtype).to(self.device).eval()

    @torch.inference_mode()
    def answer(self, clip: ClipSample) -> int:
        captions = {name: str(clip.values[f"caption_{name}"]) for name in ("coca", "videoblip")}
        inputs = self.tokenizer.apply_chat_template(
            [{"role": "user", "content": PromptTemplate(PROMPT).fill(captions)}],
            add_generation_prompt=True,
            return_dict=True,
            return_tensors="pt",
        ).to(self.device)
        output = self.model.generate(**inputs, do_sample=False, max_new_tokens=NEW_TOKENS)
        return int(output.shape[1] - inputs["input_ids"].shape[1])
