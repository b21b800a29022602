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
from tests.curation.video.clip_files import Picture, decoded_frames, write_clip
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


def similarity(one: str, other: str) -> float:
    a, b = to_vectors([one, other])
    return float(1 + a @ b / np.linalg.norm(a) / np.linalg.norm(b)) / 2


@pytest.fixture(scope="module")
def scenes(bikes: Path) -> Mapping[str, list[Picture]]:
    frames = decoded_frames(bikes, range(250))
    return {name: [frames[number].to_ndarray(format="rgb24") for number in span] for name, span in SCENES.items()}


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


CHANGES: dict[str, tuple[Callable[[list[Picture]], list[Picture]], Encoding, int]] = {
    "coarser": (lambda pictures: pictures, COARSE, 25),
    "another codec": (lambda pictures: pictures, OTHER, 25),
    "144 lines": (lambda pictures: resized(pictures, 144), COARSE, 25),
    "brighter": (lambda pictures: [np.minimum(picture, 243) + np.uint8(12) for picture in pictures], COARSE, 25),
    "darker": (lambda pictures: [(picture * 0.85).astype(np.uint8) for picture in pictures], COARSE, 25),
    "every second frame": (lambda pictures: pictures[::2], COARSE, 12),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_copy_has_the_hash_of_its_original(tmp_path: Path, scenes: Mapping[str, list[Picture]], change: str) -> None:
    changed, encoding, fps = CHANGES[change]
    originals = {**scenes, "card": CARDS[0:1] * 40}
    for name, pictures in originals.items():
        original = perceptual_hash(write_clip(tmp_path / f"{name}.mp4", pictures, 25))
        copy = write_clip(tmp_path / f"{name}-copy.mp4", changed(list(pictures)), fps, encoding=encoding)
        assert similarity(original, perceptual_hash(copy)) >= DUPLICATE, name


@pytest.mark.parametrize("trim", [slice(1, None), slice(None, -2), slice(2, -2)])
def test_some_frames_less_are_a_copy_too(tmp_path: Path, scenes: Mapping[str, list[Picture]], trim: slice) -> None:
    for name in scenes:
        original = perceptual_hash(write_clip(tmp_path / f"{name}.mp4", scenes[name], 25))
        shorter = perceptual_hash(write_clip(tmp_path / f"{name}-shorter.mp4", scenes[name][trim], 25, encoding=COARSE))
        assert similarity(original, shorter) >= DUPLICATE, name


def test_different_scenes_and_title_cards_are_none(tmp_path: Path, scenes: Mapping[str, list[Picture]]) -> None:
    clips = {**scenes, **{f"card {number}": [picture] * 40 for number, picture in enumerate(CARDS)}}
    hashes = {name: perceptual_hash(write_clip(tmp_path / f"{name}.mp4", clips[name], 25)) for name in clips}
    assert len(set(hashes.values())) == len(clips)
    for one, other in combinations(hashes, 2):
        bound = 0.88 if one.startswith("card") and other.startswith("card") else 0.7
        assert similarity(hashes[one], hashes[other]) < bound, (one, other)


def test_what_shows_nothing_has_no_hash(tmp_path: Path, scenes: Mapping[str, list[Picture]]) -> None:
    chance = np.random.default_rng(3)
    grain = [chance.integers(0, 12, (180, 320, 3)).astype(np.uint8) for _ in range(30)]
    clips = {
        "black": [np.zeros((180, 320, 3), np.uint8)] * 30,
        "blue": [np.full((90, 160, 3), (0, 0, 200), np.uint8)] * 9,
    }
    for name, pictures in {**clips, "grain": grain}.items():
        assert perceptual_hash(write_clip(tmp_path / f"{name}.mp4", pictures, 25)) == NOTHING
    scene = scenes["railing"][:20]
    faded = perceptual_hash(write_clip(tmp_path / "faded.mp4", [*scene, *[np.zeros_like(scene[0])] * 40], 25))
    shown = perceptual_hash(write_clip(tmp_path / "shown.mp4", scene, 25))
    assert faded.endswith(NOTHING[:128])
    assert similarity(faded, shown) < DUPLICATE


def test_one_frame_and_tiny_pictures(tmp_path: Path, scenes: Mapping[str, list[Picture]]) -> None:
    one = perceptual_hash(write_clip(tmp_path / "one.mp4", scenes["bus"][:1], 25))
    assert one[:64] == one[64:128] == one[128:] != NOTHING[:64]
    tiny = resized(scenes["bus"], 16)
    assert perceptual_hash(write_clip(tmp_path / "tiny.mp4", tiny, 25)) != NOTHING
