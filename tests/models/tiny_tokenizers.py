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


def unigram(size: int = 100) -> list[tuple[str, float]]:
    """Pieces and log probabilities of a unigram model (T5), after its three special tokens."""
    import json

    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    specials = ["<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(vocab_size=size, special_tokens=specials, unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return [(piece, score) for piece, score in json.loads(tokenizer.to_str())["model"]["vocab"]]


def livelier(model: Any, *, seed: int, scale: float = 3.0) -> None:
    """Changes random weights in place so that a text depends on what the model sees."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(scale).add_(0.1 * torch.randn(parameter.shape, generator=generator))
