"""`clip_similarity`: how well each caption fits the clip, by CLIP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field, field_validator

from curation.errors import ItemError
from curation.stage import Annotator, ClipSample
from stages.openclip_stage import OpenClipConfig, OpenClipStage

Caption = Literal["coca", "videoblip", "vlm", "llm"]

EMBEDDING, MODEL = "clip_embedding", "clip_model"
MAIN_FIRST: tuple[Caption, ...] = ("llm", "videoblip", "vlm", "coca")


class ClipSimilarity(OpenClipStage, Annotator):
    """Cosine similarity, −1 … 1, of the clip's ``clip_embedding`` and the CLIP embedding of each caption.

    ``clip_similarity_<caption>``: null where that caption is null or not among ``captions``. ``clip_similarity``: that
    of the clip's main caption, the first there is of llm, videoblip, vlm and coca. No frame is decoded.
    Source: CLIP, arXiv 2103.00020; as in arXiv 2311.15127, §3.1.
    """

    class Config(OpenClipConfig):
        """Parameters of `clip_similarity`; the model is that of `clip_scores`."""

        without_effect = frozenset({"texts_per_pass", "download", "cache_dir"})

        captions: tuple[Caption, ...] = Field(
            ("coca", "videoblip", "llm"), min_length=1, description="captions to compare, caption_<name>"
        )
        dtype: Literal["auto", "fp32", "bf16", "fp16"] = Field(
            "auto", description="arithmetic of the text tower; auto: bf16 on a GPU, fp32 on a CPU"
        )
        texts_per_pass: int = Field(64, ge=1, description="captions that the model sees at once")

        @field_validator("captions")
        @classmethod
        def _once(cls, captions: tuple[Caption, ...]) -> tuple[Caption, ...]:
            if len(set(captions)) < len(captions):
                raise ValueError("names a caption twice")
            return captions

    config: Config

    name = "clip_similarity"
    reads = (EMBEDDING, MODEL)
    writes: ClassVar[Mapping[str, pa.DataType]] = {
        "clip_similarity_coca": pa.float32(),
        "clip_similarity_videoblip": pa.float32(),
        "clip_similarity_vlm": pa.float32(),
        "clip_similarity_llm": pa.float32(),
        "clip_similarity": pa.float32(),
    }

    def inputs(self) -> tuple[str, ...]:
        """The embedding and its model, and the columns of the captions that are compared."""
        return (*self.reads, *(f"caption_{name}" for name in self.config.captions))

    def setup(self) -> None:
        """Load the text tower.

        Raises:
            UserError: the weights are missing or do not fit the model.
        """
        from models.openclip_text import OpenClipTextEncoder

        config = self.config
        with self.loading() as source:
            self._identity = source.identity()
            self._encoder = OpenClipTextEncoder(
                source, device=self.device, dtype=config.dtype, texts_per_pass=config.texts_per_pass
            )

    def annotate(self, clips: Sequence[ClipSample]) -> list[dict[str, Any] | ItemError]:
        """The similarities of each clip; the captions of all clips go through the model together, each text once. An
        error where a clip has no embedding, or one of another model."""
        captions = [self._captions(clip) for clip in clips]
        texts = list(dict.fromkeys(text for own in captions for text in own.values()))
        embeddings = dict(zip(texts, self._encoder.embed(texts), strict=True)) if texts else {}
        return [self._result(clip, own, embeddings) for clip, own in zip(clips, captions, strict=True)]

    def _result(
        self, clip: ClipSample, captions: Mapping[Caption, str], embeddings: Mapping[str, npt.NDArray[np.float32]]
    ) -> dict[str, Any] | ItemError:
        try:
            direction = self._direction(clip)
        except ItemError as error:
            return error
        return _row({name: float(direction @ embeddings[text]) for name, text in captions.items()})

    def _captions(self, clip: ClipSample) -> dict[Caption, str]:
        named = {name: clip.values.get(f"caption_{name}") for name in self.config.captions}
        return {name: text for name, text in named.items() if text}

    def _direction(self, clip: ClipSample) -> npt.NDArray[np.float32]:
        """The clip's embedding, scaled to length 1."""
        embedding = clip.values.get(EMBEDDING)
        if embedding is None:
            raise ItemError("no clip_embedding: clip_scores failed on this clip")
        model = str(clip.values.get(MODEL))
        if model.rpartition("@")[2] != self._identity.rpartition("@")[2]:
            raise ItemError(
                f"clip_embedding is of {model}, and the text would be embedded by {self._identity}: "
                "clip_similarity.model and pretrained must be those of clip_scores"
            )
        values = np.asarray(embedding, dtype=np.float32)
        length = np.linalg.norm(values)
        if not length > 0:
            raise ItemError("clip_embedding has no direction: all of its values are 0")
        direction: npt.NDArray[np.float32] = values / length
        return direction


def _row(similarities: Mapping[Caption, float]) -> dict[str, float | None]:
    row = {f"clip_similarity_{name}": similarities.get(name) for name in MAIN_FIRST}
    row["clip_similarity"] = next((similarities[name] for name in MAIN_FIRST if name in similarities), None)
    return row
