"""Tokenizers of a few hundred tokens of the kinds that published checkpoints have, trained on a few sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

SENTENCES = (
    "Question: What is happening in the video? Answer: a man rides a bicycle along a busy street.",
    "Describe the video. A red bus passes, people walk past, and cars wait at the lights.",
    "You are a helpful assistant. user assistant system Frame1: Frame2: Frame3: Frame4: seconds",
)


def byte_level_bpe(specials: Sequence[str], size: int = 400) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Vocabulary and merges of a byte-level BPE (GPT-2, OPT, Qwen); ``specials`` get the first numbers."""
    import json

    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=list(specials), initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return model["vocab"], [tuple(merge) for merge in model["merges"]]


def unigram() -> list[tuple[str, float]]:
    """Pieces and scores of a unigram model (T5): its special tokens, the words of the sentences, single characters.

    Not trained: the trainer's result is not the same every time.
    """
    words = dict.fromkeys(f"▁{word}" for sentence in SENTENCES for word in sentence.split())
    characters = sorted({character for sentence in SENTENCES for character in sentence} - {" "})
    specials = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    return [*specials, *((word, -2.0) for word in words), ("▁", -6.0), *((one, -6.0) for one in characters)]


def livelier(model: Any, *, seed: int, scale: float = 3.0) -> None:
    """Changes random weights in place so that a text depends on what the model sees."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(scale).add_(0.1 * torch.randn(parameter.shape, generator=generator))
