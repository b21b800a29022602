"""The answers of the page's API, from a session and a checked question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from curation.dataset.storage import Storage
from curation.dataset.wide import VIDEO_ID
from curation.errors import UserError
from curation.filters import Amount, ColumnRule
from curation.filters.spec import ColumnSpec
from curation.tune.bodies import CompareBody, ConvertBody, GalleryBody, KeptBody
from curation.tune.convert import to_percentiles, to_values
from curation.tune.details import annotations_of, plain, siblings_of, source_of
from curation.tune.draft import Draft, read_draft
from curation.tune.gallery import Rows, around_threshold, sample
from curation.tune.judge import Verdict
from curation.tune.media import CONTACT_SHEETS, NoSuchFileError
from curation.tune.session import Opened, Session, described

Json = dict[str, Any]


def about(session: Session) -> Json:
    """What the page shows before anything is asked."""
    opened = session.refresh()
    return {
        "dataset": session.storage.url,
        "name": session.storage.root.rstrip("/").rsplit("/", 1)[-1],
        "total": _amount(opened.judge.amount(np.ones(len(opened.table), np.bool_))),
        "columns": described(opened),
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
        bars[column.name] = None if counts is None else counts[:-1].tolist()
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
    convert = to_percentiles if body.to == "percentiles" else to_values
    spec = convert(opened.table, body.column, rule.rule.spec.as_written())
    ColumnSpec.model_validate(spec)
    return {"spec": spec}


def details(opened: Opened, clip_id: str, rules: Sequence[Json]) -> Json:
    """All that is known of a clip, its place in the source, and what the rules of a draft say of it.

    Raises:
        NoSuchFileError: there is no such clip.
    """
    clip = opened.clips.get([clip_id]).get(clip_id)
    row = opened.clips.row(clip_id)
    if clip is None or row is None:
        raise NoSuchFileError
    known = opened.table.columns
    verdict = _verdict(opened, rules)
    source = source_of(opened.storage, known, clip[VIDEO_ID])
    siblings = siblings_of(opened.storage, clip[VIDEO_ID])
    for sibling in siblings:
        place = opened.clips.row(sibling["clip_id"])
        sibling["kept"] = place is None or not int(verdict.codes[place])
    return {
        "clip": plain(clip),
        "annotations": plain(annotations_of(opened.storage, known, clip_id)),
        "source": plain({name: value for name, value in source.items() if name != "video_transitions"}),
        "transitions": plain(source.get("video_transitions") or [])[:1000],
        "siblings": plain(siblings),
        "dropped_by": _reasons(verdict, row),
        "has_contact_sheet": has_contact_sheet(opened.storage, clip[VIDEO_ID]),
    }


def has_contact_sheet(storage: Storage, video_id: str) -> bool:
    """Whether a picture of the source was drawn."""
    return storage.exists(contact_sheet(video_id))


def contact_sheet(video_id: str) -> str:
    """The name of the picture of a source in the dataset."""
    return f"{CONTACT_SHEETS}/{video_id}.jpg"


def _draft(opened: Opened, rules: Sequence[Json]) -> Draft:
    return read_draft(rules, opened.table, opened.storage.url)


def _verdict(opened: Opened, rules: Sequence[Json]) -> Verdict:
    return opened.judge.verdict(_draft(opened, rules).applied)


def _cards(opened: Opened, rows: Rows, draft: Draft, verdict: Verdict) -> list[Json]:
    """What the gallery shows of each clip: its span, the values that the rules look at, and which rules drop it."""
    ids = opened.clips.ids(rows)
    known = opened.clips.get(ids)
    columns = dict.fromkeys(rule.column for rule in draft.applied if isinstance(rule, ColumnRule))
    values = {name: opened.table.values(name).take(rows).to_pylist() for name in columns}
    cards = []
    for place, (clip_id, row) in enumerate(zip(ids, rows, strict=True)):
        clip = known.get(clip_id)
        if clip is None:
            continue
        shown = {name: plain(column[place]) for name, column in values.items()}
        span = {key: plain(clip[key]) for key in ("source", "start_s", "end_s", "width", "height")}
        cards.append({"clip_id": clip_id, **span, "values": shown, "dropped_by": _reasons(verdict, int(row))})
    return cards


def _reasons(verdict: Verdict, row: int) -> list[str]:
    code = int(verdict.codes[row])
    return [judged.resolved.rule.label for index, judged in enumerate(verdict.rules) if code >> index & 1]


def _amount(amount: Amount) -> Json:
    return asdict(amount)
