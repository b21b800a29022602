"""Small pictures of clips, made from their files while the report is written."""

from __future__ import annotations

import base64
import io
import os
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from curation.dataset.storage import Storage
from curation.errors import DiskFullError, ItemError
from curation.report.text import clipped
from curation.scratch import scratch_space
from curation.video.middle_frame import middle_frame
from curation.video.sampling import Frames
from curation.video.types import Deadline

LONG_SIDE = 240
QUALITY = 70
LONGEST_S = 60.0
REMOTE_THREADS = 16


@dataclass(frozen=True)
class Thumbnail:
    """The middle frame of a clip: a JPEG as a data URI with its size in pixels; else ``trouble``, why there is none."""

    uri: str = ""
    width: int = 0
    height: int = 0
    trouble: str = ""


def thumbnails(storage: Storage, media: Mapping[str, str | None]) -> dict[str, Thumbnail]:
    """A thumbnail for each clip; ``media``: clip_id → path inside the dataset. A clip that cannot be read is no error.

    Raises:
        DiskFullError: the scratch folder, to which remote clips are copied, is full.
    """
    threads = (os.cpu_count() or 1) if storage.is_local else REMOTE_THREADS
    with ThreadPoolExecutor(threads) as pool:
        made = pool.map(lambda name: _thumbnail(storage, name), media.values())
        return dict(zip(media, made, strict=True))


def _thumbnail(storage: Storage, name: str | None) -> Thumbnail:
    try:
        return _encoded(_picture(storage, name))
    except DiskFullError:
        raise
    except FileNotFoundError:
        return Thumbnail(trouble="its file is not there")
    except Exception as error:  # libraries of object stores have errors of their own
        return Thumbnail(trouble=clipped(error) or type(error).__name__)


def _picture(storage: Storage, name: str | None) -> Frames:
    if name is None or PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise ItemError("its path is not one inside the dataset")
    deadline = Deadline(LONGEST_S)
    if storage.is_local:
        path = Path(storage.path(name))
        if not path.is_file():
            raise FileNotFoundError(name)
        return middle_frame(path, long_side=LONG_SIDE, deadline=deadline)
    with scratch_space(), tempfile.TemporaryDirectory(prefix="curation-") as folder:
        copy = Path(folder) / "clip"
        storage.fs.get_file(storage.path(name), str(copy))
        return middle_frame(copy, long_side=LONG_SIDE, deadline=deadline)


def _encoded(picture: Frames) -> Thumbnail:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=QUALITY, optimize=True)
    height, width = picture.shape[:2]
    return Thumbnail(f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}", width, height)
