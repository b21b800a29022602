"""Chat through `ray.data.llm`: what comes before the engine; the engine itself only where vLLM is installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.causal_lm import CausalLM
from models.chat import ChatAnswer, ChatModelError, Message
from models.generation import Decoding
from models.vllm_chat import VllmChat, build_stages, start, through, vllm_problem
from tests.models.tiny_llm import create_tiny_llm

HAS_VLLM = importlib.util.find_spec("vllm") is not None


def asked(text: str) -> list[Message]:
    return [{"role": "user", "content": text}]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return create_tiny_llm(tmp_path_factory.mktemp("llm"))


@pytest.fixture
def ray_session() -> Iterator[None]:
    import ray

    ray.init(num_cpus=1, include_dashboard=False, ignore_reinit_error=True, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.mark.skipif(HAS_VLLM, reason="vLLM is installed")
def test_missing_vllm_is_told(folder: Path) -> None:
    assert vllm_problem() == "vLLM is not installed: pip install 'ray[llm]'"
    with pytest.raises(ChatModelError, match="vLLM is not installed"):
        VllmChat(folder, max_new_tokens=8)


@pytest.mark.slow
@pytest.mark.usefixtures("ray_session")
def test_the_processor_writes_prompts_as_the_other_engine_does(folder: Path) -> None:
    import asyncio

    template, engine = build_stages(folder, {"dtype": "float32"}, 4, {"enable_thinking": False})
    assert type(engine).__name__ == "vLLMEngineStage"
    assert engine.fn_constructor_kwargs["model"] == str(folder)
    assert engine.fn_constructor_kwargs["engine_kwargs"]["dtype"] == "float32"
    rows = [{"messages": asked(text), "sampling_params": {"max_tokens": 8}} for text in ("Leaves.", "cars pass")]
    filled = asyncio.run(through([start(template, 4)], rows))
    model = CausalLM(folder, decoding=Decoding(8), dtype="fp32", chat_template_kwargs={"enable_thinking": False})
    assert [row["prompt"] for row in filled] == [model._prompt(asked(text)).text for text in ("Leaves.", "cars pass")]


@pytest.mark.slow
@pytest.mark.skipif(not HAS_VLLM, reason="needs vLLM")
@pytest.mark.usefixtures("ray_session")
def test_vllm_answers_as_transformers_does(folder: Path, device: str) -> None:
    questions = [asked(text) for text in ("Leaves.", "cars pass", "A man rides a bicycle.")]
    model = CausalLM(folder, decoding=Decoding(24), device=device, dtype="fp32")
    engine = {"max_model_len": 256, "gpu_memory_utilization": 0.3, "enforce_eager": True}
    other = VllmChat(folder, max_new_tokens=24, dtype="fp32", engine_kwargs=engine)
    expected = [answer for answer in model.answer(questions) if isinstance(answer, ChatAnswer)]
    assert other.answer(questions) == expected
