"""Shows a few notes otherwise than usual, to measure what suggestions do to a reviewer; see `db/review/trials.py`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from app.core.desk import Desk
from app.core.rules import Rules
from data.grounding.evidence import Evidence
from data.task import Task
from db.people.acting import acting
from db.review.decisions import Review
from db.review.opinions import is_compared
from db.review.trials import TrialRow, begin_trial, trial_of, trials_of
from db.schema.errors import StoreError
from db.store.store import Session

if TYPE_CHECKING:
    from app.screens.review.note.note import Shown


def apply_trial(desk: Desk, reviewer: str, shown: Shown, rules: Rules) -> Shown:
    """The note as this reviewer is to see it: as it is, without the suggested values, or with a wrong one.

    Only notes on which nobody has worked yet take part, and only while a share is asked for; how a note is shown is
    drawn once and kept.
    """
    review = shown.review
    if not takes_part(review) or review.suggestion is None:
        return shown
    with desk.store.reading() as session:
        trial = trial_of(session, review.note.id, reviewer)
    if trial is None and rules.blind_share + rules.seeded_share > 0:
        try:
            trial = _draw(desk, reviewer, shown, rules)
        except StoreError:  # a full disk keeps nobody from reading; what cannot be kept is not measured
            return shown
    if trial is None or trial.kind == "prefilled":
        return shown
    if trial.kind == "blind":
        return replace(shown, review=replace(review, suggestion=None), proposed={}, withheld={}, is_blind=True)
    assert trial.field is not None
    seeded = {**review.suggestion.extraction, trial.field: trial.value}
    own = replace(review.suggestion, extraction=seeded, evidence=_drop_key(review.suggestion.evidence, trial.field))
    own = replace(own, grounding=_drop_key(own.grounding, trial.field))
    others = tuple(value for value in own.alternatives.get(trial.field, ()) if value != trial.value)
    was = review.suggestion.extraction[trial.field]
    own = replace(own, alternatives={**own.alternatives, trial.field: (was, *others)[:2]})
    proposed, left_out = {**shown.proposed, trial.field: trial.value}, _drop_key(shown.withheld, trial.field)
    offers = _drop_key(dict(shown.offers), trial.field)  # one made since names the model's own value
    return replace(shown, review=replace(review, suggestion=own), proposed=proposed, offers=offers, withheld=left_out)


def takes_part(review: Review) -> bool:
    """Whether a note may be shown otherwise than usual: nobody has worked on it yet.

    What several say about a note is compared, so all of them see the same.
    """
    is_worked_on = review.draft is not None or review.annotation is not None or review.note.gold is not None
    return not is_worked_on and review.suggestion is not None and not is_compared(review.note)


def is_kept_back(session: Session, reviewer: str, review: Review, rules: Rules) -> bool:
    """Whether a reviewer is not to know, or not yet, what a note's suggestion says.

    Before the note was opened nothing is drawn; until then it counts as kept back wherever a share is asked for.
    """
    trial = trial_of(session, review.note.id, reviewer)
    if trial is not None:
        return trial.kind != "prefilled"
    return rules.blind_share + rules.seeded_share > 0 and takes_part(review)


def withholding_test(session: Session, reviewer: str, rules: Rules) -> Callable[[int, str], bool]:
    """Whether a reviewer sees a waiting note otherwise than usual, or will: by its number and its content hash."""
    drawn = trials_of(session, reviewer)

    def is_otherwise(note_id: int, content_hash: str) -> bool:
        kind = drawn.get(note_id)
        if kind is not None:
            return kind != "prefilled"
        return _lot(content_hash, reviewer) < rules.blind_share + rules.seeded_share

    return is_otherwise


def _drop_key(of: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {other: value for other, value in of.items() if other != key}


def _digest(content_hash: str, reviewer: str) -> bytes:
    return hashlib.sha256(f"{content_hash} {reviewer}".encode()).digest()


def _lot(content_hash: str, reviewer: str) -> float:
    """From 0 to 1; below the share of blind notes a note is blind, and so on."""
    return int.from_bytes(_digest(content_hash, reviewer)[:8]) / (1 << 64)


def _draw(desk: Desk, reviewer: str, shown: Shown, rules: Rules) -> TrialRow:
    """Draw how a note is shown, evenly over notes and the same for whoever asks first."""
    note = shown.review.note
    at = _lot(note.content_hash, reviewer)
    wrong = _wrong_value(desk.task, shown, int.from_bytes(_digest(note.content_hash, reviewer)[8:12]))
    with acting(desk.store, reviewer, "review") as act:
        if at < rules.blind_share:
            return begin_trial(act, note_id=note.id, kind="blind")
        if at < rules.blind_share + rules.seeded_share and wrong is not None:
            field, value = wrong
            return begin_trial(act, note_id=note.id, kind="seeded", field=field, value=value)
        return begin_trial(act, note_id=note.id, kind="prefilled")


def _wrong_value(task: Task, shown: Shown, choice: int) -> tuple[str, str] | None:
    """A field and what the model held for second best there: wrong, and not absurd. None where it never hesitated.

    It stands in the note, because what does not is not put into a form.
    """
    suggestion = shown.review.suggestion
    assert suggestion is not None
    evidence = Evidence(task, shown.review.note.text)
    found = [
        (field.key, other)
        for field in task.fields
        for other in suggestion.alternatives.get(field.key, ())
        if other is not None and suggestion.extraction.get(field.key) not in (None, other)
        if field.key not in shown.offers and field.key not in shown.withheld and evidence.supports(other, field)
    ]
    return found[choice % len(found)] if found else None
