"""Reviewers: the people whose decisions are kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import Session

from db import tables as t

LOCAL = "local"
Role = Literal["reviewer", "admin"]


@dataclass(frozen=True)
class ReviewerRow:
    """A reviewer. Names are unique; `local` is the one of a desk without sign-in."""

    id: int
    name: str
    role: Role
    added_at: datetime


def ensure_reviewer(session: Session, name: str = LOCAL, role: Role = "reviewer") -> ReviewerRow:
    """The reviewer of this name, added if new; a known one keeps its role."""
    found = find_reviewer(session, name)
    if found is not None:
        return found
    session.execute(insert(t.reviewer).values(name=name, role=role, added_at=t.now()).on_conflict_do_nothing())
    added = find_reviewer(session, name)
    assert added is not None
    return added


def find_reviewer(session: Session, name: str) -> ReviewerRow | None:
    """The reviewer of this name, or None."""
    row = session.execute(sa.select(t.reviewer).where(t.reviewer.c.name == name)).one_or_none()
    return _row(row) if row else None


def list_reviewers(session: Session) -> list[ReviewerRow]:
    """All reviewers by name."""
    return [_row(row) for row in session.execute(sa.select(t.reviewer).order_by(t.reviewer.c.name))]


def _row(row: sa.Row[tuple[object, ...]]) -> ReviewerRow:
    return ReviewerRow(id=row.id, name=row.name, role=cast(Role, row.role), added_at=row.added_at)
