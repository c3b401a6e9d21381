"""Reviewers: the people whose decisions are kept, what they may do, and their password as a hash."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from db.people.acting import LOCAL, OPERATORS, Act, AdminAct, LeadAct, Role, needs_sign_in
from db.schema import tables as t
from db.schema.errors import StoreError

MAX_NAME_CHARACTERS = 100


@dataclass(frozen=True)
class ReviewerRow:
    """A reviewer. Names are unique; `local` is the one of a desk without sign-in.

    Attributes:
        has_password: whether this person can sign in.
        disabled_at: since when this person may do nothing (UTC); None for everybody else.
    """

    id: int
    name: str
    role: Role
    has_password: bool
    disabled_at: datetime | None
    added_at: datetime


def find_reviewer(session: Session, name: str) -> ReviewerRow | None:
    """The reviewer of this name, or None."""
    row = session.execute(_select().where(t.reviewer.c.name == name)).one_or_none()
    return _row(row) if row else None


def list_reviewers(session: Session) -> list[ReviewerRow]:
    """All reviewers by name."""
    return [_row(row) for row in session.execute(_select().order_by(t.reviewer.c.name))]


def add_reviewer(act: AdminAct, name: str, *, role: Role, password_hash: str) -> ReviewerRow:
    """Add a person who can sign in.

    Args:
        act: of whoever adds.
        name: as it will stand beside decisions; spaces around it are dropped.
        role: what the person may do.
        password_hash: made by `app.access.passwords`.

    Raises:
        StoreError: the name is taken, empty, too long or has characters that nobody sees.
    """
    name = _check_name(name)
    if find_reviewer(act.session, name) is not None:
        raise StoreError(f"{name} is a reviewer already. Choose another name, or change that person.")
    if role != "admin" and not _has_admin(act.session):
        raise StoreError("The first person who can sign in must be an admin. Add one with --role admin.")
    added = {"name": name, "role": role, "password_hash": password_hash, "added_at": t.now()}
    act.session.execute(sa.insert(t.reviewer).values(**added))
    act.record("added a reviewer", name, role=role)
    return _find_known(act.session, name)


def know_author(act: LeadAct, name: str) -> str:
    """Make sure that decisions brought in from another desk have somebody to stand for them.

    A person who is not known here is added disabled and without a password: nobody can sign in by that name until an
    admin enables it. `local`, of a desk without sign-in, stays that.

    Returns:
        The name as it is written here.

    Raises:
        StoreError: it cannot be a person's name.
    """
    if name == LOCAL or find_reviewer(act.session, name) is not None:
        return name
    name = _check_name(name)
    added = {"name": name, "role": "reviewer", "disabled_at": t.now(), "added_at": t.now()}
    act.session.execute(sa.insert(t.reviewer).values(**added))
    act.record("added a reviewer", name, role="reviewer", disabled=True, has_password=False)
    return name


def change_reviewer(
    act: AdminAct,
    name: str,
    *,
    role: Role | None = None,
    password_hash: str | None = None,
    is_disabled: bool | None = None,
) -> ReviewerRow:
    """Change what a person may do, how the person signs in, or whether at all. Every sign-in of the person ends.

    Raises:
        StoreError: there is no such reviewer, it is the local one, or no admin who can sign in would be left.
    """
    changes: dict[str, Any] = {}
    said: dict[str, Any] = {}
    if role is not None:
        changes["role"] = said["role"] = role
    if password_hash is not None:
        changes["password_hash"], said["password"] = password_hash, "changed"
    if is_disabled is not None:
        changes["disabled_at"], said["disabled"] = (t.now() if is_disabled else None), is_disabled
    return _change(act, name, changes, said)


def change_own_password(act: Act, password_hash: str) -> ReviewerRow:
    """Give the person who acts another password. Every sign-in of the person ends.

    Raises:
        StoreError: it is the local reviewer, who has none.
    """
    return _change(act, act.who, {"password_hash": password_hash}, {"password": "changed"})


def _change(act: Act, name: str, changes: dict[str, Any], said: dict[str, Any]) -> ReviewerRow:
    session = act.session
    before = _find_known(session, name)
    if name == LOCAL:
        raise StoreError("local is anyone at a desk without sign-in and cannot be changed. Add a reviewer instead.")
    session.execute(sa.update(t.reviewer).where(t.reviewer.c.name == name).values(**changes))
    session.execute(sa.delete(t.sign_in).where(t.sign_in.c.reviewer_id == before.id))
    if needs_sign_in(session) and not _has_admin(session):
        raise StoreError(f"{name} is the only admin who can sign in. Make another one first.")
    act.record("changed a reviewer", name, **said)
    return _find_known(session, name)


def password_of(session: Session, name: str) -> str | None:
    """The hash of a person's password; None for one who is unknown, disabled or has none."""
    query = sa.select(t.reviewer.c.password_hash).where(t.reviewer.c.name == name, t.reviewer.c.disabled_at.is_(None))
    found: str | None = session.execute(query).scalar_one_or_none()
    return found


def _has_admin(session: Session) -> bool:
    c = t.reviewer.c
    some = sa.select(c.id).where(c.role == "admin", c.password_hash.is_not(None), c.disabled_at.is_(None)).limit(1)
    return session.execute(some).one_or_none() is not None


def _check_name(name: str) -> str:
    name = unicodedata.normalize("NFC", name.strip())
    if not 1 <= len(name) <= MAX_NAME_CHARACTERS or not name.isprintable():
        raise StoreError(f"A name has 1 to {MAX_NAME_CHARACTERS} visible characters. Choose another.")
    if name in OPERATORS or name == LOCAL:
        raise StoreError(f"{name} is reserved for caseloop. Choose another name.")
    return name


def _find_known(session: Session, name: str) -> ReviewerRow:
    found = find_reviewer(session, name)
    if found is None:
        raise StoreError(f"There is no reviewer called {name}. See: caseloop reviewers list.")
    return found


def _select() -> sa.Select[Any]:
    c = t.reviewer.c
    return sa.select(
        c.id, c.name, c.role, c.password_hash.is_not(None).label("has_password"), c.disabled_at, c.added_at
    )


def _row(row: sa.Row[Any]) -> ReviewerRow:
    values = dict(row._mapping)
    return ReviewerRow(**{**values, "has_password": bool(values["has_password"])})
