"""`caption_merge`: one caption out of several, written by a language model."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal, cast

import pyarrow as pa
from pydantic import Field, ValidationInfo, field_validator

from curation.errors import ItemError
from curation.stage import Annotator, ClipSample, Requirement
from models.chat import ChatAnswer, ChatError, Message
from stages.captioning.answers import judge
from stages.captioning.chat_config import ChatConfig
from stages.captioning.chat_engine import chat_requirements, load_chat_model
from stages.captioning.fallback import FallbackRule, fallback_caption
from stages.captioning.prompt import PromptTemplate

Input = Literal["coca", "videoblip", "vlm", "text"]

COLUMNS: Mapping[str, str] = {
    "coca": "caption_coca",
    "videoblip": "caption_videoblip",
    "vlm": "caption_vlm",
    "text": "text",
}
PROMPT = """\
Merge these captions of one video clip into a single caption.
What one frame shows: {coca}
What happens: {videoblip}
What it is about: {vlm}
What can be read in it: {text}
Write one or two plain sentences that hold everything the captions say, and nothing else. Do not mention the captions. \
Answer with the new caption only."""

log = logging.getLogger(__name__)


class CaptionMerge(Annotator):
    """Merges the captions of a clip into ``caption_llm``, as Stable Video Diffusion did (arXiv 2311.15127, §3.1).

    ``caption_llm_source``: "llm"; "single": the clip has one caption only, taken as it is; or "fallback:refusal",
    "fallback:empty", "fallback:run_on": the model's answer was none that can be used, and ``fallback`` said what stands
    in its place. A clip without a caption, or one that the model's engine fails on, is an error.
    """

    class Config(ChatConfig):
        """Parameters of `caption_merge`."""

        inputs: tuple[Input, ...] = Field(
            ("coca", "videoblip"), min_length=1, description="captions to merge; text: what was read in the picture"
        )
        prompt: str | None = Field(
            None, description="what the model is asked, a field in braces for each input; null: the usual one"
        )
        system: str | None = Field(None, description="a system message before it")
        fallback: FallbackRule = Field(
            "longest", description="what stands in for an answer that cannot be used; none: a null"
        )
        max_words: int = Field(100, ge=1, description="a longer answer is a run-on")

        @field_validator("inputs")
        @classmethod
        def _enough(cls, inputs: tuple[Input, ...]) -> tuple[Input, ...]:
            if len(set(inputs)) < len(inputs):
                raise ValueError("names an input twice")
            if set(inputs) == {"text"}:
                raise ValueError("should hold a caption; text is what was read in the picture")
            return inputs

        @field_validator("prompt")
        @classmethod
        def _fields(cls, prompt: str | None, info: ValidationInfo) -> str | None:
            if prompt is not None:
                PromptTemplate(prompt).check(COLUMNS, info.data.get("inputs", COLUMNS))
            return prompt

        @field_validator("fallback")
        @classmethod
        def _is_there(cls, fallback: FallbackRule, info: ValidationInfo) -> FallbackRule:
            if fallback in COLUMNS and fallback not in info.data.get("inputs", COLUMNS):
                raise ValueError(f"{fallback} is not among the inputs")
            return fallback

    name = "caption_merge"
    writes: ClassVar[Mapping[str, pa.DataType]] = {"caption_llm": pa.string(), "caption_llm_source": pa.string()}

    def inputs(self) -> tuple[str, ...]:
        """The columns of the captions that are merged."""
        return tuple(COLUMNS[name] for name in self._config.inputs)

    def gains_from_gpu(self) -> bool:
        """Where the model runs in this process."""
        return self._config.engine == "transformers"

    def requirements(self) -> Iterator[Requirement]:
        """Weights, vLLM, or the API key, as the engine needs."""
        return chat_requirements(self.name, self._config)

    def setup(self) -> None:
        """Load the model, or reach its server.

        Raises:
            UserError: it cannot be had or used.
        """
        if self._config.engine == "transformers":
            import torch

            torch.set_num_threads(max(1, int(self.num_cpus)))
        self._model = load_chat_model(self.name, self._config, self.device)
        self._template = PromptTemplate(self._config.prompt or PROMPT)

    def annotate(self, clips: Sequence[ClipSample]) -> list[dict[str, Any] | ItemError]:
        """``caption_llm`` and ``caption_llm_source`` of each clip; the model gets all prompts together. An error where
        a clip has no caption, or got no answer."""
        answers = self._ask([clip for clip in clips if self._needs_merging(clip)])
        results = [self._result(clip, answers.get(clip.clip_id)) for clip in clips]
        sources = [str(result["caption_llm_source"]) for result in results if not isinstance(result, ItemError)]
        unused = Counter(source for source in sources if source not in ("llm", "single"))
        if unused:
            told = ", ".join(f"{number} {source}" for source, number in sorted(unused.items()))
            log.info("caption_merge: of %d clips: %s", len(clips), told)
        return results

    @property
    def _config(self) -> Config:
        return cast(CaptionMerge.Config, self.config)

    def _ask(self, clips: Sequence[ClipSample]) -> dict[str, ChatAnswer | ChatError]:
        answers = self._model.answer([self._conversation(clip) for clip in clips]) if clips else []
        return {clip.clip_id: answer for clip, answer in zip(clips, answers, strict=True)}

    def _conversation(self, clip: ClipSample) -> list[Message]:
        values: dict[str, str | None] = {name: _text(clip, name) for name in self._config.inputs}
        prompt: Message = {"role": "user", "content": self._template.fill(values)}
        system = self._config.system
        return [prompt] if system is None else [{"role": "system", "content": system}, prompt]

    def _needs_merging(self, clip: ClipSample) -> bool:
        captions = _captions(clip, self._config.inputs)
        return len(captions) > 1 or (len(captions) == 1 and "text" in self._config.inputs and bool(_text(clip, "text")))

    def _result(self, clip: ClipSample, answer: ChatAnswer | ChatError | None) -> dict[str, Any] | ItemError:
        captions = _captions(clip, self._config.inputs)
        if isinstance(answer, ChatError):
            return ItemError(str(answer))
        if answer is None:
            if not captions:
                return ItemError(f"no caption to merge: {' and '.join(self.inputs())} are null or empty")
            return _row(next(iter(captions.values())), "single")
        verdict = judge(answer.text, finished=answer.finished, refused=answer.refused, max_words=self._config.max_words)
        if verdict.fault is None:
            return _row(verdict.caption, "llm")
        return _row(fallback_caption(self._config.fallback, captions), f"fallback:{verdict.fault}")


def _captions(clip: ClipSample, inputs: Sequence[Input]) -> dict[str, str]:
    """The captions that the clip has, by input, in the order of ``inputs``. Text in the picture is none."""
    found = {name: _text(clip, name) for name in inputs if name != "text"}
    return {name: text for name, text in found.items() if text is not None}


def _text(clip: ClipSample, name: str) -> str | None:
    value = clip.values.get(COLUMNS[name])
    return str(value).strip() or None if value is not None else None


def _row(caption: str | None, source: str) -> dict[str, Any]:
    return {"caption_llm": caption, "caption_llm_source": source}
