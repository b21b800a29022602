"""An annotator of a user's own package, with weights of the hub."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, cast

import pyarrow as pa

from curation.stage import Annotator, ClipSample, Requirement, StageConfig
from models.hub import HubModel
from stages.weights import hub_requirement


class Weighted(Annotator):
    """The sum of the weights, for each clip."""

    class Config(StageConfig):
        model: str = "org/tiny"
        revision: str | None = None
        download: bool = False

    name = "weighted"
    reads = ("num_frames",)
    writes: ClassVar[dict[str, pa.DataType]] = {"weight_sum": pa.float32()}

    def requirements(self) -> Iterable[Requirement]:
        yield hub_requirement(self.name, self._model(), download=cast(Weighted.Config, self.config).download)

    def setup(self) -> None:
        from safetensors.numpy import load_file

        tensors = load_file(self._model().fetch() / "model.safetensors")
        self._sum = float(sum(tensor.sum() for tensor in tensors.values()))

    def annotate(self, clips: Sequence[ClipSample]) -> list[dict[str, Any]]:
        return [{"weight_sum": self._sum} for _ in clips]

    def _model(self) -> HubModel:
        config = cast(Weighted.Config, self.config)
        return HubModel(config.model, config.revision)
