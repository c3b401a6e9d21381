"""Which notes reviewers have open and wait for."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from db.notes.queue.waiting import OPEN_FOR, open_note, opened_notes, reason_given_up
from db.notes.suggestions import MAX_FAILURES, add_suggestion, record_failure
from db.schema import tables as t
from tests.kit.desk.permits import program_in
from tests.kit.desk.stores import add, decide, empty_session, extraction, register, store, suggestion

__all__ = ["empty_session", "store"]


@pytest.fixture
def session(empty_session: Session) -> Session:
    add(empty_session, 4)
    register(empty_session, ["first", "second"])
    return empty_session


def opened(session: Session, adapter: str = "first") -> list[int]:
    return [number for number, _ in opened_notes(session, adapter)]


def test_the_note_opened_last_comes_first_and_each_reviewer_has_one(session: Session) -> None:
    open_note(program_in(session), "ada", 3)
    open_note(program_in(session), "ben", 2)
    assert opened_notes(session, "first") == [(2, "Report number 1."), (3, "Report number 2.")]
    open_note(program_in(session), "ada", 4)
    assert opened(session) == [4, 2]
    open_note(program_in(session), "ben", 4)
    assert opened(session) == [4]


def test_a_note_that_needs_no_suggestion_is_not_waited_for(session: Session) -> None:
    for number, reviewer in enumerate(("ada", "ben", "cem"), 1):
        open_note(program_in(session), reviewer, number)
    open_note(program_in(session), "dee", 404)
    add_suggestion(program_in(session), 1, suggestion("second"))
    decide(session, 2, 0, values=extraction(first="decided"))
    assert opened(session) == [3]


def test_a_note_that_was_given_up_holds_nothing_up(session: Session) -> None:
    open_note(program_in(session), "ada", 1)
    for n_tries in range(1, MAX_FAILURES + 1):
        assert reason_given_up(session, 1, "first") is None
        assert opened(session) == [1]
        record_failure(program_in(session), 1, "first", f"Reason {n_tries}.")
    assert reason_given_up(session, 1, "first") == f"Reason {MAX_FAILURES}."
    assert opened(session) == []
    assert opened(session, "second") == [1]


def test_a_page_that_was_left_open_is_forgotten(session: Session) -> None:
    open_note(program_in(session), "ada", 1)
    session.execute(sa.update(t.heartbeat).values(beat_at=t.now() - OPEN_FOR))
    assert opened(session) == []
