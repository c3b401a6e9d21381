"""Imports as rows: who brought notes, when, out of which files and how, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from db.people.acting import LeadAct, Program
from db.schema import tables as t
from db.schema.errors import StoreError, refuse_nul

COUNTED = ("n_added", "n_known", "n_labelled", "n_updated", "n_superseded", "n_refused")
MAX_SOURCE_CHARACTERS = 100


@dataclass(frozen=True)
class ImportRow:
    """An import.

    Attributes:
        ended_at: None while it goes on, and of one that was killed; what it had brought by then is kept.
        source: what was said of where the notes come from; empty where nothing was.
        files: names of the first files.
        options: what was chosen.
        n_here: its notes that are still here; `n_added` were.
        undone_at: when it was undone, if it was.
    """

    id: int
    begun_at: datetime
    ended_at: datetime | None
    brought_by: str
    source: str
    files: list[str]
    n_files: int
    options: dict[str, Any]
    n_added: int
    n_known: int
    n_labelled: int
    n_updated: int
    n_superseded: int
    n_refused: int
    undone_at: datetime | None
    undone_by: str | None
    n_here: int = 0


def begin_import(
    permit: LeadAct | Program, *, files: Sequence[str], n_files: int, source: str = "", **options: Any
) -> int:
    """Keep that an import begins; its number.

    Args:
        permit: of whoever brings the notes.
        files: names of the first files.
        n_files: how many there are.
        source: where the notes come from; a part of what each of them is.
        options: what else was chosen.

    Raises:
        StoreError: the name of the source is too long.
    """
    refuse_nul(source)
    if len(source) > MAX_SOURCE_CHARACTERS:
        raise StoreError(f"The name of a source has at most {MAX_SOURCE_CHARACTERS} characters. Nothing was imported.")
    values = {"begun_at": t.now(), "brought_by": permit.who, "source": source, "files": list(files), "options": options}
    added = sa.insert(t.note_import).values(n_files=n_files, **values, **dict.fromkeys(COUNTED, 0))
    number = int(permit.session.execute(added.returning(t.note_import.c.id)).scalar_one())
    permit.record("began an import", f"import {number}", n_files=n_files, source=source, **options)
    return number


def count_in(permit: LeadAct | Program, import_id: int, counted: Mapping[str, int]) -> None:
    """Add to what became of an import, in the transaction in which it did."""
    c = t.note_import.c
    more = {name: c[name] + counted[name] for name in COUNTED if name in counted}
    permit.session.execute(sa.update(t.note_import).where(c.id == import_id).values(**more))
    permit.record("imported", f"import {import_id}", **counted)


def end_import(permit: LeadAct | Program, import_id: int, *, n_refused: int) -> None:
    """Keep that an import has come to its end, and how many records it refused."""
    ended = {"ended_at": t.now(), "n_refused": n_refused}
    permit.session.execute(sa.update(t.note_import).where(t.note_import.c.id == import_id).values(**ended))


def mark_undone(act: LeadAct, import_id: int) -> None:
    """Keep that an import was undone; what of it stays is in the store."""
    undone = {"undone_at": t.now(), "undone_by": act.who}
    act.session.execute(sa.update(t.note_import).where(t.note_import.c.id == import_id).values(**undone))
    act.record("undid an import", f"import {import_id}")


def list_imports(session: Session, limit: int | None = 100) -> list[ImportRow]:
    """Imports, newest first."""
    return [_read(row) for row in session.execute(_select().order_by(t.note_import.c.id.desc()).limit(limit))]


def get_import(session: Session, import_id: int) -> ImportRow:
    """The import of this number.

    Raises:
        StoreError: there is none.
    """
    row = session.execute(_select().where(t.note_import.c.id == import_id)).one_or_none()
    if row is None:
        raise StoreError(f"There is no import {import_id}. See: caseloop imports list.")
    return _read(row)


def _select() -> sa.Select[Any]:
    here = sa.select(sa.func.count()).select_from(t.note).where(t.note.c.import_id == t.note_import.c.id)
    return sa.select(*t.note_import.c, here.correlate(t.note_import).scalar_subquery().label("n_here"))


def _read(row: sa.Row[Any]) -> ImportRow:
    return ImportRow(**row._mapping)
