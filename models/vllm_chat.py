"""Chat with a model that vLLM runs, through `ray.data.llm`."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

from models.chat import ChatAnswer, ChatError, ChatModelError, Conversation
from models.generation import Dtype

_DTYPES = {"auto": "auto", "fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
_FAILED = "__inference_error__"


def vllm_problem() -> str | None:
    """What is missing for `VllmChat`, with what to do; None when all is there. Imports nothing heavy."""
    if importlib.util.find_spec("vllm") is None:
        return "vLLM is not installed: pip install 'ray[llm]'"
    return None


class VllmChat:
    """The stages of a `ray.data.llm` processor, run in this process: chat template, then the vLLM engine.

    A processor maps a whole Ray dataset, and each call of it starts its actors, and loads the model, anew. Whoever has
    an actor already, and gets batches in it, wants what the processor's actors do without the actors: so the processor
    is built by `build_processor` as usual, and the callables that it would hand to ``map_batches`` are called here.
    The engine batches continuously; give it large batches.
    """

    def __init__(
        self,
        path: Path,
        *,
        max_new_tokens: int,
        temperature: float = 0.0,
        seed: int = 0,
        dtype: Dtype = "auto",
        conversations_per_pass: int = 64,
        chat_template_kwargs: Mapping[str, Any] | None = None,
        engine_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        """Load the model. ``path``: a model folder. ``engine_kwargs``: as those of `vLLMEngineProcessorConfig`.

        Raises:
            ChatModelError: vLLM is not installed or cannot run the model.
        """
        problem = vllm_problem()
        if problem is not None:
            raise ChatModelError(problem)
        self._sampling = {"max_tokens": max_new_tokens, "temperature": temperature, "seed": seed}
        self._loop = asyncio.new_event_loop()
        try:
            self._stages = self._run(
                _started(
                    path,
                    {"dtype": _DTYPES[dtype], "seed": seed, **(engine_kwargs or {})},
                    conversations_per_pass,
                    dict(chat_template_kwargs or {}),
                )
            )
        except Exception as error:
            raise ChatModelError(f"vLLM cannot run {path}: {' '.join(str(error).split())}") from error

    def answer(self, conversations: Sequence[Conversation]) -> list[ChatAnswer | ChatError]:
        """One answer per conversation, in order; a `ChatError` for one that the engine rejects."""
        rows = [
            {"messages": [dict(turn) for turn in conversation], "sampling_params": dict(self._sampling)}
            for conversation in conversations
        ]
        return [self._read(row) for row in self._run(through(self._stages, rows))]

    def _read(self, row: Mapping[str, Any]) -> ChatAnswer | ChatError:
        if row.get(_FAILED):
            return ChatError(" ".join(str(row[_FAILED]).split()))
        # The row does not say why generation ended; an end token that fell on the last place is taken for a cut.
        return ChatAnswer(row["generated_text"], finished=row["num_generated_tokens"] < self._sampling["max_tokens"])

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """The engine lives in one event loop from start to end."""
        return self._loop.run_until_complete(work)


def build_stages(
    path: Path, engine_kwargs: Mapping[str, Any], batch_size: int, chat_template_kwargs: Mapping[str, Any]
) -> list[Any]:
    """The stages of the processor, described but not started: class and arguments."""
    from ray.data.llm import build_processor, vLLMEngineProcessorConfig

    config = vLLMEngineProcessorConfig(
        model_source=str(path),
        engine_kwargs=dict(engine_kwargs),
        batch_size=batch_size,
        concurrency=1,
        chat_template_stage=True,
        tokenize_stage=False,  # the engine does both
        detokenize_stage=False,
        should_continue_on_error=True,
        log_engine_metrics=False,
    )
    processor = build_processor(config, builder_kwargs={"chat_template_kwargs": dict(chat_template_kwargs)})
    return [processor.get_stage_by_name(name) for name in processor.list_stage_names()]


async def _started(
    path: Path, engine_kwargs: Mapping[str, Any], batch_size: int, chat_template_kwargs: Mapping[str, Any]
) -> list[Any]:
    return [start(stage, batch_size) for stage in build_stages(path, engine_kwargs, batch_size, chat_template_kwargs)]


def start(stage: Any, batch_size: int) -> Any:
    """The callable that `map_batches` would have in its actor."""
    from ray.data.llm import Processor

    arguments = stage.get_dataset_map_batches_kwargs(batch_size, Processor.DATA_COLUMN)["fn_constructor_kwargs"]
    return stage.fn(**arguments)


async def through(stages: Sequence[Any], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows after one callable after the other."""
    from ray.data.llm import Processor

    batch: dict[str, Any] = {Processor.DATA_COLUMN: rows}
    for stage in stages:
        async for done in stage(batch):
            batch = done
    result: list[dict[str, Any]] = batch[Processor.DATA_COLUMN]
    return result
