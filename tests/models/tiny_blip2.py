"""BLIP-2 checkpoints of a few thousand weights, in the files that `save_pretrained` writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from tests.models.tiny_tokenizers import byte_level_bpe, livelier, unigram

OLD_DEFAULTS: dict[str, Any] = {
    "_name_or_path": "",
    "add_cross_attention": False,
    "bad_words_ids": None,
    "chunk_size_feed_forward": 0,
    "cross_attention_hidden_size": None,
    "diversity_penalty": 0.0,
    "do_sample": False,
    "early_stopping": False,
    "exponential_decay_length_penalty": None,
    "length_penalty": 1.0,
    "max_length": 20,
    "no_repeat_ngram_size": 0,
    "num_beams": 1,
    "prefix": None,
    "pruned_heads": {},
    "temperature": 1.0,
    "tf_legacy_loss": False,
    "top_k": 50,
    "top_p": 1.0,
    "torch_dtype": None,
    "torchscript": False,
    "transformers_version": "4.28.1",
    "typical_p": 1.0,
    "use_bfloat16": False,
}


def _old_token(content: str) -> dict[str, Any]:
    flags = {"lstrip": False, "normalized": True, "rstrip": False, "single_word": False}
    return {"__type": "AddedToken", "content": content, **flags}


OLD_OPT_TOKENIZER: dict[str, Any] = {
    "add_bos_token": True,
    "add_prefix_space": False,
    "bos_token": _old_token("</s>"),
    "eos_token": _old_token("</s>"),
    "errors": "replace",
    "model_max_length": 1000000000000000019884624838656,
    "pad_token": "<pad>",
    "tokenizer_class": "GPT2Tokenizer",
    "unk_token": _old_token("</s>"),
}
IMAGE_SIZE = 28
QUERIES = 4


def create_tiny_blip2(folder: Path, language_model: Literal["opt", "t5"], *, image_tokens: bool, seed: int = 3) -> Path:
    """Write model, tokenizer and processor into ``folder``.

    ``image_tokens``: as newer processors of BLIP-2 have them; without, in the layout of the published VideoBLIP
    checkpoints.
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
        _as_published(folder, language_model)
    return folder


def _as_published(folder: Path, language_model: str) -> None:
    """The layout of 2023: a configuration that spells out defaults, files per processor, "<image>" in none of them."""
    config = json.loads((folder / "config.json").read_text())
    for part in ("text_config", "vision_config", "qformer_config"):
        config[part] |= OLD_DEFAULTS
    config |= {
        "architectures": ["VideoBlipForConditionalGeneration"],
        "use_decoder_only_language_model": language_model == "opt",
        "torch_dtype": "float32",
        "transformers_version": None,
    }
    for key in ("image_token_index", "image_text_hidden_size", "dtype"):
        config.pop(key, None)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "generation_config.json").unlink()
    settings = json.loads((folder / "processor_config.json").read_text())["image_processor"]
    (folder / "processor_config.json").unlink()
    (folder / "preprocessor_config.json").write_text(json.dumps(settings | {"processor_class": "Blip2Processor"}))
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    if language_model == "opt":
        (folder / "vocab.json").write_text(json.dumps(tokenizer["model"]["vocab"]))
        merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in tokenizer["model"]["merges"]]
        (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
        (folder / "tokenizer_config.json").write_text(json.dumps(OLD_OPT_TOKENIZER))
        (folder / "tokenizer.json").unlink()
    else:
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
