"""Undoing an import: its notes go, but for those that somebody has worked on; and which notes a deletion means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from app.core.desk import Desk
from app.operations.deleting import Deleted, delete
from data.text.figures import plural
from db.notes.imports import get_import, mark_undone
from db.notes.notes import numbers_of
from db.people.acting import acting
from db.review.bulk import Many, names_meant
from db.review.lifecycle.deletion import Going, foresee
from db.schema.errors import StoreError
from db.store.store import Session

N_NAMED = 100


@dataclass(frozen=True)
class Undoing:
    """What undoing an import would delete, or deleted.

    Attributes:
        n_notes: notes that go.
        told: the same in words.
        n_staying: its notes that stay because somebody has worked on them.
        staying: the first of these, by id or number.
        deleted: what became of it; nothing before.
    """

    n_notes: int
    told: str
    n_staying: int = 0
    staying: tuple[str, ...] = ()
    deleted: Deleted = field(default_factory=lambda: Deleted(0))


def describe_going(going: Going) -> str:
    """What would go, as part of a sentence."""
    work = [(going.n_decided, "decision"), (going.n_drafts, "draft")]
    said = [plural(n, what) for n, what in work if n]
    notes = plural(going.n_notes, "note")
    return f"{notes} with {' and '.join(said)}" if said else notes


def foresee_undo(desk: Desk, import_id: int, *, force: bool = False) -> Undoing:
    """What undoing an import would delete.

    Raises:
        StoreError: there is no such import.
    """
    with desk.store.reading() as session:
        get_import(session, import_id)
        going = foresee(session, _many(import_id, force=force))
        n_all = foresee(session, Many(import_id=import_id)).n_notes
        staying = [] if force else names_meant(session, Many(import_id=import_id, is_worked_on=True), N_NAMED)
    return Undoing(going.n_notes, describe_going(going), n_all - going.n_notes, tuple(staying))


def undo_import(
    desk: Desk, import_id: int, *, by: str, reason: str, force: bool = False, expected: int | None = None
) -> Undoing:
    """Delete the notes that an import brought, for good; see `app.operations.deleting.delete`.

    Args:
        desk: whose.
        import_id: the import.
        by: who asks.
        reason: kept in the audit trail.
        force: also those that somebody has worked on.
        expected: how many there were when somebody agreed to it.

    Raises:
        StoreError: there is no such import, or see `delete`; nothing was deleted.
    """
    seen = foresee_undo(desk, import_id, force=force)
    done = delete(desk, _many(import_id, force=force), by=by, reason=reason, expected=expected)
    if done.n_notes:  # or it says so already, or all of it stays and may be undone by force
        with acting(desk.store, by, "delete notes") as act:
            mark_undone(act, import_id)
    return Undoing(done.n_notes, seen.told, seen.n_staying, seen.staying, done)


def numbers_of_ids(session: Session, ids: Sequence[str]) -> tuple[int, ...]:
    """The numbers of the notes with these ids.

    Raises:
        StoreError: an id is no note's.
    """
    found = {external_id: numbers_of(session, external_id) for external_id in ids}
    missing = [external_id for external_id, numbers in found.items() if not numbers]
    if missing:
        raise StoreError(f"No note has the id {missing[0]!r}. Nothing was deleted; check the id.")
    return tuple(number for numbers in found.values() for number in numbers)


def _many(import_id: int, *, force: bool) -> Many:
    return Many(import_id=import_id, is_untouched=not force)
