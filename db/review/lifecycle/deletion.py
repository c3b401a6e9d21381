"""Deleting notes for good, with all that is about them: rows here, files by whoever finds what is unfinished.

The database itself refuses to delete such rows of any note whose number is not among the deleted ones. That a note was
there stays: its number, which no other note gets, and an entry in the audit trail with the hash of its id and the
reason. From the transaction on in which the rows go a deletion is begun; it is finished once no file holds a word of
the notes either, whoever does that, see `app.operations.deleting`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from data.identity import hash_of_value
from db.notes.queue.metadata import forget_names
from db.people.acting import LeadAct, Program
from db.review.bulk import WORKED_ON, Many, select_meant
from db.schema import tables as t
from db.schema.errors import StoreError, refuse_nul

MAX_REASON_CHARACTERS = 1000
N_IN_ENTRY = 500
"""Notes that one entry of the audit trail names."""
_DECIDED = (t.trial, t.draft, t.claim, t.standing_opinion, t.opinion, t.preference, t.annotation, t.offer)
TABLES = (t.note_text, *_DECIDED, t.suggestion_failure, t.suggestion)
"""Whatever is about a note, in the order in which it goes: the text first, since its trigger takes it out of the search
index, for which it needs the note; and what refers to a suggestion before that."""


@dataclass(frozen=True)
class Going:
    """What a deletion would take, or took.

    Attributes:
        n_notes: notes.
        n_decided: of these, those that somebody decided about.
        n_drafts: of the others, those that somebody typed in, or gave an opinion about.
        upto: the highest number of a note when this was counted.
    """

    n_notes: int
    n_decided: int = 0
    n_drafts: int = 0
    upto: int = 0


@dataclass(frozen=True)
class Deletion:
    """A deletion.

    Attributes:
        text_hashes: of the exact texts of its notes; empty once it is finished.
        content_hashes: the same of the hashes that split the hold-out.
        note_ids: the numbers that its notes had.
        finished_at: when no file held a word of them any more; None before.
    """

    id: int
    begun_at: datetime
    asked_by: str
    reason: str
    n_notes: int
    finished_at: datetime | None
    note_ids: tuple[int, ...] = ()
    text_hashes: frozenset[str] = frozenset()
    content_hashes: frozenset[str] = frozenset()


def foresee(session: Session, many: Many) -> Going:
    """What deleting some notes would take with it."""
    decided = sa.func.count().filter(t.note.c.revision > 0)
    worked_on = sa.func.count().filter(WORKED_ON)
    row = session.execute(select_meant([sa.func.count(), decided, worked_on], many)).one()
    upto = session.execute(sa.select(sa.func.max(t.note.c.id))).scalar_one() or 0
    return Going(n_notes=row[0], n_decided=row[1], n_drafts=row[2] - row[1], upto=int(upto))


def delete_notes(act: LeadAct, many: Many, reason: str, *, expected: int | None = None) -> Deletion | None:
    """Delete notes for good, with their texts, suggestions, drafts, decisions and all else in the store.

    Files that hold their words are left to whoever asked: the deletion is begun and not finished.

    Args:
        act: of whoever may delete notes.
        many: which.
        reason: kept with the entry, which nobody can take out again.
        expected: how many there were when somebody agreed to it; None where nobody was asked.

    Returns:
        None where there are no such notes.

    Raises:
        StoreError: the reason is missing or too long, or there are more or fewer notes by now. Nothing was deleted.
    """
    session, reason = act.session, reason.strip()
    refuse_nul(reason)
    if not 1 <= len(reason) <= MAX_REASON_CHARACTERS:
        raise StoreError(f"Deleting needs a reason of 1 to {MAX_REASON_CHARACTERS} characters. Nothing was deleted.")
    going = foresee(session, many)
    if expected is not None and going.n_notes != expected:
        raise StoreError(
            f"There are now {going.n_notes:,} of these notes, not {expected:,}. Nothing was deleted; look again."
        )
    if not going.n_notes:
        return None
    begun = t.now()
    kept = {"begun_at": begun, "asked_by": act.who, "reason": reason, "n_notes": going.n_notes}
    number = int(session.execute(sa.insert(t.deletion).values(**kept).returning(t.deletion.c.id)).scalar_one())
    columns = [t.note.c.id, sa.literal(number), t.note.c.text_hash, t.note.c.content_hash]
    names = ["note_id", "deletion_id", "text_hash", "content_hash"]
    session.execute(sa.insert(t.deleted_note).from_select(names, select_meant(columns, many)))
    _record(act, number, reason, going)
    _delete_rows(act, number)
    return _read(session, number)


def deletions(session: Session, *, unfinished: bool = False) -> list[Deletion]:
    """Deletions, the oldest first; with the hashes that say which rows of files are to go where one is not finished."""
    query = sa.select(t.deletion.c.id).order_by(t.deletion.c.id)
    if unfinished:
        query = query.where(t.deletion.c.finished_at.is_(None))
    return [_read(session, number) for number in session.execute(query).scalars()]


def finish_deletion(program: Program, deletion_id: int) -> None:
    """Say that nothing holds the words of its notes any more, and forget the hashes of their texts."""
    session = program.session
    session.execute(
        sa.update(t.deleted_note)
        .where(t.deleted_note.c.deletion_id == deletion_id)
        .values(text_hash=None, content_hash=None)
    )
    session.execute(sa.update(t.deletion).where(t.deletion.c.id == deletion_id).values(finished_at=t.now()))
    program.record("finished a deletion", f"deletion {deletion_id}")


def _record(act: LeadAct, number: int, reason: str, going: Going) -> None:
    """Tell of each note by its number and the hash of its id: no word of it."""
    query = (
        sa.select(t.note.c.id, t.note.c.external_id)
        .join(t.deleted_note, t.deleted_note.c.note_id == t.note.c.id)
        .where(t.deleted_note.c.deletion_id == number)
        .order_by(t.note.c.id)
    )
    rows = act.session.execute(query).all()
    for first in range(0, len(rows), N_IN_ENTRY):
        some = rows[first : first + N_IN_ENTRY]
        ids = {str(row.id): hash_of_value(row.external_id) for row in some}
        subject = f"note {some[0].id}" if len(rows) == 1 else f"deletion {number}"
        act.record("deleted", subject, deletion=number, reason=reason, ids=ids, n_decided=going.n_decided)


def _delete_rows(act: LeadAct, number: int) -> None:
    session = act.session
    gone = sa.select(t.deleted_note.c.note_id).where(t.deleted_note.c.deletion_id == number).scalar_subquery()
    _forget_files(session, gone)
    forget_names(act, gone)
    for table in TABLES:
        session.execute(sa.delete(table).where(table.c.note_id.in_(gone)))
    _close_ranks(session, gone)
    session.execute(sa.delete(t.note).where(t.note.c.id.in_(gone)))


def _close_ranks(session: Session, gone: sa.ScalarSelect[int]) -> None:
    """Let what replaced a version that goes replace the one before it; the newest that is left stands again."""
    c, older, newer = t.note.c, t.note.alias("older"), t.note.alias("newer")
    before = sa.select(older.c.supersedes_id).where(older.c.id == c.supersedes_id).scalar_subquery()
    follows = sa.update(t.note).where(c.supersedes_id.in_(gone), c.id.not_in(gone)).values(supersedes_id=before)
    while session.execute(follows.returning(c.id)).first() is not None:  # one version at a time
        pass
    replaced = sa.select(c.supersedes_id).where(c.id.in_(gone), c.supersedes_id.is_not(None)).scalar_subquery()
    still = sa.exists().where(newer.c.supersedes_id == c.id, newer.c.id.not_in(gone)).correlate(t.note)
    session.execute(sa.update(t.note).where(c.id.in_(replaced), ~still).values(is_superseded=0))
    session.execute(sa.update(t.note).where(c.id.in_(gone)).values(supersedes_id=None))


def _forget_files(session: Session, gone: sa.ScalarSelect[int]) -> None:
    """Take the names of files that a note was called by out of what is kept of imports: each that read it has one."""
    query = sa.select(t.note.c.external_id).where(t.note.c.id.in_(gone), t.note.c.external_id.is_not(None))
    ids = set(session.execute(query).scalars())
    for row in session.execute(sa.select(t.note_import.c.id, t.note_import.c.files)).all() if ids else ():
        kept = ["(deleted)" if _stem(name) in ids or name in ids else name for name in row.files]
        if kept != row.files:
            session.execute(sa.update(t.note_import).where(t.note_import.c.id == row.id).values(files=kept))


def _stem(name: str) -> str:
    return name.rpartition(".")[0] or name


def _read(session: Session, number: int) -> Deletion:
    row = session.execute(sa.select(*t.deletion.c).where(t.deletion.c.id == number)).one()
    of_it = t.deleted_note.c.deletion_id == number
    notes = session.execute(sa.select(t.deleted_note).where(of_it).order_by(t.deleted_note.c.note_id)).all()
    return Deletion(
        **row._mapping,
        note_ids=tuple(note.note_id for note in notes),
        text_hashes=frozenset(note.text_hash for note in notes if note.text_hash),
        content_hashes=frozenset(note.content_hash for note in notes if note.content_hash),
    )
