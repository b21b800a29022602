"""`perceptual_hash` on real clips and copies of them: what keeps its hash, and what must not look alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest

from stages.dedup import DEFAULT_SIMILARITY
from stages.duplicates.picture_hash import to_vectors
from stages.perceptual_hash import PerceptualHash
from tests.curation.video.clip_files import H264, Picture, decoded_frames, write_clip
from tests.material.recipes import Encoding
from tests.stages.clip_samples import sample_of

SCENES = {"taxi": range(31, 75), "bus": range(77, 136), "railing": range(138, 186), "bicycle": range(188, 241)}
COARSE = Encoding("coarse", ".mp4", "libx264", options={"crf": "33", "preset": "ultrafast"})
OTHER = Encoding("mpeg4", ".mp4", "mpeg4", options={"b": "300k"})
DUPLICATE = DEFAULT_SIMILARITY["perceptual_hash"]
NOTHING = "0" * 192


def perceptual_hash(path: Path) -> str:
    stage = PerceptualHash(PerceptualHash.Config())
    stage.setup()
    (result,) = stage.annotate([sample_of(stage, path)])
    return str(result["perceptual_hash"])


def hash_of(folder: Path, pictures: Sequence[Picture], fps: int = 25, encoding: Encoding = H264) -> str:
    return perceptual_hash(write_clip(folder / "clip.mp4", pictures, fps, encoding=encoding))


def similarity(one: str, other: str) -> float:
    a, b = to_vectors([one, other])
    return float(1 + a @ b / np.linalg.norm(a) / np.linalg.norm(b)) / 2


def card(*lines: str) -> Picture:
    """White lettering in the middle of a black frame."""
    picture = np.zeros((360, 640, 3), np.uint8)
    for number, line in enumerate(lines):
        (width, _), _ = cv2.getTextSize(line, cv2.FONT_HERSHEY_DUPLEX, 1, 1)
        place = (320 - width // 2, 170 + 45 * number)
        cv2.putText(picture, line, place, cv2.FONT_HERSHEY_DUPLEX, 1, (255, 255, 255), 1, cv2.LINE_AA)
    return picture


CARDS = [
    card("Directed by", "Maria Santos"),
    card("Edited by", "Maria Sanders"),
    card("Written by", "Anna Kowalska"),
    card("Produced by", "Peter Oberman"),
    card("Music by", "J. Fischer"),
]


def resized(pictures: Sequence[Picture], height: int) -> list[Picture]:
    width = round(pictures[0].shape[1] * height / pictures[0].shape[0] / 2) * 2
    return [cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA) for picture in pictures]


@pytest.fixture(scope="module")
def clips(bikes: Path) -> Mapping[str, list[Picture]]:
    """Four scenes of a film and a title card."""
    frames = decoded_frames(bikes, range(250))
    scenes = {
        name: resized([frames[number].to_ndarray(format="rgb24") for number in span], 136)
        for name, span in SCENES.items()
    }
    return {**scenes, "card": CARDS[:1] * 30}


@pytest.fixture(scope="module")
def originals(clips: Mapping[str, list[Picture]], tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    folder = tmp_path_factory.mktemp("originals")
    return {name: hash_of(folder, pictures) for name, pictures in clips.items()}


CHANGES: dict[str, tuple[Callable[[list[Picture]], list[Picture]], Encoding, int]] = {
    "coarser": (lambda pictures: pictures, COARSE, 25),
    "another codec": (lambda pictures: pictures, OTHER, 25),
    "90 lines": (lambda pictures: resized(pictures, 90), OTHER, 25),
    "brighter": (lambda pictures: [np.minimum(picture, 243) + np.uint8(12) for picture in pictures], COARSE, 25),
    "darker": (lambda pictures: [(picture * 0.85).astype(np.uint8) for picture in pictures], COARSE, 25),
    "every second frame": (lambda pictures: pictures[::2], COARSE, 12),
    "later": (lambda pictures: pictures[3:], COARSE, 25),
    "shorter": (lambda pictures: pictures[2:-2], COARSE, 25),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_copy_has_the_hash_of_its_original(
    tmp_path: Path, clips: Mapping[str, list[Picture]], originals: Mapping[str, str], change: str
) -> None:
    changed, encoding, fps = CHANGES[change]
    for name, pictures in clips.items():
        copy = hash_of(tmp_path, changed(pictures), fps, encoding=encoding)
        assert similarity(originals[name], copy) >= DUPLICATE, name


def test_different_scenes_and_title_cards_are_none(tmp_path: Path, originals: Mapping[str, str]) -> None:
    cards = {f"card {number}": hash_of(tmp_path, [picture] * 5) for number, picture in enumerate(CARDS[1:])}
    hashes = {**originals, **cards}
    for one, other in combinations(hashes, 2):
        bound = 0.88 if one.startswith("card") and other.startswith("card") else 0.7
        assert similarity(hashes[one], hashes[other]) < bound, (one, other)


def test_what_shows_nothing_has_no_hash(tmp_path: Path, clips: Mapping[str, list[Picture]]) -> None:
    chance = np.random.default_rng(3)
    assert hash_of(tmp_path, [np.zeros((180, 320, 3), np.uint8)] * 30) == NOTHING
    assert hash_of(tmp_path, [np.full((90, 160, 3), (0, 0, 200), np.uint8)] * 9) == NOTHING
    assert hash_of(tmp_path, list(chance.integers(0, 12, (30, 180, 320, 3)).astype(np.uint8))) == NOTHING
    scene = clips["railing"][:20]
    faded = hash_of(tmp_path, [*scene, *[np.zeros_like(scene[0])] * 40])
    assert faded.endswith(NOTHING[:128])
    assert similarity(faded, hash_of(tmp_path, scene)) < DUPLICATE


def test_one_frame_and_tiny_pictures(tmp_path: Path, clips: Mapping[str, list[Picture]]) -> None:
    one = hash_of(tmp_path, clips["bus"][:1])
    assert one[:64] == one[64:128] == one[128:] != NOTHING[:64]
    assert hash_of(tmp_path, resized(clips["bus"], 16)) != NOTHING
