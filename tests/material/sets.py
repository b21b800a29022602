"""The set of 27 joined videos on which cut detection and clipping are measured."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import numpy as np
from filelock import Timeout

from tests.material.builder import build
from tests.material.distractors import DISTRACTORS
from tests.material.recipes import Encoding, Join, Recipe, Shot
from tests.material.sources import REAL_SHOTS, STILLS, extra_shots
from tests.material.truth import Joined

MATERIAL_CACHE = "CURATION_TEST_MATERIAL"

X264 = {"preset": "veryfast"}
H264_LONG = Encoding("h264-gop250", ".mp4", "libx264", options={"preset": "faster"}, gop=250, audio_codec="aac")
H264_OPEN = Encoding(
    "h264-open-gop",
    ".mp4",
    "libx264",
    options=X264 | {"x264-params": "open-gop=1:bframes=3"},
    gop=48,
    audio_codec="aac",
)
H264_SHORT = Encoding("h264-gop12", ".mp4", "libx264", options=X264, gop=12)
H264_MKV = Encoding("h264-mkv", ".mkv", "libx264", options=X264, gop=60, audio_codec="aac")
HEVC = Encoding(
    "hevc", ".mp4", "libx265", options={"preset": "veryfast", "x265-params": "log-level=error:pools=none"}, gop=60
)
VP9 = Encoding(
    "vp9",
    ".webm",
    "libvpx-vp9",
    options={"deadline": "realtime", "cpu-used": "7", "crf": "32", "b": "0"},
    gop=120,
    audio_codec="libopus",
)
AV1 = Encoding("av1", ".mp4", "libsvtav1", options={"preset": "11", "crf": "35", "svtav1-params": "lp=1"}, gop=96)
MPEG4 = Encoding("mpeg4-avi", ".avi", "mpeg4", options={"b": "1500k"}, gop=24, b_frames=0)
MPEG4_B = Encoding("mpeg4-avi-b", ".avi", "mpeg4", options={"b": "1500k"}, gop=36, b_frames=2)
MPEG2_TS = Encoding("mpeg2-ts", ".ts", "mpeg2video", options={"b": "3M"}, gop=15, b_frames=2, audio_codec="mp2")
MPEG2_PS = Encoding("mpeg2-ps", ".mpg", "mpeg2video", options={"b": "3M"}, gop=12, b_frames=2, audio_codec="mp2")
# x264's macroblock tree differs from run to run when time stamps are irregular.
X264_VFR = X264 | {"x264-params": "mbtree=0"}
H264_VFR = Encoding("h264-vfr", ".mp4", "libx264", options=X264_VFR, gop=90, vfr=True, audio_codec="aac")
H264_VFR_MKV = Encoding("h264-vfr-mkv", ".mkv", "libx264", options=X264_VFR, gop=90, vfr=True)
H264_ROTATED = Encoding("h264-rotated", ".mp4", "libx264", options=X264, gop=30, rotation=90)
H264_10BIT = Encoding("h264-10bit", ".mp4", "libx264", "yuv420p10le", options=X264, gop=72)
HEVC_10BIT = Encoding("hevc-10bit", ".mp4", "libx265", "yuv420p10le", options=HEVC.options, gop=72)
H264_INTERLACED = Encoding(
    "h264-interlaced",
    ".mp4",
    "libx264",
    options=X264 | {"x264-params": "tff=1", "flags": "+ildct+ilme"},
    gop=50,
    interlaced=True,
)
MPEG2_INTERLACED = Encoding(
    "mpeg2-interlaced",
    ".ts",
    "mpeg2video",
    options={"b": "4M", "flags": "+ildct+ilme", "top": "1"},
    gop=15,
    b_frames=2,
    interlaced=True,
)

# (encoding, frames per second, width, height)
ENCODINGS: tuple[tuple[Encoding, str, int, int], ...] = (
    (H264_LONG, "24", 320, 180),
    (H264_LONG, "25", 320, 180),
    (H264_LONG, "24000/1001", 320, 240),
    (H264_LONG, "60", 320, 180),
    (H264_OPEN, "24", 320, 180),
    (H264_OPEN, "30000/1001", 320, 180),
    (H264_SHORT, "25", 320, 180),
    (H264_SHORT, "24000/1001", 320, 180),
    (H264_SHORT, "30", 480, 270),
    (H264_MKV, "50", 320, 180),
    (HEVC, "24", 320, 180),
    (HEVC, "25", 320, 180),
    (VP9, "24", 320, 180),
    (VP9, "30", 320, 180),
    (AV1, "24", 320, 180),
    (MPEG4, "25", 320, 180),
    (MPEG4_B, "25", 320, 180),
    (MPEG2_TS, "25", 320, 180),
    (MPEG2_PS, "25", 320, 180),
    (H264_VFR, "30", 320, 180),
    (H264_VFR, "24", 320, 180),
    (H264_VFR_MKV, "30", 320, 180),
    (H264_ROTATED, "30", 320, 180),
    (H264_10BIT, "24", 320, 180),
    (HEVC_10BIT, "25", 320, 180),
    (H264_INTERLACED, "25", 320, 180),
    (MPEG2_INTERLACED, "25", 320, 180),
)


def recipes(seed: int = 20) -> list[Recipe]:
    """27 recipes with about 95 hard cuts and 55 gradual transitions of 0.3 to 3 s, drawn from ``seed``."""
    rng = np.random.default_rng(seed)
    kinds = list(rng.permutation(["cut"] * 95 + ["dissolve"] * 24 + ["fade"] * 18 + ["wipe"] * 13))
    counts = [len(part) for part in np.array_split(kinds, len(ENCODINGS))]
    result = []
    for number, (encoding, fps, width, height) in enumerate(ENCODINGS):
        joins = tuple(_join(str(kinds.pop()), rng) for _ in range(counts[number]))
        shots = _shots(len(joins) + 1, rng)
        name = f"{number + 1:02}-{encoding.name}-{fps.replace('/', '_')}"
        result.append(Recipe(name, 1000 * seed + number, encoding, shots, joins, fps, width, height))
    return result


def build_set(directory: Path | None = None, seed: int = 20) -> list[Joined]:
    """All videos of `recipes`, below ``directory`` or else the directory $CURATION_TEST_MATERIAL.

    Processes that call this at the same time share the work.
    """
    directory = directory or Path(os.environ[MATERIAL_CACHE])
    for recipe in recipes(seed):
        with suppress(Timeout):
            build(recipe, directory, waits=False)
    return [build(recipe, directory) for recipe in recipes(seed)]


def _join(kind: str, rng: np.random.Generator) -> Join:
    if kind == "cut":
        return Join("cut")
    if kind == "dissolve":
        return Join("dissolve", round(float(rng.uniform(0.3, 2.2 if rng.random() < 0.8 else 3.0)), 2))
    seconds = round(float(rng.uniform(0.3, 2.2)), 2)
    if kind == "fade":
        return Join("fade", seconds, str(rng.choice(["black", "black", "white"])), float(rng.choice([0.0, 0.0, 0.2])))
    return Join("wipe", seconds, str(rng.choice(["left", "right", "up", "down", "diagonal", "circle"])))


def _shots(count: int, rng: np.random.Generator) -> tuple[Shot, ...]:
    """Shots of 1.2 to 4 s; no source twice in a row. Held-out material, where there is any, replaces the real shots."""
    real = sorted(extra_shots() or REAL_SHOTS)
    shots: list[Shot] = []
    while len(shots) < count:
        pool = rng.choice(["real", "still", "drawn", "whip"], p=[0.45, 0.35, 0.1, 0.1])
        source = str({"real": rng.choice(real), "still": rng.choice(STILLS)}.get(pool, pool))
        if shots and shots[-1].source == source:
            continue
        names = rng.choice(list(DISTRACTORS), rng.choice([0, 1, 2], p=[0.45, 0.4, 0.15]), replace=False)
        distractors = tuple(str(name) for name in names)
        shots.append(Shot(source, round(float(rng.uniform(1.2, 4.0)), 2), distractors))
    return tuple(shots)
