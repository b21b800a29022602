"""Makers of unusual inputs that are sound all the same. Each takes a directory and returns the file it wrote."""

from __future__ import annotations

import os
import shutil
from fractions import Fraction
from pathlib import Path

import av

from tests.material.boxes import boxes
from tests.material.inputs import Input, Maker, Outcome, collect, write_flat, write_sample
from tests.material.recipes import Encoding
from tests.material.sets import H264_LONG, H264_MKV, H264_SHORT, MPEG2_TS

NAMES = {
    "spaces": "two words  and more.mp4",
    "newline": "two\nlines.mp4",
    "emoji": "🎬 снимка 映画.mp4",
    "leading_dash": "-i.mp4",
    "pattern": "%d frame %05d.mp4",
    "colon": "http:example.mp4",
    "quotes": 'it\'s "quoted".mp4',
    "shell": "$(touch x);`y`&|*?[a].mp4",
    "backslash": "back\\slash.mp4",
    "hash": "a#b?c=d.mp4",
    "long": "n" * 240 + ".mp4",
    "not_utf8": os.fsdecode(b"latin-\xe9.mp4"),
}


def one_frame(directory: Path) -> Path:
    return write_sample(directory / "one-frame.mp4", seconds=0.04)


def sixteen_pixels(directory: Path) -> Path:
    return write_flat(directory / "sixteen-pixels.mp4", 16, 16, frames=75, fps=25)


def strip(directory: Path) -> Path:
    """Much wider than high."""
    return write_flat(directory / "strip.mp4", 1024, 16, frames=75, fps=25)


def eight_k(directory: Path) -> Path:
    encoding = Encoding("8k", ".mp4", "libx264", options={"preset": "ultrafast", "tune": "zerolatency"}, gop=6)
    return write_flat(directory / "eight-k.mp4", 7680, 4320, frames=4, fps=1, encoding=encoding)


def odd_size(directory: Path) -> Path:
    """101 x 75 pixels, 4:4:4."""
    encoding = Encoding("odd", ".mp4", "libx264", "yuv444p", options={"preset": "veryfast"}, gop=12)
    return write_flat(directory / "odd-size.mp4", 101, 75, frames=75, fps=25, encoding=encoding)


def one_frame_a_second(directory: Path) -> Path:
    return write_sample(directory / "one-frame-a-second.mp4", seconds=8, fps=Fraction(1))


def one_keyframe(directory: Path) -> Path:
    encoding = Encoding(
        "one-keyframe", ".mp4", "libx264", options={"preset": "veryfast", "sc_threshold": "0"}, gop=100_000
    )
    return write_sample(directory / "one-keyframe.mp4", encoding)


def late_start(directory: Path) -> Path:
    """The first frame comes at 100 s."""
    return write_sample(directory / "late-start.mkv", H264_MKV, start_pts=2500)


def negative_start(directory: Path) -> Path:
    """The first frame comes at -1 s."""
    options = {"avoid_negative_ts": "disabled"}
    return write_sample(directory / "negative-start.ts", MPEG2_TS, start_pts=-25, muxer_options=options)


def time_stamps_wrap(directory: Path) -> Path:
    """MPEG time stamps have 33 bits: here they start again at 0 after two seconds."""
    start = 2**33 - 2 * 90000
    options = {"avoid_negative_ts": "disabled"}
    encoding = Encoding("wrap", ".ts", "libx264", options=H264_SHORT.options, gop=12)
    path = directory / "time-stamps-wrap.ts"
    return write_sample(path, encoding, start_pts=start, time_base=Fraction(1, 90000), muxer_options=options)


def gap(directory: Path) -> Path:
    """No packet between seconds 1.92 and 2.88; the frames after the gap keep their time stamps."""
    whole = write_sample(directory / "whole.mkv", Encoding("gop12", ".mkv", "libx264", options={"bf": "0"}, gop=12))
    path = directory / "gap.mkv"
    with av.open(str(whole)) as source, av.open(str(path), "w") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.pts is None or 1.9 < packet.pts * packet.time_base < 2.87:
                continue
            packet.stream = copy
            target.mux(packet)
    whole.unlink()
    return path


def declared_duration_zero(directory: Path) -> Path:
    """mvhd, tkhd and mdhd say that the file lasts 0 s; its packets say otherwise."""
    path = write_sample(directory / "declared-duration-zero.mp4")
    data = bytearray(path.read_bytes())
    places = {b"mvhd": 24, b"tkhd": 28, b"mdhd": 24}
    for box in boxes(bytes(data)):
        offset = places.get(box.path[-1])
        if offset is not None:
            data[box.start + offset : box.start + offset + 4] = bytes(4)
    path.write_bytes(data)
    return path


def size_changes(directory: Path) -> Path:
    """A transport stream that goes on at another picture size, as recordings of broadcasts do."""
    first = write_sample(directory / "first.ts", MPEG2_TS)
    second = write_flat(directory / "second.ts", 256, 144, frames=75, fps=25, encoding=MPEG2_TS)
    path = directory / "size-changes.ts"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    first.unlink()
    second.unlink()
    return path


def wrong_suffix(directory: Path) -> Path:
    """Matroska under the name of an AVI file."""
    return write_sample(directory / "matroska.mkv", H264_MKV).rename(directory / "wrong-suffix.avi")


def fragmented(directory: Path) -> Path:
    """A fragmented MP4 file, as streaming services store them."""
    options = {"movflags": "+frag_keyframe+empty_moov+default_base_moof"}
    return write_sample(directory / "fragmented.mp4", H264_LONG, muxer_options=options)


def link(directory: Path) -> Path:
    """A symbolic link to a sound video."""
    target = write_sample(directory / "target.bin.mp4", H264_SHORT).rename(directory / "target.bin")
    path = directory / "link.mp4"
    path.unlink(missing_ok=True)
    path.symlink_to(target)
    return path


MAKERS: dict[Maker, tuple[Outcome, str]] = {
    one_frame: ("either", "a single frame: it can be decoded, but no clip can be made"),
    sixteen_pixels: ("ok", "16 x 16 pixels"),
    strip: ("ok", "1024 x 16 pixels"),
    eight_k: ("ok", "7680 x 4320 pixels"),
    odd_size: ("ok", "odd width and height"),
    one_frame_a_second: ("ok", "1 frame a second"),
    one_keyframe: ("ok", "no keyframe but the first"),
    late_start: ("ok", "starts at 100 s"),
    negative_start: ("ok", "starts at -1 s"),
    time_stamps_wrap: ("ok", "33-bit time stamps overflow"),
    gap: ("ok", "a second without frames"),
    declared_duration_zero: ("ok", "says that it lasts 0 s"),
    size_changes: ("either", "the picture size changes on the way"),
    wrong_suffix: ("ok", "the name says AVI, the contents Matroska"),
    fragmented: ("ok", "fragmented MP4"),
    link: ("ok", "a symbolic link"),
}


def make_all(directory: Path) -> list[Input]:
    """All inputs of MAKERS below ``directory``."""
    return collect(MAKERS, directory)


def make_names(directory: Path) -> list[Input]:
    """The same sound video under every awkward name, all in one directory. The contents differ in their last byte, a
    comment of the container: they are not duplicates of each other."""
    directory.mkdir(parents=True, exist_ok=True)
    original = write_sample(directory / "original.mp4")
    inputs = []
    for number, (name, file_name) in enumerate(NAMES.items()):
        path = directory / file_name
        shutil.copyfile(original, path)
        with path.open("ab") as file:
            file.write((9).to_bytes(4) + b"free" + bytes([number]))
        inputs.append(Input(f"name_{name}", path, "either" if name == "not_utf8" else "ok", repr(file_name)))
    original.unlink()
    return inputs
