"""What the captioners of whole clips share: their parameters, their weights, and empty answers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from pydantic import Field, model_validator

from curation.errors import ItemError, UserError
from curation.stage import Annotator, ClipSample, Requirement, StageConfig

if TYPE_CHECKING:
    from models.generation import Decoding
    from models.hub import HubModel


class VideoCaptionerConfig(StageConfig):
    """Parameters of every captioner of whole clips."""

    without_effect = frozenset({"clips_per_pass", "download", "cache_dir"})

    model: str = Field(description="a repository of the Hugging Face hub (org/name), or the path of a model folder")
    revision: str | None = Field(None, description="branch, tag or commit of the repository; null: main")
    prompt: str = Field(description="what the model is asked")
    num_frames: int = Field(8, ge=1, le=256, description="frames of a clip that the model sees, evenly spread")
    dtype: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto", description="arithmetic; auto: bf16 on a GPU, fp32 on a CPU"
    )
    max_new_tokens: int = Field(64, ge=1, description="longest caption, in tokens")
    num_beams: int = Field(1, ge=1, description="width of the beam search; 1: greedy")
    temperature: float = Field(0.0, ge=0, description="0: the likeliest text; above 0: tokens are drawn")
    seed: int = Field(0, description="of the draws, together with the clip's id")
    clips_per_pass: int = Field(8, ge=1, description="clips that the model sees at once")
    download: bool = Field(False, description="fetch weights that are not on this machine")
    cache_dir: str | None = Field(None, description="where fetched weights are kept; null: the hub's usual cache")

    @model_validator(mode="after")
    def _search_or_draw(self) -> VideoCaptionerConfig:
        if self.temperature > 0 and self.num_beams > 1:
            raise ValueError("num_beams above 1 needs temperature 0: tokens are either searched for or drawn")
        return self


class VideoCaptioner(Annotator):
    """Captions a batch of clips. An answer that is no caption fails its clip only."""

    @abstractmethod
    def load(self, folder: Path, **settings: Any) -> Any:
        """The model in ``folder``; ``settings``: what the captioners' constructors share.

        Raises:
            PretrainedError: it cannot be used.
        """

    @abstractmethod
    def captions(self, clips: Sequence[ClipSample]) -> list[str]:
        """What the model says about each clip."""

    def problem(self, answer: str) -> str | None:
        """Why ``answer`` is no caption; None when it is one."""
        return None if answer else "the model gave an empty answer"

    def gains_from_gpu(self) -> bool:
        """Its model does."""
        return True

    def requirements(self) -> Iterator[Requirement]:
        """The weights: here, to be fetched, or missing."""
        from stages.weights import hub_requirement

        yield hub_requirement(self.name, self.hub_model(), download=self.settings.download)

    def setup(self) -> None:
        """Load the model.

        Raises:
            UserError: weights, or a package that the model needs, are missing, or they are of another kind.
        """
        import torch

        from models.pretrained import PretrainedError

        torch.set_num_threads(max(1, int(self.num_cpus)))
        settings = self.settings
        try:
            self.model = self.load(
                self.folder(),
                prompt=settings.prompt,
                decoding=self.decoding(),
                device=self.device,
                dtype=settings.dtype,
                clips_per_pass=settings.clips_per_pass,
            )
        except PretrainedError as error:
            raise UserError(f"{self.name}: {error}; see {self.name}.model") from error

    def annotate(self, clips: Sequence[ClipSample]) -> list[dict[str, Any] | ItemError]:
        """One caption per clip, or why its answer is none."""
        (column,) = self.writes
        results: list[dict[str, Any] | ItemError] = []
        for answer in self.captions(clips):
            problem = self.problem(answer)
            results.append({column: answer} if problem is None else ItemError(problem))
        return results

    def hub_model(self) -> HubModel:
        """The model that the parameters name."""
        from models.hub import HubModel

        return HubModel(self.settings.model, self.settings.revision, self.settings.cache_dir)

    def folder(self) -> Path:
        """The model's folder on this machine, fetched where that is allowed.

        Raises:
            UserError: it is not there.
        """
        from stages.weights import hub_folder

        return hub_folder(self.name, self.hub_model(), download=self.settings.download)

    def decoding(self) -> Decoding:
        """How texts are decoded."""
        from models.generation import Decoding

        settings = self.settings
        return Decoding(settings.max_new_tokens, settings.num_beams, settings.temperature, settings.seed)

    @property
    def settings(self) -> VideoCaptionerConfig:
        """The parameters."""
        return cast(VideoCaptionerConfig, self.config)
