"""The weights of an OpenCLIP model: listed, and fetched ahead of loading. Loads no torch."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from models.download import DownloadError, download
from models.hub import HubError, HubModel
from models.hub_files import WeightFile, on_disk
from models.openclip_source import CHECKPOINTS, CONFIG, HUB_PREFIX, OpenClipSource, find_source, url_folder

_DIGESTS = (re.compile(r"/([0-9a-f]{64})/[^/]+$"), re.compile(r"open_clip/releases/.*-([0-9a-f]{8})\.pt$"))


class OpenClipWeights:
    """What the OpenCLIP model ``name`` is loaded from.

    ``source``: as `find_source` gives it; None for a "hf-hub:" model that is not on this machine. ``with_tokenizer``:
    also what its tokenizer is loaded from; of a "hf-hub:" model that is not on this machine it is not known yet.
    """

    def __init__(
        self, name: str, source: OpenClipSource | None, cache_dir: str | None = None, *, with_tokenizer: bool = False
    ) -> None:
        self._name = name
        self._source = source
        self._cache_dir = cache_dir
        self._with_tokenizer = with_tokenizer
        self._hub = _hub_models(name, source, cache_dir)
        self._tokenizer = self._tokenizer_of(source)

    @property
    def tokenizer_is_missing(self) -> bool:
        """Whether the tokenizer that is wanted is not on this machine."""
        return any(model.local() is None for model in self._tokenizer)

    def files(self) -> list[WeightFile]:
        """The files of the model, on this machine or not; asks the hub for those that are not.

        Raises:
            HubError: the hub cannot tell.
        """
        return [*self._weight_files(), *(file for model in self._tokenizer for file in model.files())]

    def fetch(self) -> None:
        """Bring to this machine what `files` lists; nothing where it is here.

        Raises:
            HubError: it cannot be had, or is not what was published.
        """
        for model in self._hub:
            model.fetch()
        found = self._source or find_source(self._name, None, self._cache_dir)
        for model in self._tokenizer_of(found):
            model.fetch()
        if self._hub or self._source is None or self._source.weights is not None:
            return
        url = self._source.origin
        try:
            download(url, url_folder(self._cache_dir) / Path(url).name, self._digest())
        except DownloadError as error:
            raise HubError(str(error)) from error

    def _weight_files(self) -> list[WeightFile]:
        if self._hub:
            return [file for model in self._hub for file in model.files()]
        if self._source is None:
            return []
        if self._source.weights is not None:
            file = on_disk(self._source.weights, self._source.weights.name)
            return [replace(file, sha256=file.sha256 or _whole(self._digest()))]
        size = self._source.download_bytes or None
        return [WeightFile(Path(self._source.origin).name, size, None, _whole(self._digest()))]

    def _tokenizer_of(self, source: OpenClipSource | None) -> tuple[HubModel, ...]:
        if not self._with_tokenizer or source is None or source.tokenizer is None:
            return ()
        return (HubModel(source.tokenizer, cache_dir=self._cache_dir, weights=False),)

    def _digest(self) -> str:
        """SHA-256 of a published file, or its beginning, as the address has it; "" where it has none."""
        address = str(((self._source and self._source.pretrained) or {}).get("url") or "")
        return next((match[1] for pattern in _DIGESTS if (match := pattern.search(address))), "")


def _hub_models(name: str, source: OpenClipSource | None, cache_dir: str | None) -> tuple[HubModel, ...]:
    if name.startswith(HUB_PREFIX):
        repository = name.removeprefix(HUB_PREFIX)
        return tuple(HubModel(repository, cache_dir=cache_dir, file=file) for file in (CONFIG, CHECKPOINTS))
    repository, _, file = str(((source and source.pretrained) or {}).get("hf_hub") or "").rpartition("/")
    if not repository:
        return ()
    alternatives = (f"{Path(file).stem}.safetensors", file) if file else (CHECKPOINTS[0], CHECKPOINTS[2])
    return (HubModel(repository, cache_dir=cache_dir, file=alternatives),)


def _whole(digest: str) -> str | None:
    return digest if len(digest) == 64 else None
