"""Parameters of a stage that asks a language model: which one, who runs it, how it decodes."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from curation.stage import StageConfig
from models.generation import Dtype

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_RESERVED = frozenset({"model", "messages", "stream", "n"})


class ChatConfig(StageConfig):
    """The model and its engine.

    The API key itself is no parameter: parameters are stored with the dataset.
    """

    without_effect: ClassVar[frozenset[str]] = frozenset(
        {
            "clips_per_pass",
            "download",
            "cache_dir",
            "base_url",
            "api_key_env",
            "concurrent_requests",
            "requests_per_minute",
            "timeout_s",
            "retries",
        }
    )

    engine: Literal["transformers", "vllm", "openai"] = Field("transformers", description="who runs the model")
    model: str = Field(
        "HuggingFaceTB/SmolLM2-1.7B-Instruct",
        description='"org/name" on the hub, a folder, a .gguf file; with engine openai the name that the server knows',
    )
    revision: str | None = Field(None, description="branch, tag or commit on the hub")
    file: str | None = Field(None, description="one file of the repository: a .gguf")
    dtype: Dtype = Field("auto", description="arithmetic; auto: bf16 on a GPU, fp32 on a CPU")
    max_new_tokens: int = Field(160, ge=1, description="longest answer, tokens")
    temperature: float = Field(0.0, ge=0, le=2, description="0: the likeliest token; above: tokens are drawn")
    seed: int = Field(0, ge=0, lt=2**31, description="of drawn tokens")
    chat_template_kwargs: dict[str, Any] = Field(
        default_factory=dict, description="for the chat template, as {enable_thinking: false}; transformers and vllm"
    )
    clips_per_pass: int = Field(16, ge=1, description="prompts that the model sees at once; transformers and vllm")
    download: bool = Field(False, description="fetch weights that are not on this machine")
    cache_dir: str | None = Field(None, description="where fetched weights are kept; null: the hub's usual cache")
    engine_kwargs: dict[str, Any] = Field(
        default_factory=dict, description="for vLLM's engine, as {max_model_len: 4096, gpu_memory_utilization: 0.4}"
    )
    base_url: str = Field("https://api.openai.com/v1", description="of the OpenAI-compatible server")
    api_key_env: str | None = Field(
        "OPENAI_API_KEY", description="environment variable with the API key; null: the server asks for none"
    )
    concurrent_requests: int = Field(8, ge=1, le=1024, description="of one actor")
    requests_per_minute: float | None = Field(None, gt=0, description="of one actor; null: no limit")
    timeout_s: float = Field(60.0, gt=0, description="seconds for one request")
    retries: int = Field(5, ge=0, le=50, description="further attempts on 429, 5xx, timeouts, broken connections")
    request: dict[str, Any] = Field(
        default_factory=dict,
        description="more fields of each request; one that is null is left out, as {max_tokens: null}",
    )

    @field_validator("api_key_env", mode="before")
    @classmethod
    def _is_a_variable(cls, value: Any) -> Any:
        if isinstance(value, str) and not _VARIABLE.fullmatch(value):
            raise ValueError("is the name of an environment variable, not the key itself")
        return value

    @field_validator("base_url")
    @classmethod
    def _is_a_plain_url(cls, value: str) -> str:
        from urllib.parse import urlsplit

        try:
            parts = urlsplit(value)
            host = parts.hostname
        except ValueError:
            host = None
        if host is None or parts.scheme not in ("http", "https"):
            raise ValueError("should be a URL like https://api.openai.com/v1")
        if "@" in parts.netloc or parts.query or parts.fragment:
            raise ValueError("should hold no password and no query: a key goes into the variable of api_key_env")
        return value

    @field_validator("request")
    @classmethod
    def _reserved(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name in sorted(_RESERVED & value.keys()):
            raise ValueError(f"{name} is set by the stage")
        return value

    @model_validator(mode="after")
    def _fits_the_engine(self) -> ChatConfig:
        if self.engine == "vllm" and (self.file or self.model.endswith(".gguf")):
            raise ValueError("the engine vllm takes a model folder; use engine transformers for a .gguf file")
        return self
