"""The audit trail: who did what, when, to which note, adapter or person; added to and never changed.

Each entry carries a hash over itself and the hash of the one before it, so an entry that was changed, taken out or put
in between breaks the chain from there on. What was cut off at the end shows against a hash that was noted elsewhere.
Never holds a note's text or a field's value.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from db.schema import tables as t

N_BATCH = 1000
START = "0" * 64


@dataclass(frozen=True)
class AuditRow:
    """An entry.

    Attributes:
        who: the reviewer, `local`, or the command line.
        action: in the past tense, for example "saved".
        subject: what it was done to, for example "note 12"; empty where there is no one thing.
        detail: what else there is to say: numbers and names.
        hash: over this entry and the hash before it, hexadecimal.
    """

    id: int
    at: datetime
    who: str
    action: str
    subject: str
    detail: dict[str, Any]
    hash: str


@dataclass(frozen=True)
class Verified:
    """What a look through the whole trail found.

    Attributes:
        n_entries: looked at, up to the first that does not fit.
        head: the hash of the last that fits.
        broken_at: the number of the first entry that does not fit; None where all do.
        has_known: whether the hash that was asked for is in the chain; True where none was.
    """

    n_entries: int
    head: str
    broken_at: int | None
    has_known: bool

    @property
    def is_sound(self) -> bool:
        """Whether nothing was changed."""
        return self.broken_at is None and self.has_known


def record(session: Session, who: str, action: str, subject: str = "", **detail: Any) -> None:
    """Add an entry, in the transaction of what it tells of: both are kept or neither.

    Args:
        session: of a transaction; the write lock keeps two entries from following the same one.
        who: the name of whoever did it.
        action: in the past tense.
        subject: what it was done to.
        detail: JSON values; no text of a note, no value of a field.
    """
    a = t.audit.c
    last = session.execute(sa.select(a.id, a.hash).order_by(a.id.desc()).limit(1)).one_or_none()
    number, before = (last.id + 1, last.hash) if last else (1, START)
    at = t.now()
    entry = AuditRow(number, at, who, action, subject, detail, hash="")
    session.execute(sa.insert(t.audit).values(**{**vars(entry), "hash": _hash(before, entry)}))


def entries(
    session: Session, *, subject: str | None = None, before: int | None = None, limit: int = 100
) -> list[AuditRow]:
    """Entries, newest first.

    Args:
        subject: only of this thing.
        before: only with a lower number.
        limit: how many to give.
    """
    query = sa.select(*t.audit.c).order_by(t.audit.c.id.desc()).limit(limit)
    if subject is not None:
        query = query.where(t.audit.c.subject == subject)
    if before is not None:
        query = query.where(t.audit.c.id < before)
    return [AuditRow(**row._mapping) for row in session.execute(query)]


def entries_of(session: Session, action: str, limit: int) -> list[AuditRow]:
    """The newest entries of this action, newest first."""
    query = sa.select(*t.audit.c).where(t.audit.c.action == action).order_by(t.audit.c.id.desc()).limit(limit)
    return [AuditRow(**row._mapping) for row in session.execute(query)]


def verify(session: Session, known: str | None = None) -> Verified:
    """Follow the chain from its beginning.

    Args:
        known: a hash that was noted before and must be in it.
    """
    head, n_entries, has_known = START, 0, known is None
    for entry in _read_entries(session):
        if entry.id != n_entries + 1 or entry.hash != _hash(head, entry):
            return Verified(n_entries, head, n_entries + 1, has_known)
        head, n_entries = entry.hash, n_entries + 1
        has_known = has_known or head == known
    return Verified(n_entries, head, None, has_known)


def _read_entries(session: Session) -> Iterator[AuditRow]:
    last = 0
    query = sa.select(*t.audit.c).order_by(t.audit.c.id).limit(N_BATCH)
    while rows := session.execute(query.where(t.audit.c.id > last)).all():
        yield from (AuditRow(**row._mapping) for row in rows)
        last = rows[-1].id


def _hash(before: str, entry: AuditRow) -> str:
    at = entry.at.isoformat(timespec="microseconds")
    content = [before, entry.id, at, entry.who, entry.action, entry.subject, entry.detail]
    text = json.dumps(content, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
