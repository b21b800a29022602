"""Captions of a clip file by the models' own libraries: one clip, nothing batched, none of the product's models."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image

from curation.video.clip_frames import decode_clip
from curation.video.sampling import FrameRequest
from tests.models.tiny_coca import TinyCoca


def coca_caption(clip: Path, tiny: TinyCoca, seq_len: int) -> str:
    """The greedy text of ``seq_len`` tokens for the full middle frame, token by token from ``CoCa.forward``."""
    import open_clip
    import torch

    model, preprocess = _coca(tiny.name, tiny.checkpoint)
    frame = decode_clip(clip, {"full": FrameRequest("middle")})["full"][0]
    pixels = preprocess(Image.fromarray(frame))[None]
    tokens = torch.tensor([[49406]])
    with torch.inference_mode():
        while tokens.shape[1] < seq_len - 1:
            logits = model(pixels, tokens, output_labels=False)["logits"][0, -1]
            logits[49407] = float("-inf")
            tokens = torch.cat([tokens, logits.argmax().view(1, 1)], dim=1)
    return " ".join(open_clip.decode(tokens[0, 1:]).split())


@cache
def _coca(name: str, checkpoint: Path) -> tuple[Any, Any]:
    import open_clip

    model, preprocess = open_clip.create_model_from_pretrained(name, pretrained=str(checkpoint))
    return model.eval(), preprocess


def videoblip_caption(clip: Path, checkpoint: Path, *, num_frames: int, max_new_tokens: int, prompt: str) -> str:
    """BLIP-2's parts called one by one on the full frames."""
    import torch
    from transformers import Blip2ForConditionalGeneration, Blip2Processor
    from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

    full = decode_clip(clip, {"full": FrameRequest("uniform", count=num_frames)})["full"]
    processor = Blip2Processor.from_pretrained(checkpoint)
    model = Blip2ForConditionalGeneration.from_pretrained(checkpoint).eval()
    pixels = BlipImageProcessorPil.from_pretrained(checkpoint)(list(full), return_tensors="pt")["pixel_values"]
    question = processor.tokenizer(prompt, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        seen = torch.cat([model.vision_model(frame[None]).last_hidden_state for frame in pixels], dim=1)
        queries = model.qformer(query_embeds=model.query_tokens, encoder_hidden_states=seen).last_hidden_state
        inputs = torch.cat([model.language_projection(queries), model.get_input_embeddings()(question)], dim=1)
        generated = model.language_model.generate(inputs_embeds=inputs, max_new_tokens=max_new_tokens, do_sample=False)
    return str(processor.tokenizer.decode(generated[0], skip_special_tokens=True).strip())


def vlm_caption(
    clip: Path, checkpoint: Path, *, num_frames: int, long_side: int, max_new_tokens: int, prompt: str
) -> str:
    """transformers' chat call with the frames as one video."""
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor

    frames = decode_clip(clip, {"few": FrameRequest("uniform", count=num_frames, long_side=long_side)})["few"]
    processor = AutoProcessor.from_pretrained(checkpoint)
    model = AutoModelForImageTextToText.from_pretrained(checkpoint).eval()
    video = torch.tensor(frames).permute(0, 3, 1, 2)
    content = [{"type": "video", "video": video}, {"type": "text", "text": prompt}]
    inputs = processor.apply_chat_template(
        [{"role": "user", "content": content}],
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
        processor_kwargs={"do_sample_frames": False},
    )
    generated = model.generate(**inputs, max_new_tokens=max_new_tokens, do_sample=False)
    return str(processor.decode(generated[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True).strip())


def chat_answer(folder: Path, question: str, *, max_new_tokens: int, device: str = "cpu") -> tuple[str, bool]:
    """The answer of transformers to one question, and whether it came to its end."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).to(device)
    inputs = tokenizer.apply_chat_template(
        [{"role": "user", "content": question}], add_generation_prompt=True, return_dict=True, return_tensors="pt"
    ).to(device)
    with torch.inference_mode():
        output = model.generate(**inputs, max_new_tokens=max_new_tokens, do_sample=False)
    tokens = output[0, inputs["input_ids"].shape[1] :].tolist()
    return tokenizer.decode(tokens, skip_special_tokens=True), tokenizer.eos_token_id in tokens
