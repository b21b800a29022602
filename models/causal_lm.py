"""Chat with a causal language model on this machine, through transformers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.batching import ShrinkingBatches
from models.chat import ChatAnswer, ChatError, ChatModelError, Conversation
from models.generation import Decoding, Dtype, torch_dtype
from models.pretrained import PretrainedError, require_all_weights


@dataclass(frozen=True)
class _Prompt:
    """A conversation as text in the model's own format, and its tokens."""

    text: str
    tokens: list[int]


class CausalLM:
    """A model of `AutoModelForCausalLM` and its chat template.

    Conversations are padded on the left and batched longest first; an answer depends on its own conversation only.
    Tokens that steer the model ("<|im_end|>" and the like) are taken out of what it is asked: captions and text that
    was read off a picture must not be able to end a turn.
    """

    def __init__(
        self,
        path: Path,
        *,
        decoding: Decoding,
        device: str = "cpu",
        dtype: Dtype = "auto",
        conversations_per_pass: int = 16,
        chat_template_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        """Load model and tokenizer.

        ``path``: a folder that `save_pretrained` wrote, or a GGUF file, which holds the tokenizer too.
        ``chat_template_kwargs``: handed to the chat template, as ``enable_thinking``.

        Raises:
            ChatModelError: it cannot be loaded, or has no chat template.
        """
        from transformers import AutoModelForCausalLM, AutoTokenizer

        place: dict[str, Any] = {
            "pretrained_model_name_or_path": path,
            "local_files_only": True,
            "trust_remote_code": False,
        }
        if path.is_file():
            place |= {"pretrained_model_name_or_path": path.parent, "gguf_file": path.name}
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(**place, padding_side="left")
            loader: Any = AutoModelForCausalLM
            model, report = loader.from_pretrained(
                **place, dtype=torch_dtype(dtype, device), weights_only=True, output_loading_info=True
            )
        except Exception as error:
            raise ChatModelError(f"{path} cannot be loaded as a causal language model: {_one_line(error)}") from error
        try:
            require_all_weights(model, report, path)
        except PretrainedError as error:
            raise ChatModelError(str(error)) from error
        if not self._tokenizer.chat_template:
            raise ChatModelError(f"{path} has no chat template; take a model that was tuned to follow instructions")
        self._model: Any = model.to(device).eval()
        self._device = device
        self._decoding = decoding
        self._batches = ShrinkingBatches(conversations_per_pass)
        self._chat_template_kwargs = dict(chat_template_kwargs or {})
        self._ends = _end_tokens(self._model, self._tokenizer)
        self._padding = self._tokenizer.pad_token_id
        if self._padding is None:
            self._padding = min(self._ends)
        self._longest = getattr(self._model.config, "max_position_embeddings", None)
        self._steering = sorted(set(self._tokenizer.all_special_tokens), key=len, reverse=True)

    def answer(self, conversations: Sequence[Conversation]) -> list[ChatAnswer | ChatError]:
        """One answer per conversation, in order; a `ChatError` for one that the model's context cannot hold."""
        prompts = [self._prompt(conversation) for conversation in conversations]
        answers: list[ChatAnswer | ChatError] = [self._too_long(prompt) for prompt in prompts]
        fitting = [number for number, prompt in enumerate(prompts) if self._fits(prompt)]
        done = self._batches.run(
            [prompts[number] for number in fitting], self._generate, length=lambda prompt: len(prompt.tokens)
        )
        for number, answer in zip(fitting, done, strict=True):
            answers[number] = answer
        return answers

    def _prompt(self, conversation: Conversation) -> _Prompt:
        plain = [{"role": turn["role"], "content": self._without_steering(turn["content"])} for turn in conversation]
        text = self._tokenizer.apply_chat_template(
            plain, tokenize=False, add_generation_prompt=True, **self._chat_template_kwargs
        )
        return _Prompt(text, self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def _without_steering(self, text: str) -> str:
        before = None
        while before != text:
            before = text
            for token in self._steering:
                text = text.replace(token, "")
        return text

    def _fits(self, prompt: _Prompt) -> bool:
        return self._longest is None or len(prompt.tokens) + self._decoding.max_new_tokens <= self._longest

    def _too_long(self, prompt: _Prompt) -> ChatError:
        return ChatError(
            f"{len(prompt.tokens)} tokens are asked and up to {self._decoding.max_new_tokens} answered, "
            f"but the model's context holds {self._longest}"
        )

    def _generate(self, prompts: Sequence[_Prompt]) -> list[ChatAnswer]:
        import torch

        width = max(len(prompt.tokens) for prompt in prompts)
        padded = [[self._padding] * (width - len(prompt.tokens)) + prompt.tokens for prompt in prompts]
        seen = [[0] * (width - len(prompt.tokens)) + [1] * len(prompt.tokens) for prompt in prompts]
        with torch.inference_mode():
            output = self._model.generate(
                input_ids=torch.tensor(padded, device=self._device),
                attention_mask=torch.tensor(seen, device=self._device),
                eos_token_id=self._ends,
                pad_token_id=self._padding,
                **self._decoding.arguments([prompt.text for prompt in prompts], self._device),
            )
        return [self._read(tokens) for tokens in output[:, width:].tolist()]

    def _read(self, tokens: list[int]) -> ChatAnswer:
        end = next((place for place, token in enumerate(tokens) if token in self._ends), None)
        text = self._tokenizer.decode(tokens[:end], skip_special_tokens=True)
        return ChatAnswer(text, finished=end is not None)


def _end_tokens(model: Any, tokenizer: Any) -> list[int]:
    """The tokens that end an answer: those of the checkpoint's generation settings, and that of its tokenizer."""
    configured = model.generation_config.eos_token_id
    found = configured if isinstance(configured, list) else [configured]
    ends = sorted({token for token in (*found, tokenizer.eos_token_id) if token is not None})
    if not ends:
        raise ChatModelError("the model has no end-of-text token: neither its generation settings nor its tokenizer")
    return ends


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
