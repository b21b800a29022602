"""The answers of the page's API, from a session and a checked question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from curation.dataset.column_types import kind_of
from curation.errors import UserError
from curation.filters import Amount, ColumnRule
from curation.filters.spec import ColumnSpec
from curation.tune.bodies import CompareBody, ConvertBody, GalleryBody, KeptBody
from curation.tune.convert import to_percentiles, to_values
from curation.tune.details import annotations_of, plain, source_of
from curation.tune.draft import Draft, read_draft
from curation.tune.gallery import around_threshold, sample
from curation.tune.judge import Verdict
from curation.tune.media import CONTACT_SHEETS, NoSuchFileError
from curation.tune.places import Place, Rows
from curation.tune.session import Opened, Session, described

Json = dict[str, Any]

MOST_SIBLINGS = 500
MOST_TRANSITIONS = 1000
TRANSITIONS = "video_transitions"


def about(session: Session) -> Json:
    """What the page shows before anything is asked."""
    opened = session.refresh()
    return {
        "dataset": session.storage.url,
        "name": session.storage.root.rstrip("/").rsplit("/", 1)[-1],
        "total": _amount(opened.judge.amount(np.ones(len(opened.table), np.bool_))),
        "columns": described(opened),
        "scores": opened.scores,
        "filters": session.filters(),
        "target": str(session.target),
        "config": session.config_option,
        "cannot_save": session.cannot_save,
    }


def evaluation(opened: Opened, rules: Sequence[Json]) -> Json:
    """The funnel of a draft; rules that cannot be applied tell why and drop nothing."""
    draft = _draft(opened, rules)
    found = opened.judge.funnel(draft.applied)
    bounds = iter([judged.resolved.bounds() for judged in opened.judge.verdict(draft.applied).rules])
    rows = iter(found.rows)
    answers: list[Json] = []
    for rule in draft.rules:
        if rule.rule is None:
            answers.append({"error": rule.error, "is_missing": rule.is_missing})
            continue
        row = next(rows)
        amounts = {name: _amount(getattr(row, name)) for name in ("alone", "here", "only", "left")}
        answers.append({"label": row.label, "nulls": row.nulls, "bounds": next(bounds), **amounts})
    return {"total": _amount(found.total), "kept": _amount(found.kept), "rules": answers}


def kept_bars(opened: Opened, body: KeptBody) -> Json:
    """The bars of the clips that a draft keeps, by column."""
    kept = _verdict(opened, body.rules).kept
    bars: Json = {}
    for column in body.columns:
        counts = opened.distribution(column.name, column.scale).kept(kept)
        bars[column.name] = None if counts is None else counts.tolist()
    return bars


def gallery(opened: Opened, body: GalleryBody) -> Json:
    """Clips next to a threshold, or random ones."""
    draft = _draft(opened, body.rules)
    verdict = opened.judge.verdict(draft.applied)
    table = opened.table
    if body.rule is not None and body.side is not None:
        index = draft.position(body.rule)
        rows = around_threshold(table, verdict, index, body.side, body.fate, limit=body.limit, offset=body.offset)
        return {"clips": _cards(opened, rows, draft, verdict)}
    if body.rule is not None:
        index = draft.position(body.rule)
        chosen = verdict.kept if body.fate == "kept" else verdict.only(index)
    else:
        chosen = verdict.kept if body.fate == "kept" else ~verdict.kept
    return {"clips": _cards(opened, sample(chosen, seed=body.seed, limit=body.limit), draft, verdict)}


def comparison(opened: Opened, body: CompareBody) -> Json:
    """What one draft keeps and another drops, the other way, and what both keep and drop."""
    drafts = {"a": _draft(opened, body.a), "b": _draft(opened, body.b)}
    verdicts = {side: opened.judge.verdict(draft.applied) for side, draft in drafts.items()}
    kept_a, kept_b = verdicts["a"].kept, verdicts["b"].kept
    only = {"only_a": (kept_a & ~kept_b, "b"), "only_b": (kept_b & ~kept_a, "a")}
    answer: Json = {
        "left_out": {side: [rule.error for rule in draft.rules if rule.rule is None] for side, draft in drafts.items()},
        "a": _amount(opened.judge.amount(kept_a)),
        "b": _amount(opened.judge.amount(kept_b)),
        "both": _amount(opened.judge.amount(kept_a & kept_b)),
        "neither": _amount(opened.judge.amount(~(kept_a | kept_b))),
    }
    for name, (chosen, other) in only.items():
        rows = sample(chosen, seed=body.seed, limit=body.limit)
        clips = _cards(opened, rows, drafts[other], verdicts[other])
        answer[name] = {"amount": _amount(opened.judge.amount(chosen)), "clips": clips}
    return answer


def conversion(opened: Opened, body: ConvertBody) -> Json:
    """The thresholds of a rule in the other form."""
    (rule,) = _draft(opened, [{body.column: body.spec}]).rules
    if rule.rule is None or not isinstance(rule.rule, ColumnRule):
        raise UserError(rule.error)
    if kind_of(opened.column(body.column).type) != "number":
        raise UserError(f"{body.column}: holds no numbers; it has no thresholds")
    convert = to_percentiles if body.to == "percentiles" else to_values
    spec = convert(opened.table, body.column, rule.rule.spec.as_written())
    ColumnSpec.model_validate(spec)
    return {"spec": spec}


def place(opened: Opened, clip_id: str, rules: Sequence[Json]) -> Json:
    """Where a clip stands in its source, and what the rules of a draft say of it and of its neighbours.

    Raises:
        NoSuchFileError: there is no such clip.
    """
    clip = _find(opened, clip_id)
    verdict = _verdict(opened, rules)
    siblings = [
        {**_span(sibling), "kept": not int(verdict.codes[sibling.row])}
        for sibling in opened.places.of_same_video(clip.row, MOST_SIBLINGS)
    ]
    return {"clip": _span(clip), "siblings": siblings, "dropped_by": _reasons(verdict, clip.row)}


def details(opened: Opened, clip_id: str) -> Json:
    """All that the tables tell of a clip and its source.

    Raises:
        NoSuchFileError: there is no such clip.
    """
    clip = _find(opened, clip_id)
    known = opened.table.columns
    source = source_of(opened.storage, known, clip.video_id)
    return {
        "annotations": plain(annotations_of(opened.storage, known, clip_id)),
        "source": plain({name: value for name, value in source.items() if name != TRANSITIONS}),
        "transitions": plain(list(source.get(TRANSITIONS) or [])[:MOST_TRANSITIONS]),
        "has_contact_sheet": opened.storage.exists(contact_sheet(clip.video_id)),
    }


def contact_sheet(video_id: str) -> str:
    """The name of the picture of a source in the dataset."""
    return f"{CONTACT_SHEETS}/{video_id}.jpg"


def _draft(opened: Opened, rules: Sequence[Json]) -> Draft:
    return read_draft(rules, opened.table)


def _verdict(opened: Opened, rules: Sequence[Json]) -> Verdict:
    return opened.judge.verdict(_draft(opened, rules).applied)


def _find(opened: Opened, clip_id: str) -> Place:
    clip = opened.places.find(clip_id)
    if clip is None:
        raise NoSuchFileError
    return clip


def _cards(opened: Opened, rows: Rows, draft: Draft, verdict: Verdict) -> list[Json]:
    """What the gallery shows of each clip: its span, the values that the rules look at, and which rules drop it."""
    columns = dict.fromkeys(rule.column for rule in draft.applied if isinstance(rule, ColumnRule))
    values = {name: [plain(value) for value in opened.table.values(name).take(rows).to_pylist()] for name in columns}
    return [
        {
            **_span(clip),
            "values": {name: column[number] for name, column in values.items()},
            "dropped_by": _reasons(verdict, clip.row),
        }
        for number, clip in enumerate(opened.places.at(rows))
    ]


def _span(clip: Place) -> Json:
    return {key: plain(getattr(clip, key)) for key in ("clip_id", "source", "start_s", "end_s")}


def _reasons(verdict: Verdict, row: int) -> list[str]:
    code = int(verdict.codes[row])
    return [judged.resolved.rule.label for index, judged in enumerate(verdict.rules) if code >> index & 1]


def _amount(amount: Amount) -> Json:
    return asdict(amount)
