"""Pydantic's findings as lines for the user: where, which key, what is wrong, how to mend it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from curation.config.document import Keys
from curation.errors import UserError
from curation.suggestions import did_you_mean

Model = TypeVar("Model", bound=BaseModel)


def validated(model: type[Model], data: Any, *, name: str, place: Callable[[Keys], str]) -> Model:
    """``data`` as ``model``.

    ``name``: the dotted key of ``data`` in messages, may be empty; ``place``: where a key below it was written.

    Raises:
        UserError: one line per mistake, ``place: name.key: what is wrong``.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise UserError("\n".join(_lines(error, model, data, name, place))) from None


def show(value: Any) -> str:
    """A value as it would stand in YAML, shortened."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}…"


def dotted(name: str, keys: Keys) -> str:
    """``clipping`` and ("run", "batch_size") → ``clipping.run.batch_size``."""
    return ".".join(part for part in (name, *map(str, keys)) if part)


def _lines(
    error: ValidationError, model: type[BaseModel], data: Any, name: str, place: Callable[[Keys], str]
) -> list[str]:
    texts: dict[Keys, list[str]] = {}
    details = error.errors(include_url=False)
    for detail in details:
        if detail["type"] == "too_short" and any(_is_below(other["loc"], detail["loc"]) for other in details):
            continue  # pydantic does not count the items that are wrong themselves
        keys = _real_keys(detail["loc"], data, absent_last=detail["type"] == "missing")
        texts.setdefault(keys, []).append(_text(detail, model, keys))
    lines = []
    for keys, found in texts.items():
        key = dotted(name, keys)
        what = _joined(found, _value_at(data, keys))
        lines.append(": ".join(part for part in (place(keys), key, what) if part))
    return lines


def _is_below(location: tuple[str | int, ...], other: tuple[str | int, ...]) -> bool:
    return len(location) > len(other) and location[: len(other)] == other


def _text(detail: Mapping[str, Any], model: type[BaseModel], keys: Keys) -> str:
    kind, message = detail["type"], str(detail["msg"])
    if kind == "extra_forbidden":
        owner = _model_at(model, keys[:-1])
        return "unknown key" + did_you_mean(str(keys[-1]), _keys_of(owner) if owner else ())
    if kind == "missing":
        return "is missing"
    if kind in ("dict_type", "model_type"):
        return "Input should be a mapping"
    if kind in ("list_type", "tuple_type"):
        return "Input should be a list"
    if kind == "too_short":
        return f"should have {detail['ctx']['min_length']} or more items"
    if kind == "literal_error" and isinstance(detail["input"], str):
        expected = [option.strip("'") for option in detail["ctx"]["expected"].replace(" or ", ", ").split(", ")]
        return message + did_you_mean(detail["input"], expected)
    return message.removeprefix("Value error, ").removeprefix("Assertion failed, ")


def _keys_of(model: type[BaseModel]) -> list[str]:
    """Its keys as they are written: the alias of a field that has one."""
    return [field.alias or name for name, field in model.model_fields.items()]


def _joined(texts: Sequence[str], value: Any) -> str:
    """Several texts are the branches of a union: "should be a valid integer or 'auto', not …"."""
    prefix = "Input should be "
    if not all(text.startswith(prefix) for text in texts):
        return "; ".join(dict.fromkeys(text.removeprefix("Input ") for text in texts))
    options = dict.fromkeys(text.removeprefix(prefix).split("; ")[0].split(", unable")[0] for text in texts)
    hints = {text.partition("; ")[2] for text in texts} - {""}
    hint = f"; {hints.pop()}" if len(hints) == 1 and "did you mean" in "".join(hints) else ""
    return f"should be {' or '.join(options)}, not {show(value)}{hint}"


def _real_keys(location: Sequence[str | int], data: Any, *, absent_last: bool) -> Keys:
    """The location without what pydantic adds to it (names of union branches and validators)."""
    keys: list[str | int] = []
    for index, key in enumerate(location):
        if _holds(data, key):
            data = data[key]
        elif not (absent_last and index == len(location) - 1):
            continue
        keys.append(key)
    return tuple(keys)


def _holds(data: Any, key: str | int) -> bool:
    if isinstance(data, Mapping):
        return key in data
    return isinstance(data, list | tuple) and isinstance(key, int) and key < len(data)


def _value_at(data: Any, keys: Keys) -> Any:
    for key in keys:
        data = data[key] if not isinstance(data, Mapping) or key in data else None
    return data


def _model_at(model: type[BaseModel], keys: Keys) -> type[BaseModel] | None:
    """The model that the value at ``keys`` is an instance of, where the annotations tell."""
    found: type[BaseModel] | None = model
    for key in keys:
        if found is None:
            return None
        if isinstance(key, str) and key in found.model_fields:
            found = _model_in(found.model_fields[key].annotation)
    return found


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        found = _model_in(argument)
        if found is not None:
            return found
    return None
