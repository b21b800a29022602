"""The stage contract: what a stage reads, writes and does. How it runs is told by `RunPolicy`, not by the stage."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Protocol

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from curation.errors import ItemError, UserError
from curation.video.sampling import FrameRequest, Frames
from curation.video.types import SourceKind, SourceVideo, WrittenClip

if TYPE_CHECKING:
    from curation.dataset.clip_columns import ClipColumns

MANIFEST = "manifest"


class StageConfig(BaseModel):
    """Parameters of a stage: those of its subclass. Unknown keys are errors.

    ``without_effect`` names parameters that never change results (a cache folder, the size of a batch); changing them
    makes no dataset out of date.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    without_effect: ClassVar[frozenset[str]] = frozenset()


class RunPolicy(BaseModel):
    """How a stage runs: the key ``run`` of a stage in pipelines.yaml. Never changes what a stage computes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    concurrency: Annotated[int, Field(ge=1)] | Literal["auto"] = Field("auto", description="number of actors")
    num_cpus: Annotated[float, Field(gt=0)] | Literal["auto"] = Field("auto", description="CPUs of one actor")
    num_gpus: float = Field(0, ge=0, description="GPUs of one actor, may be a fraction")
    batch_size: int = Field(8, ge=1, description="clips given to the stage at once")
    timeout_s: float | None = Field(None, gt=0, description="seconds that one source video may take")


class NeededFile(Protocol):
    """A file of weights that a stage loads: its size (None: not known), where it is on this machine (None: it is not),
    and ``proof``, what `problem` compares it with ("SHA-256", "git id", "" where nothing was published)."""

    @property
    def name(self) -> str: ...
    @property
    def num_bytes(self) -> int | None: ...
    @property
    def path(self) -> Path | None: ...
    @property
    def proof(self) -> str: ...

    def problem(self) -> str | None:
        """What is wrong with the file, in words; None when it is there, whole and readable. Reads all of it."""


def _no_files() -> Sequence[NeededFile]:
    return ()


@dataclass(frozen=True)
class Requirement:
    """Something that a stage needs besides code, checked before anything runs.

    ``problem`` is None when it is there; else one line with what to do.
    ``download_bytes``: what a first run will fetch for it.
    ``files`` lists its files, on this machine or not; it may ask a server, and raises `UserError` when that cannot
    tell. ``fetch`` brings what is missing to this machine, and does nothing where all is there; None where nothing can
    be fetched; raises `UserError`.
    """

    name: str
    problem: str | None = None
    download_bytes: int = 0
    files: Callable[[], Sequence[NeededFile]] = _no_files
    fetch: Callable[[], object] | None = None


@dataclass
class ClipSample:
    """A clip as an annotator sees it: its row of `clips`, its frames (uint8 [n, h, w, c]), and the columns that
    earlier stages gave it (only those that the stage ``reads``); ``values["manifest"]``: what the manifest says of its
    source video, by column."""

    clip_id: str
    row: Mapping[str, Any]
    frames: Frames | None = None
    values: Mapping[str, Any] = field(default_factory=dict)

    def pictures(self) -> Frames:
        """The frames of a stage that reads some.

        Raises:
            ItemError: there are none.
        """
        if self.frames is None:
            raise ItemError(f"clip {self.clip_id} came without frames")
        return self.frames


class Stage(ABC):
    """One step of a pipeline. ``name`` is its key in pipelines.yaml; ``version`` is raised when results change.

    ``reads``: what must be given by earlier stages. "manifest", the columns that a manifest carried into `videos`, is
    always there, and may be empty.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    Config: ClassVar[type[StageConfig]] = StageConfig
    reads: ClassVar[tuple[str, ...]] = ()

    def __init__(self, config: StageConfig, *, num_cpus: float = 1, device: str = "cpu") -> None:
        self.config = config
        self.num_cpus = num_cpus
        self.device = device

    def inputs(self) -> tuple[str, ...]:
        """``reads``, and the columns that the parameters name. Must be quick and load no heavy library."""
        return self.reads

    @classmethod
    def settled(cls, config: StageConfig, columns: Collection[str]) -> StageConfig:
        """``config`` with decided what it leaves open to the pipeline: ``columns`` are those that earlier stages give.

        What was decided is what `plan` shows, dataset.json keeps and the fingerprint covers.
        """
        return config

    def gains_from_gpu(self) -> bool:
        """Whether the stage is much faster on a GPU: a run on a machine with GPUs that it gets none of tells so."""
        return False

    def requirements(self) -> Iterable[Requirement]:
        """Weights, files and programs that must be there. Must be quick and load no heavy library."""
        return ()

    def ensure_requirements(self) -> None:
        """Fetch what is not on this machine and may be fetched.

        Raises:
            UserError: something is missing.
        """
        for requirement in self.requirements():
            if requirement.problem is not None:
                raise UserError(f"{self.name}: {requirement.problem}")
            if requirement.fetch is not None:
                requirement.fetch()

    def setup(self) -> None:  # noqa: B027 - most stages have nothing to load
        """Load models. Called once per actor, before the first item."""


class Splitter(Stage):
    """Turns one source video into clips, or prepares it for the splitter that does (and then yields none).

    All splitters of a pipeline run one after the other in the process that holds the local copy of the file.
    ``opens``: the kinds of source that it takes itself; one that opens images makes a video of each, by changing
    ``path`` and ``info``, for the splitters after it.
    """

    provides: ClassVar[tuple[str, ...]] = ()
    opens: ClassVar[tuple[SourceKind, ...]] = ("video",)

    def manifest_columns(self) -> tuple[str, ...]:
        """Columns of the manifest that clips depend on: a video is split again where they say something else."""
        return ()

    @abstractmethod
    def split(self, video: SourceVideo) -> Iterable[WrittenClip]:
        """Fill in ``video`` and yield clips, written below ``video.workdir`` (the engine publishes and removes them).

        Raises:
            ItemError: this video cannot be processed; its message becomes the row's `error`, and it keeps no clip.
        """


class Annotator(Stage):
    """Turns clips into values. ``writes`` gives the Parquet columns.

    ``reads`` holds "frames" and/or names of columns of `clips` and of earlier stages.
    """

    writes: ClassVar[Mapping[str, pa.DataType]]

    def frames(self) -> FrameRequest | None:
        """The frames that the stage needs; None when it reads no frames."""
        return None

    @abstractmethod
    def annotate(self, clips: Sequence[ClipSample]) -> Sequence[Mapping[str, Any] | ItemError]:
        """One mapping with the keys of ``writes`` per clip, in order; an `ItemError` in its place fails that clip.

        An exception that is raised fails the batch; the engine then gives the clips one by one, so that only the bad
        ones fail.
        """


class DatasetAnnotator(Stage):
    """Turns all clips of a dataset at once into values: for facts that no batch of clips can tell, such as which clip
    is a duplicate of which. ``writes`` gives the Parquet columns, as for an `Annotator`.

    It runs as one Ray task when all clips have the annotations of the pipeline, and again whenever the clips or the
    columns that it reads have changed; its whole table is replaced in one step. ``reads`` holds names of columns of
    `clips` and of earlier stages; frames and manifests are read by annotators that come before it. Only other
    `DatasetAnnotator`s can read its columns. Of its `RunPolicy` only ``num_cpus`` and ``num_gpus`` count.
    """

    writes: ClassVar[Mapping[str, pa.DataType]]

    @abstractmethod
    def annotate_all(self, clips: ClipColumns) -> Iterable[pa.Table]:
        """Tables with clip_id, the columns of ``writes`` and ``<name>_error`` (null, or why a clip has no values):
        together one row for each of ``clips``, in any order. A large column is never to be held in memory as a whole:
        `ClipColumns.blocks` reads it piece by piece.

        An exception fails all clips: they get nulls and its message.
        """


def columns_written(stage: type[Stage]) -> Mapping[str, pa.DataType]:
    """The columns that an annotator of either kind writes; none for a splitter."""
    return stage.writes if issubclass(stage, Annotator | DatasetAnnotator) else {}
