"""How much a run would have to do, from file headers and a short decode."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from curation.config.pipeline import ResolvedPipeline
from curation.dataset.journal import VIDEOS, table_of
from curation.dataset.storage import Storage
from curation.engine.identify import SourceIdentities
from curation.engine.missing_media import missing_clips
from curation.engine.pipeline import stages_of
from curation.errors import ItemError
from curation.provenance.removed import Removed
from curation.sources.discover import SourceRef
from curation.video.reader import decode_frames, open_video

MOST_PROBED = 200
DECODE_CPU_S = 1.0


@dataclass(frozen=True)
class Estimate:
    """``seconds`` of video and ``decode_cpu_s`` are None where no source is a local file that opens."""

    sources: int
    bytes: int
    done: int
    probed: int
    seconds: float | None
    decode_cpu_s: float | None


def estimate(storage: Storage, pipeline: ResolvedPipeline, sources: Sequence[SourceRef]) -> Estimate:
    """Look at the sources without changing anything."""
    removed = Removed.of(storage)
    sources = [ref for ref in sources if not removed.has(ref.url)]
    known = SourceIdentities(storage, sources)
    finished = table_of(storage, VIDEOS).keys(stages_of(pipeline).fingerprint)
    finished -= {clip.video_id for clip in missing_clips(storage)}
    changed = set(known.unknown)
    done = sum(source.video_id in finished for source in known.all() if source.source not in changed)
    local = [Path(ref.url) for ref in sources if "://" not in ref.url and Path(ref.url).is_file()]
    seconds, decode_ratio = [], None
    for path in local[:MOST_PROBED]:
        try:
            length, ratio = _header(path, measure=decode_ratio is None)
        except ItemError:
            continue
        seconds.append(length)
        decode_ratio = decode_ratio or ratio
    total = sum(seconds) / len(seconds) * len(sources) if seconds else None
    decode = total * decode_ratio if total is not None and decode_ratio is not None else None
    return Estimate(len(sources), sum(path.stat().st_size for path in local), done, len(seconds), total, decode)


def _header(path: Path, *, measure: bool) -> tuple[float, float | None]:
    """Seconds by the header, and CPU seconds per second of video by decoding for about `DECODE_CPU_S`."""
    with open_video(path) as (container, stream):
        length = (container.duration or 0) / 1_000_000
        if not measure:
            return length, None
        began, first, last = time.process_time(), None, 0.0
        for frame in decode_frames(container, stream):
            first = frame.time if first is None else first
            last = frame.time
            if time.process_time() - began > DECODE_CPU_S:
                break
        covered = last - first if first is not None else 0.0
        return length, (time.process_time() - began) / covered if covered > 0 else None
