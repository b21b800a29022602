"""`clip_scores`: an image embedding of the clip, and how beautiful it looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from curation.errors import UserError
from curation.stage import Annotator, ClipSample, Requirement
from curation.video.sampling import FrameRequest
from stages.openclip_stage import OpenClipConfig, OpenClipStage
from stages.weights import offline_problem, size_text, telling


class ClipScores(OpenClipStage, Annotator):
    """OpenCLIP image embedding and LAION aesthetic rating of the first, the middle and the last frame.

    ``clip_embedding``: mean of the three embeddings, each of length 1; the mean itself is not normalised again, so its
    length (0 … 1) tells how alike the three frames are. ``aesthetic_score``: mean of the head's ratings of the three
    normalised embeddings, about 1 … 10; null where ``aesthetic_weights`` is null. ``clip_model``: the model's
    name and the beginning of its weights' SHA-256.

    Frames are resized and cropped as OpenCLIP does while the clip is decoded; values are those of calling OpenCLIP on
    the full frames.
    Sources: CLIP, arXiv 2103.00020; OpenCLIP; LAION's aesthetic predictors; as in arXiv 2311.15127, §3.1.
    """

    class Config(OpenClipConfig):
        """Parameters of `clip_scores`."""

        without_effect = frozenset({"images_per_pass", "download", "cache_dir"})

        aesthetic_weights: str | None = Field(
            "auto", description='path of a head; "auto": LAION\'s for this model; null: no aesthetic_score'
        )
        precision: Literal["fp32", "bf16", "fp16"] = Field("fp32", description="arithmetic of the image tower")
        images_per_pass: int = Field(32, ge=1, description="frames that the model sees at once")

    config: Config

    name = "clip_scores"
    version = 2
    with_tokenizer = False
    reads = ("frames",)
    writes: ClassVar[Mapping[str, pa.DataType]] = {
        "aesthetic_score": pa.float32(),
        "clip_embedding": pa.list_(pa.float32()),
        "clip_model": pa.string(),
    }

    def requirements(self) -> Iterator[Requirement]:
        """Weights of the model and of the head: here, to be fetched, or missing."""
        yield from super().requirements()
        if self.config.aesthetic_weights is not None:
            yield self._head_requirement()

    def frames(self) -> FrameRequest:
        """First, middle and last frame as the model sees them."""
        return FrameRequest("first_middle_last", shrink=self.source().transform)

    def setup(self) -> None:
        """Load the image tower and the head.

        Raises:
            UserError: weights are missing, or do not fit the model or each other.
        """
        from models.aesthetic import AestheticHeadError
        from models.openclip import OpenClipImageEncoder

        config = self.config
        with self.loading() as source:
            self._identity = source.identity()
            self._encoder = OpenClipImageEncoder(
                source, device=self.device, precision=config.precision, images_per_pass=config.images_per_pass
            )
        try:
            self._head = self._load_head()
        except AestheticHeadError as error:
            raise UserError(f"clip_scores: {error}") from error

    def annotate(self, clips: Sequence[ClipSample]) -> list[dict[str, Any]]:
        """``clip_embedding`` and ``aesthetic_score`` of each clip; all frames go through the model together."""
        stacks = [clip.pictures() for clip in clips]
        embeddings = self._encoder.embed(np.concatenate(stacks))
        ratings = None if self._head is None else self._head.score(embeddings)
        results: list[dict[str, Any]] = []
        start = 0
        for stack in stacks:
            own = slice(start, start + len(stack))
            score = None if ratings is None else float(ratings[own].mean())
            embedding = embeddings[own].mean(axis=0).tolist()
            results.append({"aesthetic_score": score, "clip_embedding": embedding, "clip_model": self._identity})
            start += len(stack)
        return results

    def _head_requirement(self) -> Requirement:
        from models.aesthetic import fetch_head, head_file, head_folder, published_head
        from models.hub_files import on_disk

        config = self.config
        if config.aesthetic_weights != "auto":
            given = Path(str(config.aesthetic_weights))
            if not given.is_file():
                problem = f"no such file: {given} (clip_scores.aesthetic_weights)"
                return Requirement(f"aesthetic head {given}", problem)
            return Requirement(f"aesthetic head {given}", files=lambda: [on_disk(given, given.name)])
        head = published_head(config.model)
        elsewhere = "--set clip_scores.aesthetic_weights=/path/to/head.pth, or =null for no aesthetic_score"
        if head is None:
            return Requirement(
                "aesthetic head", f"LAION has no aesthetic head for {config.model}; give one with {elsewhere}"
            )
        folder = head_folder(config.cache_dir)
        file = head_file(head, folder)
        name = f"aesthetic head {head.file}"
        fetch = telling(self.name, lambda: fetch_head(head, folder))
        if file.path is not None:
            return Requirement(name, files=lambda: [file], fetch=fetch)
        missing = (
            f"the aesthetic head {head.file} ({size_text(head.num_bytes)}) is not in {folder}; fetch it ahead with "
            "`curation models pull`, in the run with --set clip_scores.download=true, or give it with "
            f"{elsewhere}"
        )
        told = offline_problem(head.file) if config.download else missing
        return Requirement(f"{name} from {head.url}", told, head.num_bytes, files=lambda: [file], fetch=fetch)

    def _load_head(self) -> Any:
        from models.aesthetic import AestheticHead, fetch_head, head_folder, published_head

        config = self.config
        if config.aesthetic_weights is None:
            return None
        published = published_head(config.model)
        if config.aesthetic_weights == "auto" and published is not None:
            path = fetch_head(published, head_folder(config.cache_dir))
        else:
            path = Path(config.aesthetic_weights)
        head = AestheticHead(path, device=self.device)
        if head.dimension != self._encoder.dimension:
            raise UserError(
                f"clip_scores: {path} rates embeddings of {head.dimension} values, but {config.model} gives "
                f"{self._encoder.dimension}; see clip_scores.aesthetic_weights"
            )
        return head
