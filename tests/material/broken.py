"""Makers of damaged inputs. Each takes a directory and returns the file that it wrote there."""

from __future__ import annotations

import os
from pathlib import Path

import av
import numpy as np

from tests.material.boxes import find
from tests.material.encode import encode_sound
from tests.material.inputs import Input, Maker, Outcome, collect, write_sample
from tests.material.sets import H264_LONG, H264_MKV

FAST_START = {"movflags": "+faststart"}


def empty(directory: Path) -> Path:
    path = directory / "empty.mp4"
    path.touch()
    return path


def text(directory: Path) -> Path:
    path = directory / "text.mp4"
    path.write_text("This is no video.\n" * 200, encoding="utf-8")
    return path


def noise(directory: Path) -> Path:
    path = directory / "noise.mp4"
    path.write_bytes(np.random.default_rng(1).bytes(50_000))
    return path


def picture(directory: Path) -> Path:
    """A PNG file under a video's name."""
    import cv2

    path = directory / "picture.mp4"
    path.write_bytes(cv2.imencode(".png", np.full((64, 64, 3), 128, np.uint8))[1].tobytes())
    return path


def cut_off_end(directory: Path) -> Path:
    """The moov box, at the end of the file, is cut off in its middle."""
    path = write_sample(directory / "cut-off-end.mp4")
    data = path.read_bytes()
    moov = find(data, b"moov")
    path.write_bytes(data[: (moov.start + moov.end) // 2])
    return path


def cut_off_media(directory: Path) -> Path:
    """The moov box comes first and is whole; of the media the second half is missing."""
    path = write_sample(directory / "cut-off-media.mp4", muxer_options=FAST_START)
    data = path.read_bytes()
    mdat = find(data, b"mdat")
    path.write_bytes(data[: (mdat.start + mdat.end) // 2])
    return path


def cut_off_all_media(directory: Path) -> Path:
    """Only what comes before the media is left: every packet is announced, none is there."""
    path = write_sample(directory / "cut-off-all-media.mp4", muxer_options=FAST_START)
    data = path.read_bytes()
    path.write_bytes(data[: find(data, b"mdat").start + 8])
    return path


def cut_off_matroska(directory: Path) -> Path:
    """The last third is missing, the index with it."""
    path = write_sample(directory / "cut-off.mkv", H264_MKV)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    return path


def no_moov(directory: Path) -> Path:
    path = write_sample(directory / "no-moov.mp4")
    data = path.read_bytes()
    moov = find(data, b"moov")
    path.write_bytes(data[: moov.start] + data[moov.end :])
    return path


def no_frames(directory: Path) -> Path:
    """A whole file whose video stream has no packet."""
    path = directory / "no-frames.mp4"
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        container.start_encoding()
    return path


def audio_only(directory: Path) -> Path:
    path = directory / "audio-only.mp4"
    with av.open(str(path), "w") as container:
        container.mux(encode_sound(container, "aac", 3.0))
    return path


def cover_art(directory: Path) -> Path:
    """Sound with a picture attached, which FFmpeg presents as a video stream of one frame."""
    import cv2

    path = directory / "cover-art.mp4"
    jpeg = cv2.imencode(".jpg", np.full((96, 96, 3), 90, np.uint8))[1].tobytes()
    with av.open(str(path), "w") as container:
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 96, 96, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        packets = encode_sound(container, "aac", 3.0)
        packet = av.Packet(jpeg)
        packet.stream, packet.pts, packet.dts, packet.is_keyframe = cover, 0, 0, True
        container.mux(packet)
        container.mux(packets)
    return path


def unknown_codec(directory: Path) -> Path:
    """The sample description names a codec that does not exist."""
    path = write_sample(directory / "unknown-codec.mp4")
    data = path.read_bytes()
    stsd = find(data, b"stsd")
    path.write_bytes(data[: stsd.start] + data[stsd.start : stsd.end].replace(b"avc1", b"zzz9") + data[stsd.end :])
    return path


def zeroed_middle(directory: Path) -> Path:
    """A fifth of the media reads as zeros, as after a broken download."""
    path = write_sample(directory / "zeroed-middle.mp4")
    data = bytearray(path.read_bytes())
    mdat = find(bytes(data), b"mdat")
    start, length = mdat.start + (mdat.end - mdat.start) * 2 // 5, (mdat.end - mdat.start) // 5
    data[start : start + length] = bytes(length)
    path.write_bytes(data)
    return path


def _bit_flips(directory: Path, seed: int, share: float, *, media_only: bool) -> Path:
    path = write_sample(directory / "bit-flips.mp4", H264_LONG)
    data = np.frombuffer(path.read_bytes(), np.uint8).copy()
    box = find(data.tobytes(), b"mdat")
    first, last = (box.start + 8, box.end) if media_only else (0, len(data))
    rng = np.random.default_rng(seed)
    places = rng.integers(first, last, max(1, round((last - first) * share)))
    data[places] ^= (1 << rng.integers(0, 8, len(places))).astype(np.uint8)
    path.write_bytes(data.tobytes())
    return path


def bit_flips_few(directory: Path) -> Path:
    return _bit_flips(directory, 1, 0.0002, media_only=True)


def bit_flips_many(directory: Path) -> Path:
    return _bit_flips(directory, 2, 0.01, media_only=True)


def bit_flips_everywhere(directory: Path) -> Path:
    return _bit_flips(directory, 3, 0.002, media_only=False)


def bit_flips_in_index(directory: Path) -> Path:
    """The sample tables of the moov box are damaged."""
    path = write_sample(directory / "bit-flips-in-index.mp4")
    data = bytearray(path.read_bytes())
    stbl = find(bytes(data), b"stbl")
    rng = np.random.default_rng(4)
    for place in rng.integers(stbl.start + 250, stbl.end, 12):
        data[place] ^= 1 << int(rng.integers(8))
    path.write_bytes(data)
    return path


def no_permission(directory: Path) -> Path:
    """Not for the superuser, who may read everything."""
    path = write_sample(directory / "no-permission.mp4")
    path.chmod(0)
    return path


MAKERS: dict[Maker, tuple[Outcome, str]] = {
    empty: ("failed", "no bytes"),
    text: ("failed", "text"),
    noise: ("failed", "random bytes"),
    picture: ("failed", "a PNG picture"),
    cut_off_end: ("failed", "the index at the end is incomplete"),
    cut_off_media: ("either", "the first half can be decoded"),
    cut_off_all_media: ("failed", "an index of packets that are not there"),
    cut_off_matroska: ("ok", "the first two thirds can be decoded"),
    no_moov: ("failed", "no index"),
    no_frames: ("failed", "a video stream with no frame"),
    audio_only: ("failed", "no video stream"),
    cover_art: ("failed", "its only video stream is cover art"),
    unknown_codec: ("failed", "a codec that does not exist"),
    zeroed_middle: ("either", "zeros in the middle of the media"),
    bit_flips_few: ("either", "a few bits of the media are wrong"),
    bit_flips_many: ("either", "many bits of the media are wrong"),
    bit_flips_everywhere: ("either", "wrong bits anywhere in the file"),
    bit_flips_in_index: ("either", "wrong bits in the index"),
    no_permission: ("failed", "no permission to read"),
}


def make_all(directory: Path) -> list[Input]:
    """All inputs below ``directory``; the one that needs an ordinary user only where the user is one."""
    makers = {maker: facts for maker, facts in MAKERS.items() if maker is not no_permission or os.geteuid() != 0}
    return collect(makers, directory)
