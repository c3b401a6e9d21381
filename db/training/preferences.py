"""Preferences: which of two adapters' answers for a note a reviewer chose without seeing their names. Insert-only."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from db.people.acting import Act
from db.schema import tables as t
from db.schema.dialects import insert_into

Choice = Literal["old", "new", "same"]


@dataclass(frozen=True)
class PreferenceRow:
    """What one reviewer chose for one note of a run's hold-out.

    Attributes:
        old_adapter: the adapter that was active when the run began; `new_adapter` is the one that the run made.
        choice: whose answer was preferred; `same` where there was no difference to the reviewer.
    """

    run_id: int
    note_id: int
    reviewer: str
    old_adapter: str
    new_adapter: str
    choice: Choice
    chosen_at: datetime


@dataclass(frozen=True)
class Tally:
    """How often a reviewer preferred the old adapter, the new one, or neither."""

    n_old: int
    n_new: int
    n_same: int

    @property
    def n_notes(self) -> int:
        """Notes that were judged."""
        return self.n_old + self.n_new + self.n_same


def add_preference(
    act: Act, *, run_id: int, note_id: int, old_adapter: str, new_adapter: str, choice: Choice
) -> PreferenceRow:
    """Keep a choice. The first one for a run, note and reviewer stands: a second is not kept.

    Returns:
        The row that stands.

    Raises:
        StoreRefused: there is no such run or note, or the choice is none; raised when the transaction ends or flushes.
    """
    act.session.execute(
        insert_into(act.session, t.preference)
        .values(
            run_id=run_id,
            note_id=note_id,
            reviewer_id=act.number,
            old_adapter=old_adapter,
            new_adapter=new_adapter,
            choice=choice,
            chosen_at=t.now(),
        )
        .on_conflict_do_nothing(index_elements=["run_id", "note_id", "reviewer_id"])
    )
    act.record("compared answers", f"note {note_id}", run=run_id)
    return next(row for row in preferences(act.session, run_id, act.who) if row.note_id == note_id)


def preferences(session: Session, run_id: int, reviewer: str | None = None) -> list[PreferenceRow]:
    """Choices for the notes of a run, oldest first; of one reviewer, or of all."""
    c = t.preference.c
    columns = [column for column in c if column.name not in ("id", "reviewer_id")]
    query = (
        sa.select(*columns, t.reviewer.c.name.label("reviewer"))
        .join_from(t.preference, t.reviewer)
        .where(c.run_id == run_id)
        .order_by(c.id)
    )
    if reviewer is not None:
        query = query.where(t.reviewer.c.name == reviewer)
    return [PreferenceRow(**row._mapping) for row in session.execute(query)]


def tallies(session: Session, run_id: int) -> dict[str, Tally]:
    """What became of a run's blind comparison: reviewer to counts.

    Reviewers are kept apart because two judgements of one note are no two independent ones.
    """
    chosen: dict[str, Counter[str]] = {}
    for row in preferences(session, run_id):
        chosen.setdefault(row.reviewer, Counter())[row.choice] += 1
    return {name: Tally(count["old"], count["new"], count["same"]) for name, count in chosen.items()}
