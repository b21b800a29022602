"""Makers of hostile inputs: they point elsewhere, claim too much, or wait for ever. Each returns the file it wrote."""

from __future__ import annotations

import os
from pathlib import Path

from tests.material.boxes import find, replace_box
from tests.material.inputs import Input, Maker, Outcome, collect, write_sample
from tests.material.sets import H264_SHORT


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


MAKERS: dict[Maker, tuple[Outcome, str]] = {
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
}


def make_all(directory: Path) -> list[Input]:
    """All inputs of MAKERS below ``directory``."""
    return collect(MAKERS, directory)
