"""The chat model that a configuration asks for, and what it needs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation.errors import UserError
from curation.stage import Requirement
from models.generation import Decoding
from models.hub import HubModel
from stages.captioning.chat_config import ChatConfig
from stages.weights import hub_folder, hub_requirement

if TYPE_CHECKING:
    from models.chat import ChatModel


def chat_requirements(stage: str, config: ChatConfig) -> Iterator[Requirement]:
    """Weights, vLLM, or the API key. The server is not asked: workers may reach it where this machine does not."""
    if config.engine == "openai":
        yield _key_requirement(stage, config.api_key_env)
        return
    if config.engine == "vllm":
        from models.vllm_chat import vllm_problem

        problem = vllm_problem()
        yield Requirement("vLLM", problem and f"{problem}, or take --set {stage}.engine=transformers")
    yield hub_requirement(stage, _hub_model(config), download=config.download)


def load_chat_model(stage: str, config: ChatConfig, device: str) -> ChatModel:
    """Load the model, or reach its server.

    Raises:
        UserError: it cannot be had or used.
    """
    from models.chat import ChatModelError

    try:
        if config.engine == "openai":
            return _openai(config)
        folder = hub_folder(stage, _hub_model(config), download=config.download)
        return _vllm(config, folder) if config.engine == "vllm" else _transformers(config, folder, device)
    except ChatModelError as error:
        raise UserError(f"{stage}: {error}") from error


def _transformers(config: ChatConfig, path: Path, device: str) -> ChatModel:
    from models.causal_lm import CausalLM

    return CausalLM(
        path,
        decoding=Decoding(config.max_new_tokens, temperature=config.temperature, seed=config.seed),
        device=device,
        dtype=config.dtype,
        conversations_per_pass=config.clips_per_pass,
        chat_template_kwargs=config.chat_template_kwargs,
    )


def _vllm(config: ChatConfig, path: Path) -> ChatModel:
    from models.vllm_chat import VllmChat

    return VllmChat(
        path,
        max_new_tokens=config.max_new_tokens,
        temperature=config.temperature,
        seed=config.seed,
        dtype=config.dtype,
        conversations_per_pass=config.clips_per_pass,
        chat_template_kwargs=config.chat_template_kwargs,
        engine_kwargs=config.engine_kwargs,
    )


def _openai(config: ChatConfig) -> ChatModel:
    from models.openai_chat import OpenAIChat, ServerLimits

    usual: dict[str, Any] = {
        "max_tokens": config.max_new_tokens,
        "temperature": config.temperature,
        "seed": config.seed,
    }
    fields = usual | config.request
    chat = OpenAIChat(
        config.base_url,
        config.model,
        key_variable=config.api_key_env,
        parameters={name: value for name, value in fields.items() if value is not None},
        limits=ServerLimits(config.concurrent_requests, config.requests_per_minute, config.timeout_s, config.retries),
    )
    chat.check()
    return chat


def _hub_model(config: ChatConfig) -> HubModel:
    return HubModel(config.model, config.revision, config.cache_dir, config.file)


def _key_requirement(stage: str, variable: str | None) -> Requirement:
    if variable is None or os.environ.get(variable, "").strip():
        return Requirement("API key")
    return Requirement(
        "API key",
        f"the environment variable {variable} holds no API key; set it here and on the workers, name another with "
        f"--set {stage}.api_key_env=NAME, or take =null where the server asks for none",
    )
