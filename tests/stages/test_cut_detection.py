"""The stage on real and on generated files: cuts to the frame, gradual transitions found, bounded, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from pydantic import ValidationError

from curation.errors import ItemError, ItemTimeoutError
from curation.video.fingerprint import fingerprint, is_same_coded_picture
from curation.video.types import Deadline, SourceVideo
from stages.cut_detection import CutDetection
from tests.curation.video.clip_files import Picture, write_clip
from tests.material.recipes import Join, Recipe, Shot
from tests.material.score import Score, judge
from tests.material.sets import (
    H264_10BIT,
    H264_LONG,
    H264_ROTATED,
    H264_SHORT,
    H264_VFR,
    HEVC,
    MPEG4_B,
    VP9,
)
from tests.material.truth import Joined

FramesFound = list[tuple[str, int, int]]


def detect(path: Path, workdir: Path, **config: object) -> SourceVideo:
    video = SourceVideo("test", str(path), path, workdir)
    assert list(CutDetection(CutDetection.Config(**config)).split(video)) == []
    return video


def in_frames(video: SourceVideo) -> FramesFound:
    assert video.frame_index is not None
    pts = video.frame_index.pts
    return [
        (one.kind, int(np.searchsorted(pts, one.start_pts)), int(np.searchsorted(pts, one.end_pts)))
        for one in video.transitions
    ]


def test_trailer(trailer: Path, tmp_path: Path) -> None:
    video = detect(trailer, tmp_path)
    found = in_frames(video)
    assert [start for kind, start, end in found if kind == "cut"] == [593, 864, 900, 988, 1049]
    for frame in (0, 240, 330, 775, 1230):
        assert any(kind == "fade" and start <= frame < end for kind, start, end in found), frame
    for (_, _, end), (_, start, _) in pairwise(found):
        assert end <= start
    assert all(0 <= one.score <= 1 and one.rate in ("native", "8", "2") for one in video.transitions)


def test_bikes(bikes: Path, tmp_path: Path) -> None:
    assert in_frames(detect(bikes, tmp_path)) == [("cut", frame, frame) for frame in (30, 76, 137, 187, 242)]


def test_frame_index_holds_every_frame(bikes: Path, tmp_path: Path) -> None:
    index = detect(bikes, tmp_path).frame_index
    assert index is not None
    with av.open(str(bikes)) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        assert index.time_base == stream.time_base
        assert index.pts.tolist() == [frame.pts for frame in frames]
        wanted = np.array([fingerprint(frame) for frame in frames])
        is_key = np.array([frame.key_frame for frame in frames])
        assert np.array_equal(index.fingerprints[is_key], wanted[is_key])
        assert is_same_coded_picture(index.fingerprints, wanted).all()
        assert index.end_pts == frames[-1].pts + frames[-1].duration
    assert list(tmp_path.iterdir()) == []


SHOTS = (Shot("cave", 1.6), Shot("coffee.png", 1.6), Shot("bicycle", 1.4), Shot("astronaut.png", 1.6))
RECIPES = [
    Recipe("cuts-h264", 501, H264_LONG, SHOTS, (Join("cut"), Join("cut"), Join("cut"))),
    Recipe("dissolves-h264", 502, H264_SHORT, SHOTS, (Join("dissolve", 0.4), Join("cut"), Join("dissolve", 1.2))),
    Recipe("slow-dissolve-hevc", 503, HEVC, SHOTS[:2], (Join("dissolve", 2.5),)),
    Recipe(
        "fades-vfr",
        504,
        H264_VFR,
        SHOTS,
        (Join("fade", 0.8, "black"), Join("fade", 1.2, "white", 0.2), Join("cut")),
        "30",
    ),
    Recipe("wipes-60", 505, H264_LONG, SHOTS[1:], (Join("wipe", 0.8, "left"), Join("wipe", 1.5, "down")), "60"),
    Recipe("mixed-mpeg4", 506, MPEG4_B, SHOTS, (Join("cut"), Join("dissolve", 0.8), Join("fade", 0.6, "black")), "25"),
    Recipe("mixed-vp9", 507, VP9, SHOTS, (Join("dissolve", 0.6), Join("cut"), Join("cut")), "30"),
    Recipe("mixed-10bit", 508, H264_10BIT, SHOTS, (Join("fade", 0.5, "black"), Join("cut"), Join("dissolve", 1.0))),
    Recipe("mixed-rotated", 509, H264_ROTATED, SHOTS, (Join("cut"), Join("wipe", 1.0, "right"), Join("cut")), "30"),
]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_joined_shots(recipe: Recipe, build_video: Callable[[Recipe], Joined], tmp_path: Path) -> None:
    joined = build_video(recipe)
    score, verdict = judge(joined, detect(joined.path, tmp_path).transitions)
    assert verdict.missed == ()
    assert verdict.wrong == ()
    assert verdict.impure == ()
    assert score.cuts_found == score.cut_detections


def test_what_moves_is_no_transition(build_video: Callable[[Recipe], Joined], tmp_path: Path) -> None:
    distracted = (
        Shot("cave", 3.0, ("passing_object",)),
        Shot("bus", 2.4, ("gesture",)),
        Shot("coffee.png", 2.4, ("flash",)),
        Shot("rodents", 2.4, ("handheld", "grain")),
        Shot("astronaut.png", 2.4, ("exposure",)),
        Shot("whip", 2.0),
    )
    joined = build_video(Recipe("distracted", 520, H264_LONG, distracted, (Join("cut"),) * 5))
    score, _ = judge(joined, detect(joined.path, tmp_path).transitions)
    assert score == Score(
        cuts=5, cuts_found=5, cut_detections=5, detections=5, right=5, shots=score.shots
    )  # fmt: skip


def test_every_rate_alone_counts(build_video: Callable[[Recipe], Joined], tmp_path: Path) -> None:
    joined = build_video(RECIPES[2])
    native = {"rate": "native", "threshold": 27}
    assert in_frames(detect(joined.path, tmp_path, rates=[native])) == []
    video = detect(joined.path, tmp_path, rates=[native, 2])
    assert [(one.kind, one.rate) for one in video.transitions] == [("dissolve", "2")]


def test_fades_can_be_left_out(trailer: Path, tmp_path: Path) -> None:
    assert "fade" not in {kind for kind, _, _ in in_frames(detect(trailer, tmp_path, fades=False, rates=["native"]))}


@pytest.mark.parametrize("count", [1, 2, 40])
def test_one_colour(count: int, tmp_path: Path) -> None:
    path = tmp_path / "grey.mp4"
    write_clip(path, [np.full((36, 64, 3), 90, np.uint8)] * count)
    video = detect(path, tmp_path)
    assert video.transitions == []
    assert video.frame_index is not None
    assert len(video.frame_index.pts) == count


def test_cut_from_and_to_black_is_no_fade(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    scene: Picture = np.kron(rng.integers(0, 255, (9, 16, 3), np.uint8), np.ones((20, 20, 1), np.uint8))
    path = tmp_path / "black.mp4"
    write_clip(path, [scene] * 20 + [np.zeros_like(scene)] * 20 + [scene[::-1].copy()] * 20)
    assert in_frames(detect(path, tmp_path)) == [("cut", 20, 20), ("cut", 40, 40)]


def test_not_a_video(tmp_path: Path) -> None:
    path = tmp_path / "notes.mp4"
    path.write_text("no video")
    with pytest.raises(ItemError, match="cannot open as video"):
        detect(path, tmp_path)


def test_deadline(bikes: Path, tmp_path: Path) -> None:
    video = SourceVideo("test", str(bikes), bikes, tmp_path, deadline=Deadline(seconds=0.0))
    with pytest.raises(ItemTimeoutError):
        list(CutDetection(CutDetection.Config()).split(video))


def test_rates_in_short_and_at_length() -> None:
    config = CutDetection.Config.model_validate(
        {"rates": ["native", 8, {"rate": 2, "detector": "hash", "threshold": 0.3}]}
    )
    assert [rate.rate for rate in config.rates] == ["native", 8.0, 2.0]
    assert [rate.detector for rate in config.rates] == ["content", "content", "hash"]
    assert CutDetection.Config().rates == CutDetection.Config(rates=["native", 8, 2]).rates


@pytest.mark.parametrize(
    "rates", [[], ["fast"], [0], [-2], [{"rate": 2, "detector": "magic"}], [{"rate": 2, "color": 1}]]
)
def test_bad_rates(rates: list[object]) -> None:
    with pytest.raises(ValidationError):
        CutDetection.Config(rates=rates)


@pytest.mark.parametrize("detector", ["content", "adaptive", "histogram", "hash"])
def test_all_detectors_propose(detector: str, bikes: Path, tmp_path: Path) -> None:
    found = in_frames(detect(bikes, tmp_path, rates=[{"rate": "native", "detector": detector}]))
    assert {("cut", 76, 76), ("cut", 137, 137)} <= set(found)
    assert all(start in (30, 76, 137, 187, 242) for _, start, _ in found)


def test_time_is_pts(build_video: Callable[[Recipe], Joined], tmp_path: Path) -> None:
    joined = build_video(RECIPES[3])
    video = detect(joined.path, tmp_path)
    assert video.frame_index is not None
    assert video.frame_index.time_base == Fraction(joined.time_base)
    assert tuple(video.frame_index.pts.tolist()) == joined.pts


def test_figures_on_the_joined_set(joined_set: list[Joined], tmp_path: Path) -> None:
    total = sum((judge(joined, detect(joined.path, tmp_path).transitions)[0] for joined in joined_set), Score())
    assert total.cut_f1 >= 0.98
    assert total.gradual_recall >= 0.90
    assert total.gradual_precision >= 0.90
    assert total.precision >= 0.90
    assert total.share_with_cut <= 0.01
    assert total.share_with_gradual <= 0.04
