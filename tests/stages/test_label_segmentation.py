"""Of a long labelled video exactly what shows its label goes into clips; scores are those of OpenCLIP itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from pydantic import ValidationError

from curation.errors import ItemError, UserError
from curation.video.clip_frames import decode_clip
from curation.video.sampling import FrameRequest, Frames
from curation.video.types import SourceVideo
from stages.clipping import Clipping
from stages.label_segmentation import LabelMatcher, LabelSegmentation
from tests.material.encode import write_video
from tests.material.sets import H264_SHORT
from tests.models.tiny_clip import MODEL_CONFIG
from tests.stages.sources import cut_at, decode, index_of, source_video

FPS, WIDTH, HEIGHT = 10, 96, 64
# Frames of each span, and whether it shows what the label says. The relevant one of 1.5 s is too short.
SPANS = [(43, False), (57, True), (31, False), (15, True), (26, False), (64, True), (24, False)]
RELEVANT = [(43, 100), (172, 236)]


class Greenness:
    """A stand-in encoder of known output: the share of green in the picture, for the right text."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def transform(self, frame: Frames) -> Frames:
        return frame[::8, ::8]

    def similarities(self, images: Sequence[Frames], text: str) -> npt.NDArray[np.float32]:
        self.texts.append(text)
        return np.array([image[..., 1].mean() / image.mean(axis=(0, 1)).sum() for image in images], np.float32)


class GreenSegmentation(LabelSegmentation):
    """Label segmentation with the stand-in."""

    def load_matcher(self) -> LabelMatcher:
        self.greenness = Greenness()
        return self.greenness


@pytest.fixture(scope="module")
def spans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """26 s of drifting noise: green where it is relevant, red where not."""
    rng = np.random.default_rng(0)
    noise = np.kron(rng.integers(60, 160, (9, 40)), np.ones((8, 8))).astype(np.uint8)
    frames, number = [], 0
    for length, is_relevant in SPANS:
        for _ in range(length):
            tint = np.array([0.2, 1.0, 0.2] if is_relevant else [1.0, 0.3, 0.3])
            frames.append((noise[:HEIGHT, number % 200 : number % 200 + WIDTH, None] * tint).astype(np.uint8))
            number += 1
    path = tmp_path_factory.mktemp("spans") / "spans.mp4"
    write_video(path, frames, range(len(frames)), Fraction(1, FPS), Fraction(FPS), (WIDTH, HEIGHT), H264_SHORT)
    return path


def segmented(path: Path, workdir: Path, *cuts: int, label: Any = "green_grass", **config: Any) -> SourceVideo:
    index = index_of(path)
    video = source_video(path, workdir, index, cut_at(index, *cuts))
    video.columns = {"label": label}
    settings = {"fps": 2, "min_similarity": 0.5, "images_per_pass": 7} | config
    stage = GreenSegmentation(GreenSegmentation.Config(**settings))
    stage.setup()
    assert list(stage.split(video)) == []
    assert set(stage.greenness.texts) <= {"a video of green grass"}
    return video


def kept_frames(video: SourceVideo) -> list[tuple[int, int]]:
    assert video.keep is not None
    assert video.frame_index is not None
    pts = video.frame_index.pts
    return [(int(np.searchsorted(pts, start)), int(np.searchsorted(pts, end))) for start, end in video.keep]


def test_exactly_what_is_relevant_becomes_clips(spans: Path, tmp_path: Path) -> None:
    cuts = np.cumsum([length for length, _ in SPANS])[:-1].tolist()
    video = segmented(spans, tmp_path / "work", *cuts)
    assert kept_frames(video) == RELEVANT
    assert '12.1 of 26.0 s match the label "green grass", in 2 segments' in video.notes[0]
    clips = list(Clipping(Clipping.Config(mode="exact", min_seconds=0)).split(video))
    assert [(clip.start_pts * clip.time_base * FPS, clip.end_pts * clip.time_base * FPS) for clip in clips] == RELEVANT
    for clip in clips:
        frames = decode_clip(clip.path, {"all": FrameRequest("uniform", count=clip.num_frames)})["all"]
        assert (frames[..., 1].mean(axis=(1, 2)) > 2 * frames[..., 0].mean(axis=(1, 2))).all()
    assert video.lost_s == 0


def test_within_a_shot_no_frame_that_may_be_irrelevant_is_kept(spans: Path, tmp_path: Path) -> None:
    video = segmented(spans, tmp_path / "work")
    for (start, stop), (first, behind) in zip(kept_frames(video), RELEVANT, strict=True):
        assert first <= start < first + FPS // 2
        assert behind - FPS // 2 <= stop <= behind


@pytest.mark.parametrize(("label", "config"), [(None, {}), ("grass", {"longer_than_s": 26.0})])
def test_videos_without_a_label_and_short_ones_stay_whole(
    spans: Path, tmp_path: Path, label: str | None, config: dict[str, Any]
) -> None:
    video = segmented(spans, tmp_path / "work", label=label, **config)
    assert video.keep is None
    assert video.notes == []


def test_where_nothing_matches_there_is_no_clip_and_a_note(spans: Path, tmp_path: Path) -> None:
    video = segmented(spans, tmp_path / "work", min_similarity=0.99)
    assert video.keep == []
    assert video.notes[0].startswith("0.0 of 26.0 s match")
    assert list(Clipping(Clipping.Config(min_seconds=0)).split(video)) == []


def test_a_number_is_no_label(spans: Path, tmp_path: Path) -> None:
    with pytest.raises(ItemError, match="the manifest's label is 7: a label must be a name"):
        segmented(spans, tmp_path / "work", label=7)


@pytest.mark.parametrize(
    "config",
    [{"min_similarity": None}, {"prompt": "a video"}, {"prompt": "{label} {x}"}, {"prompt": "{label"}, {"fps": 0}],
)
def test_wrong_settings(config: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        LabelSegmentation.Config(**config)


def test_missing_weights_are_told(tmp_path: Path) -> None:
    stage = LabelSegmentation(LabelSegmentation.Config(cache_dir=str(tmp_path)))
    (requirement,) = stage.requirements()
    assert "--set label_segmentation.download=true" in str(requirement.problem)
    with pytest.raises(UserError, match="not on this machine"):
        stage.setup()


def test_scores_are_those_of_open_clip(spans: Path, tmp_path: Path) -> None:
    import open_clip
    import torch
    from PIL import Image

    settings = MODEL_CONFIG | {"text_cfg": MODEL_CONFIG["text_cfg"] | {"context_length": 16, "vocab_size": 49408}}
    config = tmp_path / "tiny-match.json"
    config.write_text(json.dumps(settings))
    open_clip.add_model_config(config)
    torch.manual_seed(1)
    torch.save(open_clip.create_model("tiny-match").state_dict(), tmp_path / "weights.pt")
    stage = LabelSegmentation(
        LabelSegmentation.Config(
            model=str(config), pretrained=str(tmp_path / "weights.pt"), fps=0.5, min_similarity=-1, images_per_pass=4
        )
    )
    assert [requirement.problem for requirement in stage.requirements()] == [None]
    stage.setup()
    decoded = decode(spans)
    video = source_video(spans, tmp_path / "work", decoded.index, [])
    samples = np.arange(0, 260, 20)
    scores = stage._score(video, decoded.index, samples, "a video of green grass")

    model, preprocess = open_clip.create_model_from_pretrained("tiny-match", pretrained=str(tmp_path / "weights.pt"))
    tokens = open_clip.get_tokenizer("tiny-match")(["a video of green grass"])
    full = decode_clip(spans, {"full": FrameRequest("uniform", count=260)})["full"]
    with torch.no_grad():
        text = model.eval().encode_text(tokens, normalize=True)[0]
        expected = [
            float(model.encode_image(preprocess(Image.fromarray(full[number]))[None], normalize=True)[0] @ text)
            for number in samples
        ]
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-5)
    assert np.ptp(scores) > 1e-3
