"""Who may do what. Every function of the store that changes something for a person asks here, whatever a screen shows.

Reviewers review. Leads decide about reviewing: rules, imports, exports, training, which adapter is active, many notes
at once. Admins decide about people. Who may use the command line may do everything, and so may everybody on a desk
where nobody has a password: there is only one person there, called `local`.
"""

from __future__ import annotations

from typing import Literal, get_args

import sqlalchemy as sa
from sqlalchemy.orm import Session

from db.schema import tables as t
from db.schema.errors import NotAllowed

Role = Literal["reviewer", "lead", "admin"]
Action = Literal[
    "review",
    "adjudicate",
    "offer a correction",
    "import notes",
    "export",
    "change rules",
    "work on many notes at once",
    "train",
    "decide about an adapter",
    "decide about people",
]

LOCAL = "local"
OPERATOR = "command line"
OPERATORS = frozenset({"caseloop", OPERATOR})  # no reviewer may have one of these names

_NEEDS: dict[Action, Role] = {
    "review": "reviewer",
    "adjudicate": "lead",
    "offer a correction": "reviewer",
    "import notes": "lead",
    "export": "lead",
    "change rules": "lead",
    "work on many notes at once": "lead",
    "train": "lead",
    "decide about an adapter": "lead",
    "decide about people": "admin",
}
_ORDER: tuple[Role, ...] = get_args(Role)


def needs_sign_in(session: Session) -> bool:
    """Whether anybody has a password; then everybody has to sign in."""
    some = sa.select(t.reviewer.c.id).where(t.reviewer.c.password_hash.is_not(None)).limit(1)
    return session.execute(some).one_or_none() is not None


def may(role: Role, action: Action) -> bool:
    """Whether a role is enough for an action."""
    return _ORDER.index(role) >= _ORDER.index(_NEEDS[action])


def can(session: Session, name: str, action: Action) -> bool:
    """Whether a person may do something; see `require`."""
    try:
        require(session, name, action)
    except NotAllowed:
        return False
    return True


def require(session: Session, name: str, action: Action) -> None:
    """Refuse what a person may not do.

    Args:
        name: of the person who acts.
        action: what is about to be done, in the words that a refusal uses.

    Raises:
        NotAllowed: the person is disabled, or has too low a role. Nothing was changed.
    """
    if name in OPERATORS or not needs_sign_in(session):
        return
    row = session.execute(
        sa.select(t.reviewer.c.role, t.reviewer.c.disabled_at).where(t.reviewer.c.name == name)
    ).one_or_none()
    if row is not None and row.disabled_at is not None:
        raise NotAllowed(f"{name} is disabled and may not {action}. Ask an admin.")
    role: Role = row.role if row is not None else "reviewer"
    if not may(role, action):
        needed = _NEEDS[action]
        raise NotAllowed(
            f"Only {needed}s may {action}; {name} is a {role}. Ask {'an' if needed == 'admin' else 'a'} {needed}."
        )
