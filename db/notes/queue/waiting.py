"""Who waits for what: the note that each reviewer has open and that lacks a suggestion, and why one lacks it."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from db.notes.suggestions import MAX_FAILURES, WAITING, failure_of
from db.people.acting import Program
from db.schema import tables as t
from db.schema.dialects import json_value
from db.store.heartbeats import set_heartbeat

OPEN_FOR = timedelta(seconds=30)
"""A page that has not asked for so long is taken for left; an open one asks every few seconds."""

_PREFIX = "review:"
_AFTER = "review;"  # the prefix with the next character at its end: where its range in the index stops


def open_note(program: Program, reviewer: str, note_id: int) -> None:
    """Say that a reviewer looks at a note without a suggestion; it takes the place of the one they had open before."""
    set_heartbeat(program, _PREFIX + reviewer, {"note": note_id})


def opened_notes(session: Session, adapter: str) -> list[tuple[int, str]]:
    """Notes without any suggestion that a reviewer has open, as (number, text), the one opened last first.

    Notes that nobody has to decide any more, and those on which the adapter failed for good, are left out.
    """
    opened, failure = t.heartbeat.c, t.suggestion_failure.c
    number = sa.cast(json_value(opened.payload, "note"), sa.Integer)
    given_up = sa.exists().where(
        failure.note_id == t.note.c.id, failure.adapter == adapter, failure.n_failures >= MAX_FAILURES
    )
    query = (
        sa.select(t.note.c.id, t.note_text.c.text)
        .select_from(t.heartbeat)
        .join(t.note, t.note.c.id == number)
        .join(t.note_text, t.note_text.c.note_id == t.note.c.id)
        .where(opened.what >= _PREFIX, opened.what < _AFTER, opened.beat_at >= t.now() - OPEN_FOR)
        .where(WAITING, t.note.c.suggested_by.is_(None), ~given_up)
        .order_by(opened.beat_at.desc())
    )
    # Two reviewers may have the same note open.
    return list({row.id: (row.id, row.text) for row in session.execute(query)}.values())


def reason_given_up(session: Session, note_id: int, adapter: str) -> str | None:
    """Why the adapter makes no further try on a note; None while it does."""
    failure = failure_of(session, note_id, adapter)
    return failure[1] if failure is not None and failure[0] >= MAX_FAILURES else None
