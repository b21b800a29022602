"""`pipelines.yaml`: pipelines, filters and recipes, by name."""

from __future__ import annotations

import importlib.resources
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from curation.config.document import Document, Keys, parse
from curation.config.validation import validated
from curation.errors import UserError

FILE_NAME = "pipelines.yaml"


def _none_is(empty: Callable[[], Any]) -> BeforeValidator:
    """A key with nothing after it: an empty list or mapping."""
    return BeforeValidator(lambda value: empty() if value is None else value)


def _one_key(item: Any) -> Any:
    if isinstance(item, str):
        raise ValueError(f'a stage is written as "{item}: {{}}", with its parameters in the braces')
    if not isinstance(item, dict) or len(item) != 1:
        raise ValueError('a stage is one key with its parameters below it, such as "optical_flow: {fps: 2}"')
    return item


StageItem = Annotated[dict[str, dict[str, Any] | None], BeforeValidator(_one_key)]


class PipelineSpec(BaseModel):
    """A pipeline as it is written. A stage whose value is null is removed from what is extended."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    extends: str | None = None
    stages: Annotated[list[StageItem], _none_is(list)] = []


class FileSpec(BaseModel):
    """The whole file. What filters and recipes hold is checked where they are used."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pipelines: Annotated[dict[str, PipelineSpec], _none_is(dict)] = {}
    filters: Annotated[dict[str, dict[str, Any]], _none_is(dict)] = {}
    recipes: Annotated[dict[str, dict[str, Any]], _none_is(dict)] = {}


@dataclass(frozen=True)
class PipelineEntry:
    """A pipeline and the document it stands in."""

    name: str
    spec: PipelineSpec
    document: Document

    def place(self, keys: Keys = ()) -> str:
        """``file:line`` of a key below this pipeline."""
        return self.document.place(("pipelines", self.name, *keys))


@dataclass(frozen=True)
class Entry:
    """A filter or a recipe as it is written, and the document it stands in. ``section``: the key around it."""

    section: str
    name: str
    values: Mapping[str, Any]
    document: Document

    def place(self, keys: Keys = ()) -> str:
        """``file:line`` of a key below this entry."""
        return self.document.place((self.section, self.name, *keys))


@dataclass(frozen=True)
class ConfigFile:
    """What a run can name. ``path`` is the file that was read; what it does not define comes from the file that is
    installed with the package, name by name."""

    path: Path
    pipelines: Mapping[str, PipelineEntry]
    filters: Mapping[str, Entry]
    recipes: Mapping[str, Entry]


def load_config(path: str | Path | None = None) -> ConfigFile:
    """Read ``path``, else ./pipelines.yaml where there is one, else the file that is installed with the package.

    Raises:
        UserError: the file cannot be read, is not valid YAML, or holds something else than the three sections;
            one line per mistake with file, line and key.
    """
    default = default_config_path()
    if path is None:
        path = Path(FILE_NAME) if Path(FILE_NAME).is_file() else default
    path = Path(path)
    chosen = _read(path)
    if path.resolve() == default.resolve():
        return chosen
    installed = _read(default)
    return ConfigFile(
        path,
        {**installed.pipelines, **chosen.pipelines},
        {**installed.filters, **chosen.filters},
        {**installed.recipes, **chosen.recipes},
    )


def default_config_path() -> Path:
    """The `pipelines.yaml` that is installed with the package; in a checkout, the one at its top."""
    package = Path(str(importlib.resources.files("curation")))
    installed = package / FILE_NAME
    return installed if installed.is_file() else package.parent / FILE_NAME


def _read(path: Path) -> ConfigFile:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; name an existing file with --config") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not a text file in UTF-8 ({error.reason} at byte {error.start})") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    document = parse(text, str(path))
    data = {} if document.data is None else document.data
    if not isinstance(data, dict):
        raise UserError(f"{path}: should hold the sections pipelines, filters and recipes")
    spec = validated(FileSpec, data, name="", place=document.place)
    pipelines = {name: PipelineEntry(name, pipeline, document) for name, pipeline in spec.pipelines.items()}
    filters = {name: Entry("filters", name, values, document) for name, values in spec.filters.items()}
    recipes = {name: Entry("recipes", name, values, document) for name, values in spec.recipes.items()}
    return ConfigFile(path, pipelines, filters, recipes)
