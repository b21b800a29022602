"""Which stages there are: the entry points of the group "curation.stages", and classes named with ``use``.

The framework knows no stage by name. A package adds its own with, in its pyproject.toml:

    [project.entry-points."curation.stages"]
    my_stage = "my_package.my_stage:MyStage"
"""

from __future__ import annotations

import importlib
import inspect
from importlib.metadata import EntryPoint, entry_points

from curation.errors import UserError
from curation.stage import Annotator, DatasetAnnotator, Splitter, Stage
from curation.suggestions import did_you_mean

GROUP = "curation.stages"


def stage_class(name: str, use: str | None = None, place: str = "") -> type[Stage]:
    """The class of the stage ``name``: the registered one, or with ``use`` the class "module:Class".

    ``place``: where the name was written, for messages.

    Raises:
        UserError: there is no such stage, it cannot be imported, or it does not keep the stage contract.
    """
    where = f"{place}: {name}" if place else name
    if use is not None:
        module, colon, attribute = use.partition(":")
        if not (module and colon and attribute):
            raise UserError(f'{where}.use: should be "module:Class", not "{use}"')
        return _load(EntryPoint(name, use, GROUP), f"{where}.use")
    registered = _registered()
    if name not in registered:
        mend = did_you_mean(name, registered) if registered else "; no stages are installed: pip install curation"
        raise UserError(f"{where}: unknown stage{mend}")
    return _load(registered[name], where)


def registered_stages() -> dict[str, type[Stage]]:
    """All registered stages that can be imported, by name."""
    stages = {}
    for name, entry_point in sorted(_registered().items()):
        try:
            stages[name] = _load(entry_point, name)
        except UserError:
            continue  # it is told about when a pipeline names it
    return stages


def _registered() -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for entry_point in entry_points(group=GROUP):
        other = found.setdefault(entry_point.name, entry_point)
        if other.value != entry_point.value:
            packages = " and ".join(
                sorted(each.dist.name if each.dist else each.value for each in (other, entry_point))
            )
            raise UserError(f'two packages register a stage "{entry_point.name}": {packages}; uninstall one of them')
    return found


def _load(entry_point: EntryPoint, where: str) -> type[Stage]:
    try:
        module = importlib.import_module(entry_point.module)
    except ImportError as error:
        mend = "install its package, or add its folder to PYTHONPATH"
        raise UserError(f'{where}: cannot import "{entry_point.module}": {error}; {mend}') from error
    except Exception as error:
        what = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise UserError(f'{where}: importing "{entry_point.module}" fails with {what}') from error
    found = getattr(module, entry_point.attr, None)
    if found is None:
        names = [key for key, value in vars(module).items() if _is_stage(value)]
        raise UserError(
            f'{where}: "{entry_point.module}" has no "{entry_point.attr}"{did_you_mean(entry_point.attr, names)}'
        )
    if not _is_stage(found):
        raise UserError(
            f"{where}: {entry_point.value} is not a Splitter, Annotator or DatasetAnnotator that can be made "
            "(curation.stage)"
        )
    if getattr(found, "name", None) != entry_point.name:
        mend = f"write {found.name} as the key" if hasattr(found, "name") else "give the class a name"
        raise UserError(f"{where}: the name of {entry_point.value} is not {entry_point.name}; {mend}")
    if issubclass(found, (Annotator, DatasetAnnotator)) and not hasattr(found, "writes"):
        raise UserError(f"{where}: {entry_point.value} has no `writes`: which columns does it give?")
    loaded: type[Stage] = found
    return loaded


def _is_stage(value: object) -> bool:
    kinds = (Splitter, Annotator, DatasetAnnotator)
    return inspect.isclass(value) and issubclass(value, kinds) and not inspect.isabstract(value)
