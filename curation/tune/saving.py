"""Saving what was tuned as a named filter, in the user's file."""

from __future__ import annotations

import os
import tempfile
import threading
from pathlib import Path
from typing import Any

from curation.config import load_config
from curation.errors import UserError
from curation.filters import filter_name
from curation.tune.bodies import SaveBody
from curation.tune.draft import draft_filter
from curation.tune.session import Session
from curation.tune.yaml_edit import with_filter

_lock = threading.Lock()


class FilterExistsError(Exception):
    """There is a filter of that name, and nobody said that it may be replaced."""


def save_filter(session: Session, body: SaveBody) -> dict[str, Any]:
    """Write a filter into the file of the session, which is made where it is not there.

    Raises:
        UserError: the name or a rule makes no sense; the file cannot be written, or is that of the package.
        FilterExistsError: the name is taken.
    """
    filter = draft_filter(body.rules, filter_name(body.name), body.description)
    if session.cannot_save:
        raise UserError(session.cannot_save)
    target = session.target
    with _lock:
        existing = session.config().filters.get(filter.name)
        if existing is not None and not body.overwrite:
            raise FilterExistsError(f"{existing.place()}: there is a filter {filter.name} already")
        text = target.read_bytes().decode() if target.is_file() else ""  # line ends as they are
        _write(target, with_filter(text, filter, str(target)))
        place = load_config(target).filters[filter.name].place()
    return {"name": filter.name, "place": place, "is_new_file": not text}


def _write(target: Path, text: str) -> None:
    """Beside the file and renamed, so that it is never half written; with the permissions that it had."""
    real = target.resolve()
    aside = ""
    try:
        handle, aside = tempfile.mkstemp(dir=real.parent, prefix=f".{real.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
        os.chmod(aside, real.stat().st_mode & 0o7777 if real.exists() else 0o644)
        os.replace(aside, real)
    except OSError as error:
        if aside:
            Path(aside).unlink(missing_ok=True)
        raise UserError(f"{target}: cannot be written: {error.strerror or error}") from error
