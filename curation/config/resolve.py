"""From what is written in `pipelines.yaml` and on the command line to a pipeline with validated stages."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from curation.config.ancestry import ancestry
from curation.config.document import Keys, parse
from curation.config.file import ConfigFile, PipelineEntry
from curation.config.overlay import OVERRIDE_PLACE, nearest_place, overlay
from curation.config.pipeline import ResolvedPipeline, ResolvedStage
from curation.config.validation import dotted, show, validated
from curation.errors import UserError
from curation.registry import stage_class
from curation.stage import RunPolicy
from curation.suggestions import did_you_mean

STAGE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


def resolve_pipeline(config_file: ConfigFile, name: str, overrides: Sequence[str] = ()) -> ResolvedPipeline:
    """The pipeline ``name`` with what it extends and with ``overrides`` (``stage.key=value``, the value in YAML).

    Raises:
        UserError: unknown pipeline, stage or key, wrong type, a cycle of ``extends``; one line per mistake with file,
            line (or --set), key and what to do.
    """
    if name not in config_file.pipelines:
        hint = did_you_mean(name, config_file.pipelines)
        raise UserError(f'{config_file.path}: no pipeline "{name}"{hint}')
    drafts: dict[str, _Draft] = {}
    for entry in ancestry(config_file.pipelines, name, lambda one: one.spec.extends, "pipeline", "pipelines."):
        _apply(entry, drafts)
    for override in overrides:
        _override(override, name, drafts)
    stages: list[ResolvedStage] = []
    mistakes: list[str] = []
    for draft in drafts.values():
        try:
            stages.append(draft.resolve())
        except UserError as error:
            mistakes.append(str(error))
    if mistakes:
        raise UserError("\n".join(mistakes))
    return ResolvedPipeline(name, tuple(stages)).settled()


def override_stage(pipeline: ResolvedPipeline, name: str, overrides: Sequence[str]) -> ResolvedStage:
    """The stage ``name`` of a pipeline, or with its defaults where the pipeline has none, with ``overrides``.

    Raises:
        UserError: as `resolve_pipeline`.
    """
    present = [stage for stage in pipeline.stages if stage.name == name]
    draft = _Draft(name, OVERRIDE_PLACE if overrides else "--stage")
    for stage in present:
        values = {**stage.config.model_dump(mode="json"), "run": stage.run.model_dump(mode="json")}
        draft.values = values if stage.use is None else {**values, "use": stage.use}
        draft.place = stage.place
    for override in overrides:
        _override(override, pipeline.name, {name: draft})
    return draft.resolve()


@dataclass
class _Draft:
    """A stage while it is put together; ``places`` says where each key was written last."""

    name: str
    place: str
    values: dict[str, Any] = field(default_factory=dict)
    places: dict[Keys, str] = field(default_factory=dict)

    def overlay(self, values: Mapping[str, Any], place: Callable[[Keys], str]) -> None:
        """Mappings are merged key by key; any other value replaces what was there."""
        overlay(self.values, values, place, self.places)

    def place_of(self, keys: Keys) -> str:
        return nearest_place(self.places, keys, self.place)

    def resolve(self) -> ResolvedStage:
        values = dict(self.values)
        run, use = values.pop("run", {}), values.pop("use", None)
        if use is not None and not isinstance(use, str):
            raise UserError(f'{self.place_of(("use",))}: {self.name}.use: should be "module:Class", not {show(use)}')
        found = stage_class(self.name, use, self.place_of(("use",)) if use else self.place)
        mistakes = []
        try:
            config = validated(found.Config, values, name=self.name, place=self.place_of)
        except UserError as error:
            mistakes.append(str(error))
        try:
            policy = validated(
                RunPolicy, run, name=f"{self.name}.run", place=lambda keys: self.place_of(("run", *keys))
            )
        except UserError as error:
            mistakes.append(str(error))
        if mistakes:
            raise UserError("\n".join(mistakes))
        return ResolvedStage(self.name, found, config, policy, use, self.place)


def _apply(entry: PipelineEntry, drafts: dict[str, _Draft]) -> None:
    own: set[str] = set()
    for index, item in enumerate(entry.spec.stages):
        ((name, values),) = item.items()
        keys: Keys = ("stages", index, name)
        where = entry.place(keys)
        if STAGE_NAME.fullmatch(name) is None:
            raise UserError(f'{where}: "{name}": a stage\'s name is letters, digits, "_" and "-", a letter first')
        if name in own:
            raise UserError(f'{where}: "{name}" stands twice in the pipeline "{entry.name}"')
        own.add(name)
        if values is None:
            if name not in drafts:
                raise UserError(
                    f"{where}: {name}: null removes an inherited stage, and there is none; "
                    f'for a stage without parameters write "{name}: {{}}"'
                )
            del drafts[name]
            continue
        draft = drafts.setdefault(name, _Draft(name, where))
        draft.overlay(values, _below(entry, keys))


def _below(entry: PipelineEntry, prefix: Keys) -> Callable[[Keys], str]:
    return lambda keys: entry.place((*prefix, *keys))


def _override(text: str, pipeline: str, drafts: Mapping[str, _Draft]) -> None:
    path, equals, value = text.partition("=")
    name, *keys = path.strip().split(".")
    if not equals or not keys or not all((name, *keys)):
        raise UserError(f"{OVERRIDE_PLACE} {text}: write it as stage.key=value, such as optical_flow.fps=4")
    if name not in drafts:
        hint = did_you_mean(name, drafts)
        raise UserError(
            f'{OVERRIDE_PLACE} {dotted(name, tuple(keys))}: the pipeline "{pipeline}" has no stage "{name}"{hint}'
        )
    values: Any = parse(value, f"{OVERRIDE_PLACE} {dotted(name, tuple(keys))}").data
    for key in reversed(keys):
        values = {key: values}
    drafts[name].overlay(values, lambda _: OVERRIDE_PLACE)
