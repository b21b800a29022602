"""Ways to find transitions, the cascade and its opponents: each gives transitions and the CPU seconds they took."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from curation.video.types import SourceVideo, Transition
from tests.material.truth import Joined

Method = Callable[[Joined], tuple[list[Transition], float]]
UNION_RATES = (8.0, 2.0)


@dataclass
class _Rate:
    """A ContentDetector with default settings that sees a frame every 1/``fps`` s of time stamps (None: all).

    ``cuts``: intervals of frames (last one seen before, first one seen after].
    """

    fps: float | None
    seen: int = -1
    cuts: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        from scenedetect.detectors import ContentDetector

        self.detector = ContentDetector()
        self.next_s = 0.0

    def wants(self, seconds: float) -> bool:
        if self.fps is None:
            return True
        if seconds < self.next_s:
            return False
        self.next_s = max(self.next_s + 1 / self.fps, seconds)
        return True

    def process(self, number: int, fps: float, image: npt.NDArray[np.uint8]) -> None:
        from scenedetect import FrameTimecode

        for cut in self.detector.process_frame(FrameTimecode(number, fps), image):
            before = self.seen if cut.frame_num == number else cut.frame_num - 1
            self.cuts.append((before, cut.frame_num))
        self.seen = number


def _content_detector(joined: Joined, rates: Iterable[float | None]) -> tuple[list[Transition], float]:
    started = time.process_time()
    detectors = [_Rate(fps) for fps in rates]
    with av.open(str(joined.path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        for number, frame in enumerate(container.decode(stream)):
            seconds = (joined.pts[number] - joined.pts[0]) * float(joined.time_base)
            eager = [rate for rate in detectors if rate.wants(seconds)]
            if not eager:
                continue
            image = frame.to_ndarray(format="bgr24")
            for rate in eager:
                rate.process(number, joined.fps, image)
    found: set[int] = set()
    for rate in detectors:
        found.update([last for first, last in rate.cuts if not any(first < place <= last for place in found)])
    cuts = [Transition("cut", joined.pts[frame], joined.pts[frame], "native", 1.0) for frame in sorted(found)]
    return cuts, time.process_time() - started


def native_content_detector(joined: Joined) -> tuple[list[Transition], float]:
    """PySceneDetect's ContentDetector with its defaults, on every frame."""
    return _content_detector(joined, [None])


def union_of_rates(joined: Joined) -> tuple[list[Transition], float]:
    """The plain union of what ContentDetector finds at the native rate, at 8 and at 2 frames per second (one decode).

    What a lower rate finds between two of its frames is dropped where a higher rate has found a cut there.
    """
    return _content_detector(joined, [None, *UNION_RATES])


def cascade(joined: Joined) -> tuple[list[Transition], float]:
    """The stage ``cut_detection`` with its default configuration."""
    from stages.cut_detection import CutDetection

    stage = CutDetection(CutDetection.Config())
    stage.setup()
    with tempfile.TemporaryDirectory() as workdir:
        video = SourceVideo(joined.name, str(joined.path), joined.path, Path(workdir))
        started = time.process_time()
        list(stage.split(video))
        return video.transitions, time.process_time() - started


METHODS: dict[str, Method] = {
    "cut_detection": cascade,
    "ContentDetector native": native_content_detector,
    "union of three rates": union_of_rates,
}
