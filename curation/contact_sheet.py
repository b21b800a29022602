"""One picture per source video: a timeline with its transitions and clips, and a thumbnail of each clip."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from curation.counted import counted
from curation.video.sampling import FrameRequest, Frames
from curation.video.types import VideoInfo

Row = Mapping[str, Any]

WIDTH, MARGIN, BAR, CAPTION = 1280, 16, 36, 18
CLIPS_PER_ROW = 3
GAP = 10
CELL = (WIDTH - 2 * MARGIN - (CLIPS_PER_ROW - 1) * GAP) // CLIPS_PER_ROW
THUMBNAIL = FrameRequest(at="first_middle_last", long_side=CELL // 3)
MOST_CLIPS = 240
BACKGROUND, TEXT, FAINT = "#16181d", "#e8e8e8", "#8a8f98"
SHOT, CLIP = "#2b3038", "#3f7f5f"
TRANSITION_COLOURS = {"cut": "#ffffff", "fade": "#5b8def", "dissolve": "#e0a030"}


def draw_contact_sheet(
    source: str,
    info: VideoInfo,
    transitions: Sequence[Row],
    clips: Sequence[Row],
    thumbnails: Sequence[Frames],
) -> bytes:
    """A JPEG of a video's timeline and clips.

    ``transitions``: as in `videos`; ``clips``: its rows of `clips`; ``thumbnails``: for each clip the frames of
    `THUMBNAIL`, uint8 [3, h, w, 3]. At most `MOST_CLIPS` thumbnails are drawn; the timeline shows all.
    """
    shown = list(zip(clips, thumbnails, strict=True))[:MOST_CLIPS]
    strips = [_strip(frames) for _, frames in shown]
    row_height = max((strip.height for strip in strips), default=0) + CAPTION + GAP
    top = MARGIN + 3 * CAPTION + BAR + 2 * GAP
    rows = -(-len(shown) // CLIPS_PER_ROW)
    sheet = Image.new("RGB", (WIDTH, top + rows * row_height + MARGIN), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    _heading(draw, source, info, transitions, clips, len(shown))
    _timeline(draw, info.duration_s, transitions, clips, MARGIN + 2 * CAPTION)
    sheet.paste(_legend(), (MARGIN, MARGIN + 2 * CAPTION + GAP + BAR + 4))
    for number, ((clip, _), strip) in enumerate(zip(shown, strips, strict=True)):
        x = MARGIN + (number % CLIPS_PER_ROW) * (CELL + GAP)
        y = top + (number // CLIPS_PER_ROW) * row_height
        sheet.paste(strip, (x, y))
        label = (
            f"{clip['clip_index']}   {clock(clip['start_s'])} - {clock(clip['end_s'])}   {clip['num_frames']} frames"
        )
        draw.text((x, y + strip.height + 2), f"{label}   {clip['mode']}", TEXT, _font())
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def clock(seconds: float) -> str:
    """Seconds as h:mm:ss.ss, without the hours where there are none."""
    minutes, rest = divmod(round(seconds * 100), 6000)
    hours, minutes = divmod(minutes, 60)
    return (f"{hours}:{minutes:02d}:" if hours else f"{minutes}:") + f"{rest / 100:05.2f}"


def _strip(frames: Frames) -> Image.Image:
    """First, middle and last frame side by side."""
    return Image.fromarray(np.concatenate(list(frames), axis=1))


def _heading(
    draw: ImageDraw.ImageDraw,
    source: str,
    info: VideoInfo,
    transitions: Sequence[Row],
    clips: Sequence[Row],
    shown: int,
) -> None:
    kinds = [transition["kind"] for transition in transitions]
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in TRANSITION_COLOURS if kind in kinds)
    kept = sum(clip["end_s"] - clip["start_s"] for clip in clips)
    draw.text((MARGIN, MARGIN), printable(source.rsplit("/", 1)[-1])[:120], TEXT, _font())
    facts = f"{info.width} x {info.height}  {info.fps:.3f} fps  {info.codec}  {clock(info.duration_s)}"
    drawn = "" if shown == len(clips) else f" (first {shown} drawn)"
    text = f"{facts}   |   {counts or 'no transitions'}   |   {counted(len(clips), 'clip')}{drawn}, {clock(kept)} kept"
    draw.text((MARGIN, MARGIN + CAPTION), text, FAINT, _font())


def _timeline(
    draw: ImageDraw.ImageDraw, duration_s: float, transitions: Sequence[Row], clips: Sequence[Row], top: int
) -> None:
    ends = [duration_s, *(mark["end_s"] for mark in [*clips, *transitions])]
    first = min([0.0, *(mark["start_s"] for mark in [*clips, *transitions])])
    scale = (WIDTH - 2 * MARGIN) / max(max(ends) - first, 1e-6)

    def x_of(seconds: float) -> float:
        return float(MARGIN + (seconds - first) * scale)

    top += GAP
    draw.rectangle((MARGIN, top, WIDTH - MARGIN, top + BAR), SHOT)
    for clip in clips:
        left = x_of(clip["start_s"])
        draw.rectangle((left, top + 6, max(left, x_of(clip["end_s"]) - 1), top + BAR - 6), CLIP)
    for mark in transitions:
        left = x_of(mark["start_s"])
        draw.rectangle((left, top, max(left + 1, x_of(mark["end_s"])), top + BAR), TRANSITION_COLOURS[mark["kind"]])


@lru_cache(maxsize=1)
def _legend() -> Image.Image:
    legend = Image.new("RGB", (90 * (1 + len(TRANSITION_COLOURS)), CAPTION), BACKGROUND)
    draw = ImageDraw.Draw(legend)
    for number, (name, colour) in enumerate([("clip", CLIP), *TRANSITION_COLOURS.items()]):
        x = 90 * number
        draw.rectangle((x, 3, x + 10, 13), colour)
        draw.text((x + 16, 0), name, FAINT, _font())
    return legend


@lru_cache(maxsize=1)
def _font() -> Any:
    return ImageFont.load_default(13)


def printable(text: str) -> str:
    """The text with control characters and what the font lacks made visible."""
    return "".join(char if char.isprintable() and char.isascii() else "?" for char in text)
