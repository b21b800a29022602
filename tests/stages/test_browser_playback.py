"""Smart-cut clips in a real browser: all of it plays, without an error."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stages.clipping import Clipping, ClippingConfig
from tests.material import sets
from tests.material.recipes import Encoding
from tests.stages.sources import index_of, source_video, true_transitions
from tests.stages.test_clipping import SHOTS, BuildVideo

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytest.importorskip("playwright", reason="playwright is not installed: pip install playwright")

PLAY_TO_THE_END = """
video => new Promise((resolve, reject) => {
    video.onended = () => resolve({
        ended: video.currentTime,
        duration: video.duration,
        width: video.videoWidth,
        height: video.videoHeight,
        frames: video.getVideoPlaybackQuality().totalVideoFrames,
        corrupted: video.getVideoPlaybackQuality().corruptedVideoFrames,
    });
    video.onerror = () => reject(new Error(`${video.error.code}: ${video.error.message}`));
    video.muted = true;
    video.playbackRate = 4;
    video.play().catch(reject);
})
"""


@pytest.mark.parametrize(
    "encoding",
    [sets.H264_LONG, sets.H264_SHORT, sets.H264_OPEN, sets.H264_VFR, sets.H264_ROTATED, sets.VP9, sets.AV1],
    ids=lambda encoding: encoding.name,
)
def test_smart_clips_play_to_the_end(
    encoding: Encoding, browser: Browser, build_video: BuildVideo, tmp_path: Path
) -> None:
    video = build_video(replace(SHOTS, name=f"play-{encoding.name}", encoding=encoding))
    source = source_video(video.path, tmp_path, index_of(video.path), true_transitions(video))
    clips = list(Clipping(ClippingConfig(mode="smart", min_seconds=1)).split(source))
    assert len(clips) >= 2
    page = browser.new_page()
    for clip in clips:
        page.goto(clip.path.as_uri())
        page.wait_for_selector("video")
        played = page.eval_on_selector("video", PLAY_TO_THE_END)
        assert played["ended"] == played["duration"] == pytest.approx(clip.num_frames / clip.fps, abs=0.1)
        assert (played["width"], played["height"]) == (clip.width, clip.height)
        assert (played["frames"] > 0.8 * clip.num_frames, played["corrupted"]) == (True, 0)
    page.close()
