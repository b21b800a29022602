"""What stages with an OpenCLIP model have in common: the parameters that name its weights, and loading them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from curation.errors import UserError
from curation.stage import Requirement, Stage, StageConfig
from stages.openclip_requirement import openclip_requirement

if TYPE_CHECKING:
    from models.openclip_source import OpenClipSource


class OpenClipConfig(StageConfig):
    """Parameters of a stage with an OpenCLIP model."""

    model: str = Field("ViT-L-14", description='an OpenCLIP model, "local-dir:…", "hf-hub:…", or a model config .json')
    pretrained: str | None = Field("openai", description="a tag of OpenCLIP or the path of a checkpoint")
    download: bool = Field(False, description="fetch weights that are not on this machine")
    cache_dir: str | None = Field(None, description="where fetched weights are kept; null: the usual places")


class OpenClipStage(Stage):
    """A stage with an OpenCLIP model. ``with_tokenizer``: the model reads or writes texts."""

    with_tokenizer: ClassVar[bool] = True
    config: OpenClipConfig

    def gains_from_gpu(self) -> bool:
        """Its model does."""
        return True

    def requirements(self) -> Iterator[Requirement]:
        """Weights of the model: here, to be fetched, or missing."""
        config = self.config
        yield openclip_requirement(
            self.name,
            config.model,
            config.pretrained,
            download=config.download,
            cache_dir=config.cache_dir,
            with_tokenizer=self.with_tokenizer,
        )

    def source(self) -> OpenClipSource:
        """The model and where its weights are.

        Raises:
            UserError: there is no such model.
        """
        from models.openclip_source import find_source

        with self._telling():
            return find_source(self.config.model, self.config.pretrained, self.config.cache_dir)

    @contextmanager
    def loading(self) -> Iterator[OpenClipSource]:
        """For the code that loads the model: with the CPUs of the stage, once its weights are there.

        Raises:
            UserError: weights are missing, or do not fit the model.
        """
        import torch

        torch.set_num_threads(max(1, int(self.num_cpus)))
        self.ensure_requirements()
        source = self.source()
        with self._telling():
            yield source

    @contextmanager
    def _telling(self) -> Iterator[None]:
        from models.openclip_source import OpenClipSourceError

        try:
            yield
        except OpenClipSourceError as error:
            raise UserError(f"{self.name}: {error}; see {self.name}.model") from error
