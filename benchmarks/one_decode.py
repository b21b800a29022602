"""(c) Cascade, clips, verification, sampling and flow of one video, against one bare decode of it. CPU seconds.

python -m benchmarks.one_decode [--mode smart] [--video FILE | --gop FRAMES] [--repeat 5]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks.material import encoded_trailer, joined_trailer
from curation.config import load_config, resolve_pipeline
from curation.engine.pipeline import stages_of
from curation.engine.spec import StageSpec
from curation.stage import Annotator, ClipSample, Splitter
from curation.video.probe import probe
from curation.video.reader import decode_frames, open_video
from curation.video.types import SourceVideo, WrittenClip


def main() -> None:
    """Print medians and the ratio."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--repeat", type=int, default=5)
    arguments.add_argument("--mode", default="copy", choices=["copy", "smart", "exact"])
    arguments.add_argument("--video", type=Path, default=None, help="default: the sample trailer twice, 110 s of 720p")
    arguments.add_argument("--gop", type=int, help="the trailer encoded again with a keyframe every so many frames")
    wanted = arguments.parse_args()
    repeat = wanted.repeat
    path = wanted.video or (encoded_trailer(wanted.gop) if wanted.gop else joined_trailer())
    stages = stages_of(resolve_pipeline(load_config(), "quickstart", [f"clipping.mode={wanted.mode}"]))
    splitters = [_started(spec) for spec in stages.splitters]
    flow = _started(next(spec for spec in stages.annotators if spec.name == "optical_flow"))
    assert isinstance(flow, Annotator)
    rows: dict[str, list[float]] = {}
    for _ in range(repeat):
        rows.setdefault("bare decode", []).append(_cpu(lambda: _decode(path)))
        with tempfile.TemporaryDirectory() as folder:
            video = SourceVideo("benchmark", str(path), path, Path(folder), info=probe(path))
            video.frame_requests = {"optical_flow": flow.frames()}
            clips = []
            for splitter in splitters:
                assert isinstance(splitter, Splitter)
                began = time.process_time()
                clips.extend(splitter.split(video))
                rows.setdefault(splitter.name, []).append(time.process_time() - began)
            samples = [_sample(clip) for clip in clips]
            rows.setdefault("optical_flow", []).append(_cpu(lambda samples=samples: flow.annotate(samples)))
    decode = median(rows["bare decode"])
    whole = [sum(values) for values in zip(*(rows[name] for name in rows if name != "bare decode"), strict=True)]
    print(f"| step | CPU s (median of {repeat}) | × bare decode |\n| --- | --- | --- |")
    for name, values in [*rows.items(), ("all but the bare decode", whole)]:
        ratios = [value / bare for value, bare in zip(values, rows["bare decode"], strict=True)]
        print(f"| {name} | {median(values):.2f} | {median(ratios):.2f} |")
    kept = float(sum((clip.end_pts - clip.start_pts) * clip.time_base for clip in clips))
    share = kept / (kept + float(video.lost_s))
    print(f"\nmode {wanted.mode}: {len(clips)} clips with {share:.0%} of shot time; bare decode {decode:.2f} s")


def _sample(clip: WrittenClip) -> ClipSample:
    values = {"num_frames": clip.num_frames, "fps": clip.fps}
    return ClipSample(str(clip.clip_index), {}, clip.frames["optical_flow"], values)


def _started(spec: StageSpec) -> Splitter | Annotator:
    stage = spec.build()
    stage.setup()
    assert isinstance(stage, Splitter | Annotator)
    return stage


def _decode(path: Path) -> None:
    with open_video(path) as (container, stream):
        for _ in decode_frames(container, stream):
            pass


def _cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


if __name__ == "__main__":
    main()
