"""Videos that the benchmarks run on, made from the sample trailer."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av

TRAILER = Path(__file__).parent.parent / "examples" / "videos" / "big_buck_bunny_trailer.mp4"
CACHE = Path(tempfile.gettempdir()) / "curation-benchmarks"


def joined_trailer(times: int = 2) -> Path:
    """The trailer ``times`` times in a row as one 720p H.264 file with sound, by copying packets; kept in `CACHE`."""
    path = CACHE / f"trailer-x{times}.mp4"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"unfinished-{path.name}")
        repeat(TRAILER, unfinished, times)
        unfinished.replace(path)
    return path


def encoded_trailer(gop: int, times: int = 2) -> Path:
    """`joined_trailer` encoded again by x264 with a keyframe every ``gop`` frames; kept in `CACHE`."""
    import ffmpeg
    from imageio_ffmpeg import get_ffmpeg_exe

    path = CACHE / f"trailer-x{times}-gop{gop}.mp4"
    if not path.exists():
        unfinished = path.with_name(f"unfinished-{path.name}")
        joined = ffmpeg.input(str(joined_trailer(times)))
        encoded = joined.output(str(unfinished), vcodec="libx264", g=gop, acodec="copy")
        encoded.run(cmd=get_ffmpeg_exe(), quiet=True, overwrite_output=True)
        unfinished.replace(path)
    return path


def repeat(source: Path, target: Path, times: int) -> None:
    """Write the first video and audio stream of a file ``times`` times in a row, by copying packets."""
    with av.open(str(target), "w") as output:
        with av.open(str(source)) as first:
            streams = [output.add_stream_from_template(stream) for stream in _kept(first)]
            period = Fraction(first.duration or 0, av.time_base)
        for number in range(times):
            with av.open(str(source)) as container:
                kept = _kept(container)
                for packet in container.demux(kept):
                    if packet.dts is None:
                        continue
                    assert packet.time_base is not None
                    assert packet.pts is not None
                    shift = round(number * period / packet.time_base)
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    packet.stream = streams[kept.index(packet.stream)]
                    output.mux(packet)


def _kept(container: av.container.InputContainer) -> Sequence[av.stream.Stream]:
    return [*container.streams.video[:1], *container.streams.audio[:1]]


def short_videos(folder: Path, count: int, seconds: int) -> list[Path]:
    """``count`` different files of at most 12 seconds, 640 × 360, two shots each: stretches of the trailer."""
    folder.mkdir(parents=True)
    half = 12 * seconds
    frames = _small_frames(1000 + half)
    paths = []
    for number in range(count):
        path = folder / f"{number:04d}.mp4"
        first, second = (number * 37) % 1000, (number * 61 + 400) % 1000
        with av.open(str(path), "w") as output:
            stream = output.add_stream("libx264", rate=24, options={"preset": "veryfast", "crf": "23"})
            stream.width, stream.height, stream.pix_fmt, stream.gop_size = 640, 360, "yuv420p", 24
            for position, index in enumerate([*range(first, first + half), *range(second, second + half)]):
                frame = frames[index]
                frame.pts, frame.time_base = position, Fraction(1, 24)
                output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
        paths.append(path)
    return paths


def _small_frames(count: int) -> list[av.VideoFrame]:
    frames = []
    with av.open(str(TRAILER)) as container:
        for frame in container.decode(video=0):
            small = frame.reformat(width=640, height=360, format="yuv420p")
            small.pict_type = av.video.frame.PictureType.NONE
            frames.append(small)
            if len(frames) == count:
                break
    return frames
