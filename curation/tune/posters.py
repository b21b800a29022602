"""One small picture per clip, made when it is asked for."""

from __future__ import annotations

import io
import tempfile
import threading
from collections import OrderedDict
from pathlib import Path

from PIL import Image

from curation.dataset.storage import Storage
from curation.errors import ItemError
from curation.scratch import scratch_space
from curation.tune.media import NoSuchFileError
from curation.video.displayed_frame import displayed_array
from curation.video.reader import decode_frames, open_video

LONG_SIDE = 360
QUALITY = 82
CACHE_BYTES = 64 << 20
LARGEST_CLIP = 1 << 30


class Posters:
    """JPEG pictures by clip, the last `CACHE_BYTES` of them kept in memory; at most two are made at a time."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._pictures: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        self._makers = threading.BoundedSemaphore(2)

    def get(self, name: str) -> bytes:
        """The picture of the clip in file ``name``, which has passed `checked_name`.

        Raises:
            NoSuchFileError: the file is gone, too large, or no frame of it can be decoded.
        """
        with self._lock:
            if name in self._pictures:
                self._pictures.move_to_end(name)
                return self._pictures[name]
        with self._makers:
            try:
                picture = self._make(name)
            except (ItemError, OSError) as error:
                raise NoSuchFileError from error
        with self._lock:
            if name not in self._pictures:
                self._pictures[name] = picture
                self._bytes += len(picture)
            while self._bytes > CACHE_BYTES:
                self._bytes -= len(self._pictures.popitem(last=False)[1])
        return picture

    def _make(self, name: str) -> bytes:
        if self._storage.is_local:
            return _poster(Path(self._storage.path(name)))
        if int(self._storage.fs.info(self._storage.path(name))["size"]) > LARGEST_CLIP:
            raise NoSuchFileError
        with scratch_space(), tempfile.TemporaryDirectory(prefix="curation-") as folder:
            local = Path(folder) / "clip"
            self._storage.fs.get_file(self._storage.path(name), str(local))
            return _poster(local)


def _poster(path: Path) -> bytes:
    """The keyframe at or before the middle of a clip."""
    with open_video(path) as (container, stream):
        if stream.duration and stream.time_base:
            container.seek((stream.start_time or 0) + stream.duration // 2, stream=stream)
        for frame in decode_frames(container, stream):
            picture = displayed_array(frame, long_side=LONG_SIDE, sample_aspect_ratio=stream.sample_aspect_ratio)
            buffer = io.BytesIO()
            Image.fromarray(picture).save(buffer, "JPEG", quality=QUALITY)
            return buffer.getvalue()
    raise ItemError("no frame of the clip can be decoded")
