"""Sign-ins: who is signed in where. Only a hash of each token is kept, so the store gives nobody a way in.

One ends after half an hour without anything done, twelve hours after it began, when its person signs out, and when the
person's password or role changes.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from db.people.acting import Act, Program, Role
from db.people.reviewers import find_reviewer
from db.schema import tables as t
from db.schema.errors import StoreError

IDLE = timedelta(minutes=30)
LONGEST = timedelta(hours=12)
NOTED_EVERY = timedelta(minutes=1)  # how exact the time of the last action is; each noting is a write


@dataclass(frozen=True)
class SignedIn:
    """A person who is signed in.

    Attributes:
        is_due: the time of the last action is old enough to be noted again; see `note_action`.
    """

    name: str
    role: Role
    is_due: bool = False


def sign_in(act: Act) -> str:
    """Begin a sign-in for the person who acts, whose password was checked; the token, which is kept nowhere.

    Raises:
        StoreError: there is no such person.
    """
    session = act.session
    reviewer = find_reviewer(session, act.who)
    if reviewer is None:
        raise StoreError(f"Expected the name of a reviewer; nobody is called {act.who}.")
    token, at = secrets.token_urlsafe(32), t.now()
    c = t.sign_in.c
    session.execute(sa.delete(t.sign_in).where(sa.or_(c.seen_at < at - IDLE, c.begun_at < at - LONGEST)))
    session.execute(
        sa.insert(t.sign_in).values(token_hash=_hash_token(token), reviewer_id=reviewer.id, begun_at=at, seen_at=at)
    )
    act.record("signed in")
    return token


def find_sign_in(session: Session, token: str, at: datetime | None = None) -> SignedIn | None:
    """Whose token this is; None for one that is unknown or has ended.

    Args:
        token: as the browser sent it.
        at: the time; now by default.
    """
    at = at or t.now()
    query = (
        sa.select(t.reviewer.c.name, t.reviewer.c.role, t.sign_in.c.begun_at, t.sign_in.c.seen_at)
        .join_from(t.sign_in, t.reviewer)
        .where(t.sign_in.c.token_hash == _hash_token(token), t.reviewer.c.disabled_at.is_(None))
    )
    row = session.execute(query).one_or_none()
    # A clock that was set back makes times of the future: those end too, rather than never.
    if row is None or not -NOTED_EVERY <= at - row.seen_at <= IDLE or at - row.begun_at > LONGEST:
        return None
    return SignedIn(row.name, row.role, is_due=at - row.seen_at >= NOTED_EVERY)


def note_action(program: Program, token: str) -> None:
    """Put off the end of a sign-in: its person did something."""
    seen = sa.update(t.sign_in).where(t.sign_in.c.token_hash == _hash_token(token))
    program.session.execute(seen.values(seen_at=t.now()))


def sign_out(program: Program, token: str) -> str | None:
    """End a sign-in; whose it was, None where there was none. See `db.notes.queue.claims.leave_desk`."""
    person = find_sign_in(program.session, token)
    program.session.execute(sa.delete(t.sign_in).where(t.sign_in.c.token_hash == _hash_token(token)))
    if person is None:
        return None
    program.record_for(person.name, "signed out")
    return person.name


def _hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
