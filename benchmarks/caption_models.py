"""Checkpoints with random weights for the benchmark of captioners: tiny ones, and such of the real models' sizes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from tests.models.tiny_blip2 import create_tiny_blip2
from tests.models.tiny_coca import create_tiny_coca
from tests.models.tiny_llm import create_tiny_llm

Size = Literal["tiny", "real"]


def coca(folder: Path, size: Size) -> dict[str, Any]:
    """Parameters of the stage `coca` for a CoCa of the size of coca_ViT-L-14 (or a tiny one)."""
    if size == "tiny":
        model = create_tiny_coca(folder)
        return {"model": str(model.config), "pretrained": str(model.checkpoint)}
    import open_clip
    import torch

    checkpoint = folder / "coca.pt"
    torch.save(open_clip.create_model("coca_ViT-L-14").state_dict(), checkpoint)
    return {"model": "coca_ViT-L-14", "pretrained": str(checkpoint)}


def videoblip(folder: Path, size: Size) -> dict[str, Any]:
    """Parameters of the stage `videoblip` for a BLIP-2 with ViT-g and OPT-2.7B (or a tiny one)."""
    create_tiny_blip2(folder, "opt", image_tokens=False)
    if size == "real":
        import torch
        from transformers import (
            Blip2Config,
            Blip2ForConditionalGeneration,
            Blip2Processor,
            Blip2QFormerConfig,
            Blip2VisionConfig,
            OPTConfig,
        )

        processor = Blip2Processor.from_pretrained(folder)
        side = Blip2VisionConfig().image_size
        processor.image_processor.size = {"height": side, "width": side}
        processor.save_pretrained(folder)
        words = OPTConfig(
            vocab_size=len(processor.tokenizer),
            hidden_size=2560,
            word_embed_proj_dim=2560,
            ffn_dim=10240,
            num_hidden_layers=32,
            num_attention_heads=32,
        )
        config = Blip2Config(
            vision_config=Blip2VisionConfig().to_dict(),
            qformer_config=Blip2QFormerConfig().to_dict(),
            text_config=words.to_dict(),
        )
        Blip2ForConditionalGeneration(config).to(torch.bfloat16).save_pretrained(folder)
    return {"model": str(folder)}


def language_model(folder: Path, size: Size) -> dict[str, Any]:
    """Parameters of the stage `caption_merge` for a LLaMA of 1.7 billion weights (or a tiny one)."""
    create_tiny_llm(folder, end_weight=0.0)
    if size == "real":
        import torch
        from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

        tokenizer = AutoTokenizer.from_pretrained(folder)
        config = LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=2048,
            intermediate_size=8192,
            num_hidden_layers=24,
            num_attention_heads=32,
            num_key_value_heads=32,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
        LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    return {"model": str(folder), "max_words": 10_000}
