"""The weights that a recipe needs from elsewhere: those it begins with, and its frozen models. Listed, and fetched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from models.diffusion.autoencoder.load import KEY as AUTOENCODER
from models.diffusion.autoencoder.load import STEM, taesd_files
from models.diffusion.autoencoder.settings import PIXELS
from models.diffusion.model_files import ModelFilesError, weight_names
from models.diffusion.recipe import Recipe
from models.diffusion.text_encoder.load import ENCODER_WEIGHTS, IMAGE, TEXT, TOKENIZER_FILES, is_openclip
from models.diffusion.text_encoder.settings import CELLS, WORDS, ImageEncoderSettings, TextEncoderSettings
from models.diffusion.train.folder import CONFIG_NAME, UNET
from models.diffusion.train.start import START, hub_start
from models.hub import HubError, HubModel
from models.hub_files import WEIGHTS, WeightFile
from models.openclip_source import HUB_PREFIX, OpenClipSource, OpenClipSourceError, find_source
from models.openclip_weights import OpenClipWeights


class NeededWeights(Protocol):
    """The weights of one part of a recipe.

    ``key``: the part, such as "autoencoder"; ``name``: the model; ``is_here``: whether all is on this machine;
    ``can_be_fetched``: whether it is anything but a path on this machine; ``problem``: what is wrong with such a path;
    ``download``: whether a training fetches it.
    """

    @property
    def key(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def is_here(self) -> bool: ...
    @property
    def can_be_fetched(self) -> bool: ...
    @property
    def problem(self) -> str | None: ...
    @property
    def download(self) -> bool: ...

    def files(self) -> list[WeightFile]:
        """Every file, on this machine or not; asks the hub for those that are not.

        Raises:
            ModelFilesError: the hub cannot tell, or there is no such model.
        """

    def fetch(self) -> None:
        """Bring to this machine what is missing of `files`.

        Raises:
            ModelFilesError: it cannot be had, or is not what was published.
        """


def recipe_weights(recipe: Recipe) -> Iterator[NeededWeights]:
    """Nothing of models that need no weights, nor of checkpoints that were trained here."""
    start = hub_start(recipe.start)
    if start is not None:
        yield _HubParts(START, start, _diffusers(start, UNET, weight_names(STEM, None)), download=recipe.start.download)
    autoencoder = recipe.autoencoder
    if not autoencoder.model.startswith(PIXELS) and taesd_files(autoencoder.model) is None:
        model = HubModel(autoencoder.model, autoencoder.revision, autoencoder.cache_dir)
        parts = _diffusers(model, autoencoder.subfolder, weight_names(STEM, autoencoder.variant))
        yield _HubParts(AUTOENCODER, model, parts, download=autoencoder.download)
    if recipe.conditioning.context == "text":
        if not recipe.text_encoder.model.startswith(WORDS):
            yield _encoder(TEXT, recipe.text_encoder)
    elif not recipe.image_encoder.model.startswith(CELLS):
        yield _encoder(IMAGE, recipe.image_encoder)


@dataclass(frozen=True)
class _HubParts:
    """``required``: a file each; ``optional``: files of which those are taken that there are."""

    key: str
    model: HubModel
    required: tuple[HubModel, ...]
    optional: tuple[HubModel, ...] = ()
    download: bool = False

    @property
    def name(self) -> str:
        return str(self.model)

    @property
    def is_here(self) -> bool:
        return all(part.local() is not None for part in self.required)

    @property
    def can_be_fetched(self) -> bool:
        return not self.model.is_path

    @property
    def problem(self) -> str | None:
        return None if self.is_here else f"{self.name} is not on this machine, or not such a model"

    def files(self) -> list[WeightFile]:
        try:
            return [*self._optional_files(), *(file for part in self.required for file in part.files())]
        except HubError as error:
            raise ModelFilesError(f"{self.key}: {error}") from error

    def fetch(self) -> None:
        try:
            for file in sorted(self.files(), key=lambda file: file.name.endswith(WEIGHTS)):
                if file.path is None:
                    replace(self.model, file=file.name).fetch()
        except HubError as error:
            raise ModelFilesError(f"{self.key}: {error}") from error

    def _optional_files(self) -> Iterator[WeightFile]:
        """Once all that is required is here, nothing more is asked for."""
        is_here = self.is_here
        for part in self.optional:
            if part.local() is not None or not is_here:
                try:
                    yield from part.files()
                except HubError:
                    continue


@dataclass(frozen=True)
class _OpenClip:
    """``problem``: why the model cannot be told, in words."""

    key: str
    model: str
    source: OpenClipSource | None
    weights: OpenClipWeights
    problem: str | None
    download: bool

    @property
    def name(self) -> str:
        tag = self.source is not None and self.source.pretrained and self.source.origin
        return f"{self.model} ({tag})" if tag else self.model

    @property
    def is_here(self) -> bool:
        return self.source is not None and self.source.weights is not None and not self.weights.tokenizer_is_missing

    @property
    def can_be_fetched(self) -> bool:
        return self.source is not None or self.model.startswith(HUB_PREFIX)

    def files(self) -> list[WeightFile]:
        if not self.can_be_fetched:
            raise ModelFilesError(f"{self.key}: {self.problem}")
        try:
            return self.weights.files()
        except HubError as error:
            raise ModelFilesError(f"{self.key}: {error}") from error

    def fetch(self) -> None:
        try:
            self.weights.fetch()
        except (HubError, OpenClipSourceError) as error:
            raise ModelFilesError(f"{self.key}: {error}") from error


def _encoder(key: str, settings: TextEncoderSettings | ImageEncoderSettings) -> NeededWeights:
    of_text = isinstance(settings, TextEncoderSettings)
    if is_openclip(settings):
        source, problem = None, None
        try:
            source = find_source(settings.model, settings.pretrained, settings.cache_dir)
        except OpenClipSourceError as error:
            problem = f"{error}; see {key}.model and {key}.pretrained"
        weights = OpenClipWeights(settings.model, source, settings.cache_dir, with_tokenizer=of_text)
        return _OpenClip(key, settings.model, source, weights, problem, settings.download)
    model = HubModel(settings.model, settings.revision, settings.cache_dir)
    parts = _diffusers(model, settings.subfolder, ENCODER_WEIGHTS)
    if not isinstance(settings, TextEncoderSettings):
        return _HubParts(key, model, parts, download=settings.download)
    first, *others = (_part(model, settings.tokenizer, name) for name in TOKENIZER_FILES)
    return _HubParts(key, model, (first, *parts), tuple(others), download=settings.download)


def _diffusers(model: HubModel, folder: str, weights: tuple[str, ...]) -> tuple[HubModel, ...]:
    return _part(model, folder, CONFIG_NAME), _part(model, folder, *weights)


def _part(model: HubModel, folder: str, *names: str) -> HubModel:
    """One file: of ``folder``, or of the top where the model is alone in its repository."""
    places = (f"{folder}/", "") if folder else ("",)
    return replace(model, file=tuple(f"{place}{name}" for place in places for name in names))
