"""Permits for a transaction that is open already, so that a test can write as several people at once."""

from __future__ import annotations

from typing import Any

from db.people.acting import LOCAL, PROGRAM, Program, let_in
from db.store.store import Session


def person_in(session: Session, who: str = LOCAL) -> Any:
    """A person of this name, who may whatever is tested here; refused only where disabled."""
    return let_in(session, who, "review")


def program_in(session: Session) -> Program:
    """The program itself."""
    return Program(session, PROGRAM)


def enlist(session: Session, who: str = LOCAL) -> int:
    """Somebody new among the reviewers, by number."""
    return int(person_in(session, who).number)
