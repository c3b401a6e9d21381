"""Suggestions: insert-only, found by adapter, never in a person's way."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from data.suggestion import Grounding, Span
from db.notes.notes import add_notes, get_note
from db.notes.queue.search import counts
from db.notes.suggestions import (
    MAX_FAILURES,
    add_suggestion,
    count_without,
    failure_of,
    get_suggestion,
    notes_without,
    record_failure,
    suggestion_of,
    suggestions_of,
)
from db.review.decisions import open_review
from db.review.drafts import save_draft
from db.schema.errors import UnknownNote
from db.training.adapters import activate
from tests.kit.desk.permits import person_in, program_in
from tests.kit.desk.stores import (
    FIRST,
    SECOND,
    add,
    decide,
    empty_session,
    extraction,
    note,
    register,
    store,
    suggestion,
)

__all__ = ["empty_session", "store"]


@pytest.fixture
def session(empty_session: Session) -> Session:
    add(empty_session, 4)
    register(empty_session, ["first", "second"])
    return empty_session


def test_a_suggestion_comes_back_as_it_went_in(session: Session) -> None:
    number = add_suggestion(program_in(session), 2, suggestion(first="lung", second="II"))
    row = suggestion_of(session, 2)
    assert row is not None
    assert row == get_suggestion(session, number)
    assert (row.note_id, row.adapter, row.prompt_version, row.latency_ms) == (2, "first", 1, 12)
    assert row.extraction == dict(extraction(first="lung", second="II"))
    assert row.confidence == {FIRST: 0.9, SECOND: 0.25}
    assert row.min_confidence == 0.25
    assert row.evidence == {FIRST: (Span(0, 6), Span(7, 13))}
    assert row.alternatives == {SECOND: ("IV", None)}
    assert row.raw_confidence == {FIRST: 0.875, SECOND: 0.125}
    assert row.grounding == {FIRST: Grounding.FUZZY, SECOND: Grounding.NOT_FOUND}
    assert row.raw_reply == '{"raw": "réponse"}'


def test_an_adapter_suggests_once_for_a_note(session: Session) -> None:
    number = add_suggestion(program_in(session), 1, suggestion(first="lung"))
    assert add_suggestion(program_in(session), 1, suggestion(first="other")) == number
    assert [row.extraction[FIRST] for row in suggestions_of(session, 1)] == ["lung"]


def test_the_active_adapters_suggestion_is_shown_or_else_the_newest(session: Session) -> None:
    assert suggestion_of(session, 1) is None
    add_suggestion(program_in(session), 1, suggestion("first", first="a"))
    add_suggestion(program_in(session), 1, suggestion("second", first="b"))
    shown = []
    for name in (None, "first", "second"):
        if name:
            activate(person_in(session, "ada"), name, reason="test")
        row = suggestion_of(session, 1)
        assert row is not None
        shown.append(row.adapter)
    assert shown == ["second", "first", "second"]
    chosen = suggestion_of(session, 1, "first")
    assert chosen is not None
    assert chosen.adapter == "first"
    assert suggestion_of(session, 1, "third") is None


@pytest.mark.parametrize("action", ["UPDATE suggestion SET raw_reply = ''", "DELETE FROM suggestion"])
def test_the_database_refuses_to_change_one(session: Session, action: str) -> None:
    add_suggestion(program_in(session), 1, suggestion())
    with pytest.raises(sa.exc.IntegrityError, match="never changed"):
        session.execute(sa.text(action))
    session.rollback()


def test_a_suggestion_for_no_note_is_refused(session: Session) -> None:
    with pytest.raises(UnknownNote):
        add_suggestion(program_in(session), 99, suggestion())


def test_suggestions_change_nothing_that_a_person_did(session: Session) -> None:
    decide(session, 1, 0, values=extraction(first="by hand"))
    typed = extraction(second="half typ")
    save_draft(person_in(session, "ada"), note_id=2, extraction=typed, seen_revision=0)
    before = {number: (open_review(session, number, "ada"), get_note(session, number)) for number in (1, 2)}
    for number in (1, 2):
        add_suggestion(program_in(session), number, suggestion("first", first="machine"))
        add_suggestion(program_in(session), number, suggestion("second", first="machine two"))
    for number, (review, row) in before.items():
        after = open_review(session, number, "ada")
        assert (after.values, after.annotation, after.draft) == (review.values, review.annotation, review.draft)
        assert after.revision == review.revision
        assert get_note(session, number) == row
    assert open_review(session, 2, "ada").values == dict(typed)


def test_a_page_keeps_the_suggestion_it_started_from(session: Session) -> None:
    number = add_suggestion(program_in(session), 1, suggestion("first", first="a"))
    save_draft(
        person_in(session, "ada"), note_id=1, extraction=extraction(first="b"), seen_revision=0, suggestion_id=number
    )
    add_suggestion(program_in(session), 1, suggestion("second", first="c"))
    mine, theirs = open_review(session, 1, "ada").suggestion, open_review(session, 1, "bob").suggestion
    assert mine is not None
    assert theirs is not None
    assert (mine.id, theirs.adapter) == (number, "second")


def test_a_suggestion_alone_is_no_annotation(session: Session) -> None:
    add_suggestion(program_in(session), 1, suggestion(first="machine"))
    review = open_review(session, 1, "ada")
    assert (review.annotation, review.draft, review.note.state) == (None, None, "todo")
    assert review.values == dict(extraction(first="machine"))
    found = counts(session)
    assert (found.n_prefilled, found.n_submitted, found.n_todo) == (1, 0, 4)


def test_notes_that_lack_a_suggestion(session: Session) -> None:
    add_notes(program_in(session), [note(9, gold=extraction(first="gold"))])
    decide(session, 4, 0)
    assert [number for number, _ in notes_without(session, "first", 10)] == [1, 2, 3]
    assert notes_without(session, "first", 1) == [(1, get_note(session, 1).text)]
    add_suggestion(program_in(session), 1, suggestion("first"))
    add_suggestion(program_in(session), 2, suggestion("second"))
    assert [number for number, _ in notes_without(session, "first", 10)] == [3, 2]
    assert [number for number, _ in notes_without(session, "second", 10)] == [3, 1]
    add_suggestion(program_in(session), 1, suggestion("second"))
    assert [number for number, _ in notes_without(session, "first", 10)] == [3, 2]  # though its newest is another's
    assert [count_without(session, name) for name in ("first", "second", "third")] == [2, 1, 3]


def test_a_note_that_always_fails_is_left_out(session: Session) -> None:
    for attempt in range(1, MAX_FAILURES + 1):
        assert 2 in dict(notes_without(session, "first", 10))
        assert (
            record_failure(program_in(session), 2, "first", f"Expected memory; attempt {attempt} had none.") == attempt
        )
    assert [number for number, _ in notes_without(session, "first", 10)] == [1, 3, 4]
    assert count_without(session, "first") == 3
    assert failure_of(session, 2, "first") == (3, "Expected memory; attempt 3 had none.")
    assert failure_of(session, 2, "second") is None
    assert 2 in dict(notes_without(session, "second", 10))
