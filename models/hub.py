"""Model folders: on this machine, or in a repository of the Hugging Face hub. Loads no heavy library."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from models.hub_files import WEIGHTS, WeightFile, chosen_files, listed, missing_in, wrong_digest

_LISTING_TIMEOUT_S = 10
_DOWNLOADS_AT_ONCE = 4


class HubError(Exception):
    """A model cannot be had in the way asked for; one line: what, where, what to do."""


class _NoAnswerError(HubError):
    """The hub did not answer; no other model is asked for in this process until one is fetched."""

    def __init__(self, model: HubModel, reason: str) -> None:
        super().__init__(f"{model} cannot be fetched from {reason}")
        self.reason = reason


# What the hub said in this process, so that checking a pipeline asks once for each model.
_LISTINGS: dict[tuple[str, str | None, tuple[str, ...], bool], tuple[str, list[WeightFile]] | HubError] = {}


@dataclass(frozen=True)
class HubModel:
    """A transformers-style model folder: a path on this machine, or a repository of the Hugging Face hub.

    ``name``: "org/name", or the path of a folder or of a weights file. ``revision``: branch, tag or commit; None:
    main. ``cache_dir``: None: the hub's usual cache (HF_HOME, HF_HUB_CACHE). ``file``: one file of the repository or
    folder (e.g. a .gguf) instead of all that a model needs; of several names the first that is there. ``weights``:
    False for the tokenizer alone.
    """

    name: str
    revision: str | None = None
    cache_dir: str | None = None
    file: str | tuple[str, ...] | None = None
    weights: bool = True

    @property
    def is_path(self) -> bool:
        """Whether ``name`` is a path on this machine rather than a repository of the hub."""
        written_so = self.name.startswith(("/", "./", "../", "~")) or self.name.endswith(WEIGHTS)
        return written_so or self.name.count("/") > 1 or self._path.exists()

    def local(self) -> Path | None:
        """The folder, or the file, on this machine with all weight files there; else None. Never uses the network."""
        folder = self._folder()
        if folder is None or self._missing(folder) is not None:
            return None
        return next((folder / name for name in self._names if (folder / name).is_file()), folder)

    def fetch(self) -> Path:
        """`local`, or the same after a download: safetensors, or ``.bin`` where the repository has none.

        Small files come before the weights, so that a folder with weights is a complete one. Each file that came is
        compared with the digest that the hub gives; one that differs is removed.

        Raises:
            HubError: no such path or repository, no access, no network, or a file that is not what the hub says.
        """
        found = self.local()
        if found is not None:
            return found
        if self.is_path:
            raise HubError(self._path_problem())
        _LISTINGS.clear()
        files = [file for file in self.files() if file.path is None]
        folder = None
        for weights in (False, True):
            names = [file.name for file in files if file.name.endswith(WEIGHTS) is weights]
            if names:
                folder = self._download(names)
        if folder is not None:
            self._compare(folder, files)
        found = self.local()
        if found is None:
            raise HubError(f"{self}: the download ended, but {self._missing(folder or Path())} is not there")
        return found

    def files(self) -> list[WeightFile]:
        """Every file that the model needs; asks the hub unless all are on this machine.

        Raises:
            HubError: not on this machine, and the hub cannot tell.
        """
        folder = self._folder()
        if folder is not None and self._missing(folder) is None:
            return listed(folder, self._names, weights=self.weights)
        if self.is_path:
            raise HubError(self._path_problem())
        commit, remote = self._remote()
        there = self._storage() / "snapshots" / commit
        return [replace(file, path=there / file.name) if (there / file.name).is_file() else file for file in remote]

    def __str__(self) -> str:
        name = f"{self.name}@{self.revision}" if self.revision else self.name
        return f"{name}/{self._names[0]}" if self._names else name

    @property
    def _names(self) -> tuple[str, ...]:
        return (self.file,) if isinstance(self.file, str) else self.file or ()

    @property
    def _path(self) -> Path:
        return Path(self.name).expanduser()

    def _folder(self) -> Path | None:
        if self.is_path:
            return self._path if self._path.exists() else None
        wanted = self.revision or "main"
        storage = self._storage()
        reference = storage / "refs" / wanted
        commit = reference.read_text().strip() if reference.is_file() else wanted
        folder = storage / "snapshots" / commit
        return folder if folder.is_dir() else None

    def _missing(self, folder: Path) -> str | None:
        if folder.is_file():
            return None
        if self._names:
            return None if any((folder / name).is_file() for name in self._names) else self._names[0]
        return missing_in(folder, weights=self.weights)

    def _path_problem(self) -> str:
        if not self._path.exists():
            return f"no such file or folder: {self.name}"
        return f"{self.name} is no model folder: {self._missing(self._path)} is missing"

    def _storage(self) -> Path:
        from huggingface_hub import constants

        cache = Path(self.cache_dir).expanduser() if self.cache_dir else Path(constants.HF_HUB_CACHE)
        return cache / f"models--{self.name.replace('/', '--')}"

    def _remote(self) -> tuple[str, list[WeightFile]]:
        """The commit that the hub has for the revision, and the files of it that the model needs."""
        key = (self.name, self.revision, self._names, self.weights)
        if key not in _LISTINGS:
            silent = [found for found in _LISTINGS.values() if isinstance(found, _NoAnswerError)]
            if silent:
                raise _NoAnswerError(self, silent[0].reason)
            try:
                _LISTINGS[key] = self._ask()
            except HubError as error:
                _LISTINGS[key] = error
        found = _LISTINGS[key]
        if isinstance(found, HubError):
            raise found
        return found

    def _ask(self) -> tuple[str, list[WeightFile]]:
        with self._told():
            from huggingface_hub import HfApi

            info = HfApi().model_info(
                self.name, revision=self.revision, files_metadata=True, timeout=_LISTING_TIMEOUT_S
            )
        siblings = {one.rfilename: one for one in info.siblings or []}
        names = chosen_files(list(siblings), self._names, weights=self.weights)
        if not (any(name.endswith(WEIGHTS) for name in names) if self.weights and not self._names else names):
            wanted = " or ".join(self._names) or ("weights as safetensors or .bin" if self.weights else "tokenizer")
            raise HubError(f"{self.name}: the repository holds no {wanted}")
        return str(info.sha), [_weight_file(siblings[name]) for name in names]

    def _download(self, names: list[str]) -> Path:
        with self._told():
            from huggingface_hub import snapshot_download

            return Path(
                snapshot_download(
                    self.name,
                    revision=self.revision,
                    cache_dir=self.cache_dir,
                    allow_patterns=names,
                    max_workers=_DOWNLOADS_AT_ONCE,
                )
            )

    def _compare(self, folder: Path, files: list[WeightFile]) -> None:
        for file in files:
            path = folder / file.name
            problem = wrong_digest(replace(file, path=path))
            if problem is not None:
                path.resolve().unlink(missing_ok=True)
                path.unlink(missing_ok=True)
                raise HubError(f"{self}: {file.name} came damaged ({problem}) and was removed; fetch it again")

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turns what the hub's client raises into one line."""
        try:
            yield
        except Exception as error:
            raise self._explained(error) from error

    def _explained(self, error: Exception) -> HubError:
        from huggingface_hub import constants, errors

        hub = constants.ENDPOINT.rpartition("@")[2]
        told = self._explanation(error, hub)
        if told is not None:
            return HubError(told)
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        if isinstance(error, errors.HfHubHTTPError):
            return HubError(f"{self} cannot be fetched from {hub}: {reason}")
        return _NoAnswerError(self, f"{hub}: {reason}")

    def _explanation(self, error: Exception, hub: str) -> str | None:
        from huggingface_hub import constants, errors

        causes = {type(one) for one in (error, error.__cause__, error.__context__) if one is not None}
        log_in = "log in with `hf auth login` or set HF_TOKEN"
        if isinstance(error, errors.HFValidationError):
            return f"{self.name!r} is neither a path on this machine nor a repository's name (org/name)"
        if constants.HF_HUB_OFFLINE or errors.OfflineModeIsEnabled in causes:
            return (
                f"{self} is not on this machine, and HF_HUB_OFFLINE keeps it from being fetched; "
                "unset it, or copy the cache from a machine that has the model"
            )
        if isinstance(error, errors.GatedRepoError):
            return f"{self.name} is gated: accept its terms at {hub}/{self.name}, then {log_in}"
        if isinstance(error, errors.RevisionNotFoundError):
            return f"{self.name} has no revision {self.revision!r} at {hub}"
        if isinstance(error, errors.RepositoryNotFoundError):
            return f"no repository {self.name} at {hub}; if it is private, {log_in}"
        if isinstance(error, PermissionError) or getattr(error, "errno", None) == 28:
            return f"{self}: cannot be written to the cache {self._storage().parent}: {error}"
        return None


def _weight_file(sibling: Any) -> WeightFile:
    lfs = sibling.lfs
    size = lfs.size if lfs is not None else sibling.size
    return WeightFile(
        sibling.rfilename,
        size,
        None,
        sha256=lfs.sha256 if lfs is not None else None,
        git_sha1=None if lfs is not None else sibling.blob_id,
    )
