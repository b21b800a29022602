"""`label_caption`: a caption from the class label that the manifest gives, and from what an image captioner saw."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from string import Formatter
from typing import Any, ClassVar

import pyarrow as pa
from pydantic import Field, field_validator

from curation.errors import ItemError
from curation.stage import MANIFEST, Annotator, ClipSample, StageConfig
from stages.labels import label_words

_LABEL, _CAPTION = "label", "caption"


class LabelCaption(Annotator):
    """A template, chosen at random for each clip, with the label and the caption of a frame put in.

    ``caption_label``: null where the manifest gives no label. The choice follows from the clip's id and ``seed``.
    Source: VidRD, arXiv 2309.03549, §4.2.
    """

    class Config(StageConfig):
        """Parameters of `label_caption`."""

        label: str = Field("label", min_length=1, description="the manifest's column that holds the label")
        caption_column: str | None = Field(
            None, min_length=1, description="column of an image captioner, such as caption_coca; null: the label alone"
        )
        templates: tuple[str, ...] = Field(
            (
                "{caption}, {label}",
                "{label}: {caption}",
                "a video of {label}, {caption}",
                "{caption}, in a video of {label}",
            ),
            min_length=1,
            description="texts with {label} and {caption}",
        )
        label_templates: tuple[str, ...] = Field(
            ("a video of {label}", "{label}", "a clip that shows {label}", "footage of {label}"),
            min_length=1,
            description="texts with {label}, for clips whose frame has no caption",
        )
        seed: int = Field(0, description="another seed chooses other templates")

        @field_validator("templates")
        @classmethod
        def _with_both(cls, templates: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(_checked(template, {_LABEL, _CAPTION}) for template in templates)

        @field_validator("label_templates")
        @classmethod
        def _with_label(cls, templates: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(_checked(template, {_LABEL}) for template in templates)

    name = "label_caption"
    reads = (MANIFEST,)
    writes: ClassVar[Mapping[str, pa.DataType]] = {"caption_label": pa.string()}
    config: Config

    def inputs(self) -> tuple[str, ...]:
        """The manifest and, where it is named, the captioner's column."""
        column = self.config.caption_column
        return self.reads if column is None else (*self.reads, column)

    def annotate(self, clips: Sequence[ClipSample]) -> list[dict[str, Any] | ItemError]:
        """``caption_label`` of each clip; an error where a label is not text."""
        return [self._row(clip) for clip in clips]

    def _row(self, clip: ClipSample) -> dict[str, Any] | ItemError:
        try:
            return {"caption_label": self._caption(clip)}
        except ItemError as error:
            return error

    def _caption(self, clip: ClipSample) -> str | None:
        label = label_words(clip.values.get(MANIFEST) or {}, self.config.label)
        if label is None:
            return None
        column = self.config.caption_column
        caption = " ".join(str(clip.values.get(column) or "").split()).rstrip(".") if column else ""
        templates = self.config.templates if caption else self.config.label_templates
        digest = hashlib.sha256(f"{self.config.seed}/{clip.clip_id}".encode()).digest()
        return templates[int.from_bytes(digest) % len(templates)].format(label=label, caption=caption)


def _checked(template: str, wanted: set[str]) -> str:
    """The template, if each field in it is one of ``wanted``, and each of these is in it."""
    needed = " and ".join(f"{{{name}}}" for name in sorted(wanted, reverse=True))
    try:
        fields = [(name, form, convert) for _, name, form, convert in Formatter().parse(template) if name is not None]
    except ValueError as error:
        raise ValueError(f'"{template}": {error}; write {{{{ for a brace') from error
    if {name for name, *_ in fields} != wanted or any(form or convert for _, form, convert in fields):
        raise ValueError(f'"{template}": must hold {needed}, and no other field')
    return template
