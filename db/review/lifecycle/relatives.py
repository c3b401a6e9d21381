"""Notes that belong together: versions of one, of which the newest stands, and copies, which have one text.

A copy is a note of its own, of another patient perhaps. What was decided about one can be applied to its copies because
a person asks for it: each gets an annotation and an entry of its own, and all of them can be taken back together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from data.task import Extraction, Task
from db.notes.notes import NoteRow, get_note
from db.notes.queue.claimed import FREE, select_claimed
from db.notes.suggestions import WAITING
from db.people.acting import Act
from db.review.bulk import Done, undo_all
from db.review.decisions import submit
from db.review.reviewed import latest_annotation
from db.schema import tables as t
from db.schema.errors import StoreError

N_NAMED = 5


@dataclass(frozen=True)
class Older:
    """The version that a note supersedes.

    Attributes:
        values: what was decided about it, or the labels that it came with; None where it has neither.
        reviewer: who decided; empty where nobody has.
    """

    note_id: int
    text: str
    values: dict[str, str | None] | None
    reviewer: str = ""


@dataclass(frozen=True)
class Copies:
    """Other notes with exactly the same text.

    Attributes:
        n: how many there are.
        names: what the first are called, the oldest first.
        is_first: whether the note itself was there before all of them.
    """

    n: int = 0
    names: tuple[str, ...] = ()
    is_first: bool = True


def older_of(session: Session, note: NoteRow) -> Older | None:
    """The version that a note supersedes; None where it is the first."""
    if note.supersedes_id is None:
        return None
    before, decided = get_note(session, note.supersedes_id), latest_annotation(session, note.supersedes_id)
    if decided is not None and decided.status == "submitted":
        return Older(before.id, before.text, decided.extraction, decided.reviewer)
    return Older(before.id, before.text, before.gold)


def copies_of(session: Session, note: NoteRow) -> Copies:
    """The other notes with a note's text."""
    c = t.note.c
    others = sa.and_(c.text_hash == note.text_hash, c.id != note.id, c.is_superseded == 0)
    rows = session.execute(sa.select(c.id, c.external_id).where(others).order_by(c.id)).all()
    names = tuple(row.external_id or f"note {row.id}" for row in rows[:N_NAMED])
    return Copies(len(rows), names, is_first=not rows or note.id < rows[0].id)


def count_waiting_copies(session: Session, note_id: int, reviewer: str) -> int:
    """To how many copies of a decided note its decision could be applied: see `decide_copies`."""
    note, standing = get_note(session, note_id), latest_annotation(session, note_id)
    if note.n_wanted > 1 or standing is None or standing.status != "submitted" or standing.reviewer != reviewer:
        return 0
    return len(_waiting_copies(session, note, reviewer))


def decide_copies(act: Act, task: Task, *, note_id: int, name: str) -> int:
    """Apply what stands about a note to its copies that wait and that nobody has typed in or opened.

    Args:
        act: of whoever decided about the note.
        task: what its values are checked against.
        note_id: the decided note.
        name: made up for the whole of it, of letters and digits; what `undo_copies` goes by.

    Returns:
        How many copies were decided.

    Raises:
        StoreError: nobody's decision stands, or somebody else's, or several people are asked.
    """
    session = act.session
    note, standing = get_note(session, note_id), latest_annotation(session, note_id)
    if standing is None or standing.status != "submitted" or standing.reviewer != act.who or note.n_wanted > 1:
        raise StoreError("Only your own decision that stands can be applied to copies. Save the note first.")
    rows = _waiting_copies(session, note, act.who)
    for row in rows:
        submit(
            act,
            note_id=row.id,
            status="submitted",
            extraction=Extraction.from_stored(task, standing.extraction),
            seen_revision=row.revision,
            settled=standing.settled,
            comment=standing.comment,
            token=f"copy-{name}-{row.id}",
        )
        act.record("applied a decision to a copy", f"note {row.id}", copy_of=note_id)
    return len(rows)


def undo_copies(act: Act, task: Task, *, name: str) -> Done:
    """Take back what `decide_copies` did under this name; copies that somebody worked on since stay as they are."""
    return undo_all(act, task, prefix=f"copy-{name}-")


def _waiting_copies(session: Session, note: NoteRow, reviewer: str) -> Sequence[Any]:
    c = t.note.c
    typed = sa.exists().where(t.draft.c.note_id == c.id).correlate(t.note)
    mine = c.id.in_(select_claimed(reviewer))
    query = sa.select(c.id, c.revision).where(
        c.text_hash == note.text_hash, c.id != note.id, WAITING, c.n_wanted == 1, ~typed, sa.or_(FREE, mine)
    )
    return session.execute(query.order_by(c.id)).all()
