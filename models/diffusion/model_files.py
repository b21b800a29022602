"""The files of a pretrained model: in a folder of this machine, or in a repository of the hub."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from models.diffusion.errors import DiffusionError
from models.hub import HubError, HubModel


class ModelFilesError(DiffusionError):
    """A file of a model cannot be had; one line: what, where, what to do."""


@dataclass(frozen=True)
class ModelFiles:
    """``name``: a folder, or "org/name" of the hub; ``key``, ``option``: the recipe's part and the key in it that
    name it, for messages.

    ``revision`` and ``cache_dir``: see `HubModel`. ``download``: fetch what is not on this machine.
    """

    name: str
    key: str
    revision: str | None = None
    cache_dir: str | None = None
    download: bool = False
    option: str = "model"

    def first(self, *names: str) -> Path:
        """The first of these files that there is; names may begin with a folder.

        Raises:
            ModelFilesError: there is none, or it is not on this machine.
        """
        found = self.find(*names)
        if found is not None:
            return found
        if HubModel(self.name).is_path:
            there = "has no " + " or ".join(names) if Path(self.name).expanduser().exists() else "is not there"
            raise ModelFilesError(f"{self.name} {there}; see {self.key}.{self.option}")
        raise ModelFilesError(
            f"{self.name}: no such folder, nor {names[0]} of the hub's model of that name on this machine; fetch it "
            f"with `curation models pull --recipe NAME` or --set {self.key}.download=true, or give a folder with "
            f"--set {self.key}.{self.option}=/path"
        )

    def find(self, *names: str) -> Path | None:
        """The same, None where there is none (or, without ``download``, none on this machine).

        Raises:
            ModelFilesError: it cannot be fetched.
        """
        for name in names:
            local = self._hub(name).local()
            if local is not None and local.is_file():
                return local
        if not self.download or HubModel(self.name).is_path:
            return None
        try:
            return self._hub(*names).fetch()
        except HubError as error:
            raise ModelFilesError(f"{error}; see {self.key}.{self.option}") from error

    def inside(self, folder: str, name: str) -> tuple[str, Path]:
        """What names of files in ``folder`` begin with, "vae/", or "" where the model is alone at the top; and the path
        of one of them.

        Raises:
            ModelFilesError: it cannot be had.
        """
        places = (f"{folder}/", "") if folder else ("",)
        path = self.first(*(f"{place}{name}" for place in places))
        return next((place, path) for place in places if self._hub(f"{place}{name}").local() == path)

    def folder(self, names: Sequence[str], optional: Sequence[str] = ()) -> Path:
        """The folder that holds all of these files, and of ``optional`` those that there are.

        Raises:
            ModelFilesError: one of ``names`` cannot be had.
        """
        paths = [self.first(name) for name in names]
        for name in optional:
            try:
                self.find(name)
            except ModelFilesError:
                continue
        return paths[0].parent

    def _hub(self, *names: str) -> HubModel:
        return HubModel(self.name, revision=self.revision, cache_dir=self.cache_dir, file=names)


def weight_names(stem: str, variant: str | None) -> tuple[str, ...]:
    """File names of weights, safetensors first."""
    middle = f".{variant}" if variant else ""
    return f"{stem}{middle}.safetensors", f"{stem}{middle}.bin"
