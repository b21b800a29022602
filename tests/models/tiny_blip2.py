"""BLIP-2 checkpoints of a few thousand weights, in the files that `save_pretrained` writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from tests.models.tiny_tokenizers import byte_level_bpe, livelier, unigram

IMAGE_SIZE = 28
QUERIES = 4


def create_tiny_blip2(folder: Path, language_model: Literal["opt", "t5"], *, image_tokens: bool, seed: int = 0) -> Path:
    """Write model, tokenizer and processor into ``folder``.

    ``image_tokens``: as newer processors of BLIP-2 have them; without, as in the published VideoBLIP checkpoints.
    """
    import torch
    from transformers import (
        Blip2Config,
        Blip2ForConditionalGeneration,
        Blip2Processor,
        Blip2QFormerConfig,
        Blip2VisionConfig,
        BlipImageProcessor,
    )

    tokenizer = _opt_tokenizer() if language_model == "opt" else _t5_tokenizer()
    plain_size = len(tokenizer)
    processor = Blip2Processor(
        BlipImageProcessor(size={"height": IMAGE_SIZE, "width": IMAGE_SIZE}),
        tokenizer,
        num_query_tokens=QUERIES if image_tokens else None,
    )
    config = Blip2Config(
        vision_config=Blip2VisionConfig(
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=2,
            image_size=IMAGE_SIZE,
            patch_size=14,
        ).to_dict(),
        qformer_config=Blip2QFormerConfig(
            vocab_size=8, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48
        ).to_dict(),
        text_config=_text_config(language_model, len(tokenizer) if image_tokens else plain_size),
        num_query_tokens=QUERIES,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>") if image_tokens else None,
    )
    torch.manual_seed(seed)
    model = Blip2ForConditionalGeneration(config)
    livelier(model, seed=seed)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    if not image_tokens:
        _as_published_before_image_tokens(folder)
    return folder


def _as_published_before_image_tokens(folder: Path) -> None:
    """The image processor in a file of its own, and "<image>" in no file."""
    settings = json.loads((folder / "processor_config.json").read_text())
    (folder / "preprocessor_config.json").write_text(json.dumps(settings["image_processor"]))
    (folder / "processor_config.json").unlink()
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["added_tokens"] = [token for token in tokenizer["added_tokens"] if token["content"] != "<image>"]
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))


def _opt_tokenizer() -> Any:
    from transformers import GPT2Tokenizer

    vocab, merges = byte_level_bpe(["<s>", "<pad>", "</s>"])
    return GPT2Tokenizer(
        vocab=vocab,
        merges=merges,
        bos_token="</s>",
        eos_token="</s>",
        unk_token="</s>",
        pad_token="<pad>",
        add_bos_token=True,
    )


def _t5_tokenizer() -> Any:
    from transformers import T5Tokenizer

    return T5Tokenizer(vocab=unigram(), extra_ids=0)


def _text_config(language_model: str, vocab_size: int) -> dict[str, Any]:
    from transformers import OPTConfig, T5Config

    if language_model == "opt":
        config: Any = OPTConfig(
            vocab_size=vocab_size,
            hidden_size=32,
            ffn_dim=48,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=128,
            word_embed_proj_dim=32,
            pad_token_id=1,
            bos_token_id=2,
            eos_token_id=2,
        )
    else:
        config = T5Config(
            vocab_size=vocab_size,
            d_model=32,
            d_kv=16,
            d_ff=48,
            num_layers=2,
            num_heads=2,
            pad_token_id=0,
            eos_token_id=1,
            decoder_start_token_id=0,
        )
    return config.to_dict()
