"""Makers of damaged and hostile inputs. Each takes a directory and returns the file that it wrote there."""

from __future__ import annotations

import os
from pathlib import Path

import av
import numpy as np

from tests.material.boxes import find, replace_box
from tests.material.encode import encode_sound
from tests.material.inputs import Input, Maker, Outcome, collect, write_sample
from tests.material.sets import H264_LONG, H264_MKV, H264_SHORT

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


def _elsewhere(directory: Path) -> Path:
    """A sound video beside the hostile file, which nobody asked for: reading it is the leak."""
    hidden = directory / "elsewhere"
    hidden.mkdir(exist_ok=True)
    return write_sample(hidden / "private.ts", H264_SHORT)


def _playlist(target: str) -> str:
    return f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:4.8,\n{target}\n#EXT-X-ENDLIST\n"


def playlist_to_file(directory: Path) -> Path:
    path = directory / "playlist.mp4"
    path.write_text(_playlist(_elsewhere(directory).as_uri()), encoding="utf-8")
    return path


def playlist_to_neighbour(directory: Path) -> Path:
    path = directory / "playlist.ts"
    path.write_text(_playlist(f"elsewhere/{_elsewhere(directory).name}"), encoding="utf-8")
    return path


def playlist_to_password_file(directory: Path) -> Path:
    path = directory / "playlist.mkv"
    path.write_text(_playlist("/etc/passwd"), encoding="utf-8")
    return path


def playlist_to_host(directory: Path) -> Path:
    """Port 9 of this machine: nothing listens, and nothing may be asked."""
    path = directory / "playlist.mp4"
    path.write_text(_playlist("http://127.0.0.1:9/private.ts"), encoding="utf-8")
    return path


def concat_script(directory: Path) -> Path:
    path = directory / "concat.mp4"
    path.write_text(f"ffconcat version 1.0\nfile '{_elsewhere(directory)}'\n", encoding="utf-8")
    return path


def dash_manifest(directory: Path) -> Path:
    path = directory / "dash.mp4"
    path.write_text(
        '<?xml version="1.0"?>'
        '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT5S">'
        '<Period><AdaptationSet mimeType="video/mp2t"><Representation id="1" bandwidth="1">'
        f"<BaseURL>{_elsewhere(directory).as_uri()}</BaseURL></Representation></AdaptationSet></Period></MPD>",
        encoding="utf-8",
    )
    return path


def session_description(directory: Path) -> Path:
    """An SDP file: opening it would listen on a port."""
    path = directory / "session.mp4"
    path.write_text(
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
        "m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
        encoding="utf-8",
    )
    return path


def external_data(directory: Path) -> Path:
    """A QuickTime file whose data reference (an alias record) names another file; the media in its own are zeros."""
    hidden = directory / "elsewhere"
    hidden.mkdir(exist_ok=True)
    target = write_sample(hidden / "private.mov")
    data = target.read_bytes()
    location = os.fsencode(target.absolute())
    record = bytes(10) + b"\x04disk".ljust(28, b"\0") + bytes(12) + b"\x0bprivate.mov".ljust(64, b"\0") + bytes(16)
    record += (
        bytes(4)
        + bytes(16)
        + (2).to_bytes(2)
        + len(location).to_bytes(2)
        + location.ljust(len(location) + len(location) % 2, b"\0")
    )
    record += b"\xff\xff\0\0"
    entry = (len(record) + 12).to_bytes(4) + b"alis" + bytes(4) + record
    changed = replace_box(data, find(data, b"dref"), bytes(4) + (1).to_bytes(4) + entry)
    mdat = find(changed, b"mdat")
    zeros = bytes(mdat.end - mdat.start - 8)
    path = directory / "external-data.mov"
    path.write_bytes(changed[: mdat.start + 8] + zeros + changed[mdat.end :])
    return path


def memory_bomb(directory: Path) -> Path:
    """A GIF of 60 bytes that says that it is 16000 x 16000: one decoded frame takes 1 GB."""
    side = (16000).to_bytes(2, "little")
    header = b"GIF89a" + side + side + b"\x80\0\0" + bytes(3) + b"\xff" * 3
    image = b"\x2c" + bytes(4) + b"\1\0\1\0" + b"\0" + b"\x02\x02\x44\x01\x00"
    path = directory / "memory-bomb.gif"
    path.write_bytes(header + image * 3 + b"\x3b")
    return path


def dangling_link(directory: Path) -> Path:
    path = directory / "dangling.mp4"
    path.unlink(missing_ok=True)
    path.symlink_to(directory / "gone.mp4")
    return path


def link_loop(directory: Path) -> Path:
    path = directory / "loop.mp4"
    path.unlink(missing_ok=True)
    path.symlink_to(path)
    return path


def pipe(directory: Path) -> Path:
    """A named pipe under a video's name: whoever opens it to read waits for ever."""
    path = directory / "pipe.mp4"
    path.unlink(missing_ok=True)
    os.mkfifo(path)
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
    playlist_to_file: ("failed", "an HLS playlist that names a video by its URL"),
    playlist_to_neighbour: ("failed", "an HLS playlist that names a video beside it"),
    playlist_to_password_file: ("failed", "an HLS playlist that names a file of the system"),
    playlist_to_host: ("failed", "an HLS playlist that names a host"),
    concat_script: ("failed", "an ffconcat script that names a video"),
    dash_manifest: ("failed", "a DASH manifest that names a video"),
    session_description: ("failed", "an SDP file"),
    external_data: ("failed", "media in another file"),
    memory_bomb: ("failed", "dimensions that would take 1 GB a frame"),
    dangling_link: ("failed", "a link to nothing"),
    link_loop: ("failed", "a link to itself"),
    pipe: ("failed", "a named pipe"),
    no_permission: ("failed", "no permission to read"),
}


def make_all(directory: Path) -> list[Input]:
    """All inputs below ``directory``; the one that needs an ordinary user only where the user is one."""
    makers = {maker: facts for maker, facts in MAKERS.items() if maker is not no_permission or os.geteuid() != 0}
    return collect(makers, directory)
