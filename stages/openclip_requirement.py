"""What a stage says about the OpenCLIP weights that it needs."""

from __future__ import annotations

from curation.stage import Requirement
from models.openclip_source import HUB_PREFIX, OpenClipSource, OpenClipSourceError, find_source
from models.openclip_weights import OpenClipWeights
from stages.weights import offline_problem, size_text, telling


def openclip_requirement(
    stage: str,
    model: str,
    pretrained: str | None,
    *,
    download: bool,
    cache_dir: str | None = None,
    with_tokenizer: bool = False,
) -> Requirement:
    """The requirement of ``stage`` for an OpenCLIP model, whose parameters are ``model`` and ``pretrained``.

    Uses no network: the size of what is missing is that of the model's weights in float32. ``with_tokenizer``: texts
    are embedded too.
    """
    try:
        source: OpenClipSource | None = find_source(model, pretrained, cache_dir)
        problem = None
    except OpenClipSourceError as error:
        source, problem = None, f"{error}; see {stage}.model and {stage}.pretrained"
    name = f"OpenCLIP weights {model}" + (f" {pretrained}" if source is not None and source.pretrained else "")
    if source is None and not model.startswith(HUB_PREFIX):
        return Requirement(name, problem)
    weights = OpenClipWeights(model, source, cache_dir, with_tokenizer=with_tokenizer)
    files, fetch = telling(stage, weights.files), telling(stage, weights.fetch)
    if source is None:
        return Requirement(name, problem, files=files, fetch=fetch)
    if source.weights is not None:
        if weights.tokenizer_is_missing:
            what = f"the tokenizer of {model} ({source.tokenizer})"
            problem = offline_problem(what) if download else f"{what} is not on this machine; {_mend(stage)}"
        return Requirement(name, problem, files=files, fetch=fetch)
    size = source.download_bytes
    if download:
        return Requirement(
            f"{name} from {source.origin}", offline_problem(source.origin), size, files=files, fetch=fetch
        )
    about = f", about {size_text(size)}" if size else ""
    problem = (
        f"the weights of {model} ({source.origin}{about}) are not on this machine; {_mend(stage)}, or give a "
        f"checkpoint with --set {stage}.pretrained=/path/to/file"
    )
    return Requirement(name, problem, size, files=files, fetch=fetch)


def _mend(stage: str) -> str:
    return f"fetch them ahead with `curation models pull`, in the run with --set {stage}.download=true"
