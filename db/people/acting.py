"""The one door for writes: who is let in gets a permit, and every function that changes the store takes one.

Reviewers review. Leads decide about reviewing: rules, imports, exports, training, which adapter is active, many notes
at once. Admins decide about people. Who may use the command line may do everything, and so may everybody on a desk
where nobody has a password: there is only one person there, called `local`.

A person's permit says in its type how much its holder may do, so that a function asks for a right by naming the permit
that it takes, and leaving it out is an error of types. What the permit records stands in the transaction of the write.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from typing import Any, Literal, Protocol, get_args, overload

import sqlalchemy as sa
from sqlalchemy.orm import Session

from db.people.audit import record
from db.schema import tables as t
from db.schema.dialects import insert_into
from db.schema.errors import NotAllowed

Role = Literal["reviewer", "lead", "admin"]
ReviewerAction = Literal["review", "offer a correction"]
LeadAction = Literal[
    "adjudicate",
    "import notes",
    "delete notes",
    "export",
    "change rules",
    "work on many notes at once",
    "train",
    "decide about an adapter",
]
AdminAction = Literal["decide about people"]
Action = Literal[ReviewerAction, LeadAction, AdminAction]

LOCAL = "local"
OPERATOR = "command line"
PROGRAM = "caseloop"
OPERATORS = frozenset({PROGRAM, OPERATOR})  # no reviewer may have one of these names

_LEADS: tuple[LeadAction, ...] = get_args(LeadAction)
_ADMINS: tuple[AdminAction, ...] = get_args(AdminAction)
_ORDER: tuple[Role, ...] = get_args(Role)


def needs_sign_in(session: Session) -> bool:
    """Whether anybody has a password; then everybody has to sign in."""
    some = sa.select(t.reviewer.c.id).where(t.reviewer.c.password_hash.is_not(None)).limit(1)
    return session.execute(some).one_or_none() is not None


def role_needed(action: Action) -> Role:
    """The lowest role that is enough for an action."""
    return "admin" if action in _ADMINS else "lead" if action in _LEADS else "reviewer"


def may(role: Role, action: Action) -> bool:
    """Whether a role is enough for an action."""
    return _ORDER.index(role) >= _ORDER.index(role_needed(action))


def can(session: Session, name: str, action: Action) -> bool:
    """Whether a person may do something; see `require`."""
    try:
        require(session, name, action)
    except NotAllowed:
        return False
    return True


def require(session: Session, name: str, action: Action) -> Role:
    """Refuse what a person may not do.

    Args:
        name: of the person who acts.
        action: what is about to be done, in the words that a refusal uses.

    Returns:
        The person's role; "admin" where nothing is refused.

    Raises:
        NotAllowed: the person is disabled, or has too low a role. Nothing was changed.
    """
    if name in OPERATORS or not needs_sign_in(session):
        return "admin"
    row = session.execute(
        sa.select(t.reviewer.c.role, t.reviewer.c.disabled_at).where(t.reviewer.c.name == name)
    ).one_or_none()
    if row is not None and row.disabled_at is not None:
        raise NotAllowed(f"{name} is disabled and may not {action}. Ask an admin.")
    role: Role = row.role if row is not None else "reviewer"
    if not may(role, action):
        needed = role_needed(action)
        raise NotAllowed(
            f"Only {needed}s may {action}; {name} is a {role}. Ask {'an' if needed == 'admin' else 'a'} {needed}."
        )
    return role


class Transactions(Protocol):
    """What the door needs of a store."""

    def transaction(self, *, beside: bool = False) -> AbstractContextManager[Session]:
        """See `db.store.store.Store.transaction`."""


class Permit:
    """A transaction and in whose name it writes.

    Attributes:
        session: of the transaction; what is only read takes it by itself.
        who: the name that stands beside what is written.
    """

    def __init__(self, session: Session, who: str) -> None:
        self.session = session
        self.who = who

    def record(self, action: str, subject: str = "", **detail: Any) -> None:
        """Add to the audit trail what was done, in the same transaction; see `db.people.audit.record`."""
        record(self.session, self.who, action, subject, **detail)


class Program(Permit):
    """The program itself: suggestions, heartbeats, figures, how far a run is."""

    def record_for(self, who: str, action: str, subject: str = "", **detail: Any) -> None:
        """Add to the audit trail what the program saw somebody do."""
        record(self.session, who, action, subject, **detail)


class Act(Permit):
    """A person who may review.

    Attributes:
        role: of the person; an admin's at the command line, and where nobody signs in.
    """

    def __init__(self, session: Session, who: str, role: Role, by: str | None = None) -> None:
        super().__init__(session, who)
        self.role = role
        self._by = who if by is None else by

    @cached_property
    def number(self) -> int:
        """Of the person among the reviewers; one who is new there is added."""
        return _number_of(self.session, self.who)

    def may(self, action: Action) -> bool:
        """Whether the person may do something else, too."""
        return may(self.role, action)

    def restore_for(self, who: str, *, role: Role | None = None) -> Act:
        """For what another person decided and this one puts back: it stands as theirs, and the trail names both.

        Args:
            who: the other person.
            role: whose rights count; those of the one who acts where nothing is said.
        """
        return Act(self.session, who, role or self.role, by=self._by)

    def record(self, action: str, subject: str = "", **detail: Any) -> None:
        """See `Permit`."""
        others = {} if self.who == self._by else {"decided_by": self.who}
        record(self.session, self._by, action, subject, **detail, **others)


class LeadAct(Act):
    """A person who may decide about reviewing."""


class AdminAct(LeadAct):
    """A person who may decide about people."""


_PERMITS: dict[Role, type[Act]] = {"reviewer": Act, "lead": LeadAct, "admin": AdminAct}


@overload
def let_in(session: Session, who: str, action: ReviewerAction) -> Act: ...
@overload
def let_in(session: Session, who: str, action: LeadAction) -> LeadAct: ...
@overload
def let_in(session: Session, who: str, action: AdminAction) -> AdminAct: ...
def let_in(session: Session, who: str, action: Action) -> Act:
    """The permit of a person in a transaction that is the program's, or of a second person.

    Raises:
        NotAllowed: see `db.people.acting.require`.
    """
    return _PERMITS[role_needed(action)](session, who, require(session, who, action))


@overload
def acting(
    store: Transactions, who: str, action: ReviewerAction, *, beside: bool = False
) -> AbstractContextManager[Act]: ...
@overload
def acting(store: Transactions, who: str, action: LeadAction) -> AbstractContextManager[LeadAct]: ...
@overload
def acting(store: Transactions, who: str, action: AdminAction) -> AbstractContextManager[AdminAct]: ...
def acting(store: Transactions, who: str, action: Action, *, beside: bool = False) -> AbstractContextManager[Act]:
    """A transaction in which a person does something.

    Args:
        store: to write to.
        who: the person's name.
        action: what is about to be done.
        beside: see `db.store.store.Store.transaction`.

    Raises:
        NotAllowed: the person may not; nothing was written.
        StoreError: nothing was written, see `db.store.store.Store.transaction`.
    """
    return _acting(store, who, action, beside)


@contextmanager
def _acting(store: Transactions, who: str, action: Action, beside: bool) -> Iterator[Act]:
    with store.transaction(beside=beside) as session:
        yield _PERMITS[role_needed(action)](session, who, require(session, who, action))


@contextmanager
def as_program(store: Transactions) -> Iterator[Program]:
    """A transaction in which the program itself writes.

    Raises:
        StoreError: nothing was written, see `db.store.store.Store.transaction`.
    """
    with store.transaction() as session:
        yield Program(session, PROGRAM)


def _number_of(session: Session, name: str) -> int:
    query = sa.select(t.reviewer.c.id).where(t.reviewer.c.name == name)
    found: int | None = session.execute(query).scalar_one_or_none()
    if found is not None:
        return found
    role = "admin" if name == LOCAL else "reviewer"
    added = insert_into(session, t.reviewer).values(name=name, role=role, added_at=t.now()).on_conflict_do_nothing()
    session.execute(added)
    return int(session.execute(query).scalar_one())
