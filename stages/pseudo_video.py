"""`pseudo_video`: a still image becomes a short video, by a random zoom and pan."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import ClassVar

from pydantic import Field

from curation.stage import Splitter, StageConfig
from curation.video.encoding import write_mp4
from curation.video.probe import probe
from curation.video.types import SourceKind, SourceVideo, WrittenClip
from stages.x264 import X264Preset


class PseudoVideo(Splitter):
    """Makes a video of each still image, as in VidRD (arXiv 2309.03549, §4.2); videos pass through.

    The motion follows from the content of the file and ``seed``: the same image gives the same bytes every time.
    """

    name = "pseudo_video"
    provides = ("still_images",)
    opens: ClassVar[tuple[SourceKind, ...]] = ("video", "image")

    class Config(StageConfig):
        """Parameters of `pseudo_video`."""

        seconds: float = Field(4.0, gt=0, le=60, description="length of the video")
        fps: float = Field(24.0, ge=1, le=120, description="frames per second")
        max_zoom: float = Field(1.3, gt=1, le=4, description="highest magnification; 1 shows the whole image")
        short_side: int = Field(720, ge=16, le=4096, description="of the video, pixels; small images are not enlarged")
        min_side: int = Field(64, ge=16, description="an image with a shorter side fails, pixels")
        crf: int = Field(15, ge=0, le=51, description="quality of the encoding; smaller is better")
        preset: X264Preset = Field("veryfast", description="x264's preset")
        seed: int = Field(0, description="another seed gives every image another motion")

    config: Config

    def split(self, video: SourceVideo) -> Iterable[WrittenClip]:
        """Of a still image: write its video, and set ``path`` and ``info`` to it.

        Raises:
            ItemError: the image cannot be used.
            ItemTimeoutError: it took too long.
        """
        if video.kind != "image":
            return ()
        from stages.stills.motion import plan_motion
        from stages.stills.picture import read_picture
        from stages.stills.render import render

        config = self.config
        image = read_picture(video.path, config.min_side)
        fps = Fraction(config.fps).limit_denominator(1001)
        motion = plan_motion(
            image.width,
            image.height,
            max(1, round(config.seconds * fps)),
            config.max_zoom,
            config.short_side,
            f"{config.seed}/{video.video_id}",
        )
        target = video.workdir / "pseudo_video.mp4"
        write_mp4(
            str(target),
            enumerate(render(image, motion, video.deadline)),
            motion.size,
            time_base=1 / fps,
            rate=fps,
            gop=max(1, round(2 * fps)),
            encoder="libx264",
            options={"crf": str(config.crf), "preset": config.preset},
        )
        video.path = target
        video.info = probe(target, video.deadline)
        return ()
