"""Trials: notes that were shown otherwise than usual, to measure what pre-filling does to a reviewer.

A few notes are shown without the suggested values ("blind"), a few with one value replaced by a wrong one ("seeded");
the rest of a trial is "prefilled", as usual. How a note was shown to whom is drawn once and kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from data.task import Extraction, Task
from db.notes.suggestions import suggestion_of
from db.people.acting import Act
from db.review.decisions import reopen
from db.review.drafts import save_draft
from db.review.reviewed import history
from db.schema import tables as t
from db.schema.dialects import insert_into

TrialKind = Literal["prefilled", "blind", "seeded"]


@dataclass(frozen=True)
class TrialRow:
    """How a note was shown to a reviewer; `field` and `value` say what was seeded where."""

    note_id: int
    reviewer: str
    kind: TrialKind
    field: str | None
    value: str | None
    begun_at: datetime


@dataclass(frozen=True)
class TrialOutcome:
    """A trial whose note that reviewer has submitted since.

    Attributes:
        lead_time_ms: of the reviewer's first submission after the trial began.
        is_passed: the seeded wrong value was submitted as it stood; False where nothing was seeded.
    """

    note_id: int
    reviewer: str
    kind: TrialKind
    field: str | None
    lead_time_ms: int
    is_passed: bool


def begin_trial(
    act: Act, *, note_id: int, kind: TrialKind, field: str | None = None, value: str | None = None
) -> TrialRow:
    """Keep how a note is shown to a reviewer. Drawn once: a trial that has begun is given back as it is.

    Raises:
        StoreRefused: a seeded trial without its field and value.
    """
    drawn = {"kind": kind, "field": field, "value": value, "begun_at": t.now()}
    act.session.execute(
        insert_into(act.session, t.trial)
        .values(note_id=note_id, reviewer_id=act.number, **drawn)
        .on_conflict_do_nothing(index_elements=["note_id", "reviewer_id"])
    )
    found = trial_of(act.session, note_id, act.who)
    assert found is not None
    return found


def reopen_if_seeded(act: Act, task: Task, *, note_id: int, decided: Extraction, revision: int) -> str | None:
    """The field whose seeded wrong value was just submitted as it stood; the note is then opened again, once.

    Nothing wrong that the desk itself put there stays submitted: what the reviewer decided becomes a draft, with the
    model's own value in that field and the field not settled.
    """
    trial = trial_of(act.session, note_id, act.who)
    if trial is None or trial.field is None or decided[trial.field] != trial.value:
        return None
    told = f"seeded-{note_id}-{act.who}"[:200]
    if revision > 1 and any(row.token == told for row in history(act.session, note_id)):
        return None  # they were told, and stand by it
    reopened = reopen(act, note_id=note_id, seen_revision=revision, token=told)
    suggestion = suggestion_of(act.session, note_id)
    own = suggestion.extraction if suggestion else {}
    if not reopened.repeated:
        save_draft(
            act,
            note_id=note_id,
            extraction=Extraction(task, {**decided, trial.field: own.get(trial.field)}),
            seen_revision=reopened.revision,
            suggestion_id=suggestion.id if suggestion else None,
            settled=[key for key in decided if key != trial.field],
        )
    return trial.field


def trial_of(session: Session, note_id: int, reviewer: str) -> TrialRow | None:
    """How a note is shown to a reviewer, where it was drawn."""
    query = (
        sa.select(*_columns())
        .join_from(t.trial, t.reviewer)
        .where(t.trial.c.note_id == note_id, t.reviewer.c.name == reviewer)
    )
    row = session.execute(query).one_or_none()
    return TrialRow(**row._mapping) if row else None


def trials_of(session: Session, reviewer: str) -> dict[int, TrialKind]:
    """Note number to how it is shown to a reviewer, for every note where that was drawn."""
    query = (
        sa.select(t.trial.c.note_id, t.trial.c.kind).join_from(t.trial, t.reviewer).where(t.reviewer.c.name == reviewer)
    )
    return {row.note_id: row.kind for row in session.execute(query)}


def marked_trials(session: Session) -> dict[tuple[int, str], TrialRow]:
    """The notes that were shown otherwise than usual, by note and reviewer."""
    query = sa.select(*_columns()).join_from(t.trial, t.reviewer).where(t.trial.c.kind != "prefilled")
    found = (TrialRow(**row._mapping) for row in session.execute(query))
    return {(row.note_id, row.reviewer): row for row in found}


def trial_outcomes(session: Session) -> list[TrialOutcome]:
    """Every trial whose note was submitted since, by its first submission."""
    a = t.annotation.c
    first = (
        sa.select(sa.func.min(a.revision))
        .where(
            a.note_id == t.trial.c.note_id,
            a.reviewer_id == t.trial.c.reviewer_id,
            a.status == "submitted",
            a.submitted_at >= t.trial.c.begun_at,
        )
        .correlate(t.trial)
        .scalar_subquery()
    )
    query = (
        sa.select(*_columns(), a.lead_time_ms, a.extraction)
        .join_from(t.trial, t.reviewer)
        .join(t.annotation, sa.and_(a.note_id == t.trial.c.note_id, a.revision == first))
        .order_by(a.id)
    )
    return [
        TrialOutcome(
            row.note_id,
            row.reviewer,
            row.kind,
            row.field,
            row.lead_time_ms,
            is_passed=row.field is not None and row.extraction.get(row.field) == row.value,
        )
        for row in session.execute(query)
    ]


def _columns() -> list[sa.ColumnElement[object]]:
    own = [column for column in t.trial.c if column.name != "reviewer_id"]
    return [*own, t.reviewer.c.name.label("reviewer")]
