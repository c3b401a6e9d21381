"""A walk through the queue: what comes next in each order, what is left out, and how it ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from db.notes.notes import add_notes
from db.notes.queue.queue_view import Walk, count_in_walk, next_in_walk
from db.notes.queue.search import Filters, search_notes
from db.notes.suggestions import add_suggestion
from db.review.decisions import reopen
from db.review.drafts import discard_draft, save_draft
from db.schema import tables
from db.schema.errors import StoreError
from db.store.store import Store
from tests.db.test_db_notes import plans
from tests.kit.desk.empty_stores import empty_store
from tests.kit.desk.permits import person_in, program_in
from tests.kit.desk.stores import add, decide, empty_session, extraction, file_store, note, register, store, suggestion

__all__ = ["empty_session", "file_store", "store"]

ORDERS = ("imported", "newest", "updated", "confidence", "doubt", "novelty", "random")
DOUBT = {1: 0.5, 2: 2.0, 3: 1.0, 4: 2.0, 5: None, 6: 0.0, 7: 1.0, 8: None}


def put(session: Session, number: int, **values: Any) -> None:
    session.execute(sa.update(tables.note).where(tables.note.c.id == number).values(**values))


@pytest.fixture
def session(empty_session: Session) -> Session:
    """Eight notes that wait; several are equally doubtful, and two have no doubt at all."""
    fill(empty_session)
    return empty_session


def fill(session: Session) -> None:
    add(session, 8)
    for number, doubt in DOUBT.items():
        sure = None if doubt is None else 1 - doubt / 4
        put(session, number, doubt=doubt, min_confidence=sure, novelty=doubt and doubt / 3)


def first(session: Session, walk: Walk, by: str = "ada", **where: Any) -> int | None:
    return next(iter(next_in_walk(session, walk, by, **where)), None)


def walked(session: Session, walk: Walk, *, status: str = "submitted") -> list[int]:
    """The notes of a walk, each decided before the next is asked for."""
    found: list[int] = []
    while (number := first(session, walk, after=found[-1] if found else None)) is not None:
        assert number not in found
        found.append(number)
        decide(session, number, 0, status=status)
    return found


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("status", ["submitted", "skipped", "flagged"])
def test_a_walk_gives_every_note_once_as_the_queue_lists_them(session: Session, order: Any, status: str) -> None:
    listed = [row.id for row in search_notes(session, order=order, seed=3)]
    assert next_in_walk(session, Walk(order=order, seed=3), "ada", limit=20) == listed
    assert walked(session, Walk(order=order, seed=3), status=status) == listed
    assert count_in_walk(session, Walk(order=order, seed=3), "ada") == 0


@pytest.mark.parametrize("order", ORDERS)
def test_a_walk_goes_on_behind_any_note_and_comes_round_once(session: Session, order: Any) -> None:
    walk = Walk(order=order, seed=9)
    listed = [row.id for row in search_notes(session, order=order, seed=9)]
    for place, number in enumerate(listed):
        round_from_here = [*listed[place + 1 :], *listed[:place]]
        assert next_in_walk(session, walk, "ada", after=number, limit=20) == round_from_here
        assert first(session, walk, after=number, exclude=round_from_here[:3]) == round_from_here[3]
        assert first(session, walk, after=number, exclude=round_from_here) is None
    assert next_in_walk(session, walk, "ada", after=99, limit=20) == listed  # a note that is not there is before all


def test_only_what_the_filter_shows_and_what_waits_comes(session: Session) -> None:
    register(session, ["first"])
    add_suggestion(program_in(session), 1, suggestion(first="machine"))
    add_notes(program_in(session), [note(20, text="An original.", gold=extraction(first="lung"))])
    decide(session, 2, 0)
    decide(session, 4, 0, status="skipped")
    decide(session, 3, 0, status="flagged")
    assert next_in_walk(session, Walk(order="doubt"), "ada", limit=20) == [7, 1, 6, 5, 8]
    assert next_in_walk(session, Walk(Filters(sure_below=0.8), "doubt"), "ada", limit=20) == [7, 1]
    assert next_in_walk(session, Walk(Filters(adapter="first")), "ada", after=1) == []
    assert next_in_walk(session, Walk(Filters(adapter="first")), "ada", after=3) == [1]
    assert next_in_walk(session, Walk(Filters(text="report number", origin="incoming"), "newest"), "ada", after=7) == [
        6
    ]
    assert next_in_walk(session, Walk(Filters(text='"number 4'), "imported"), "ada") == [5]
    for filters in (Filters(state="submitted"), Filters(origin="original"), Filters(text="nowhere")):
        assert next_in_walk(session, Walk(filters, "novelty"), "ada") == []
        assert count_in_walk(session, Walk(filters), "ada") == 0
    assert count_in_walk(session, Walk(), "ada") == 5
    assert count_in_walk(session, Walk(), "ada", exclude=[1, 2, 7]) == 3
    reopen(person_in(session, "ada"), note_id=4, seen_revision=1, token="undo")  # taken back, it waits again
    assert first(session, Walk(order="doubt")) == 4
    with pytest.raises(StoreError, match="Expected one of the orders"):
        Walk(order="sideways")  # type: ignore[arg-type]


def test_a_draft_comes_to_whoever_typed_it(session: Session) -> None:
    for number, by in ((2, "ada"), (4, "ben"), (3, "ada"), (3, "ben")):
        save_draft(person_in(session, by), note_id=number, extraction=extraction(first="x"), seen_revision=0)
    walk = Walk(Filters(sure_below=0.8), "doubt")
    assert next_in_walk(session, walk, "ada", limit=9) == [2, 3, 7]
    assert next_in_walk(session, walk, "ben", limit=9) == [4, 3, 7]
    assert next_in_walk(session, walk, "eve", limit=9) == [7]
    assert [count_in_walk(session, walk, by) for by in ("ada", "ben", "eve")] == [3, 3, 1]
    discard_draft(person_in(session, "ben"), note_id=4)
    assert first(session, walk, "eve") == 4


def test_a_note_whose_doubt_changes_comes_all_the_same(session: Session) -> None:
    walk = Walk(order="doubt")
    assert first(session, walk) == 2
    put(session, 1, doubt=3.0)  # more doubtful than the note on screen: it is past, and comes when nothing follows
    put(session, 2, doubt=0.0)  # the note on screen itself falls behind
    decide(session, 2, 0)
    rest = walked(session, walk)
    assert sorted(rest) == [1, 3, 4, 5, 6, 7, 8]
    assert rest[0] == 1


@pytest.mark.parametrize("order", ORDERS)
def test_no_walk_reads_every_note(file_store: Store, order: Any) -> None:
    with file_store.transaction() as session:
        fill(session)
    filters = (Filters(), Filters(sure_below=0.5), Filters(is_not_found=True), Filters(adapter="first"))
    for one in (*filters, Filters(state="todo", origin="incoming"), Filters(reviewer="ada"), Filters(text="report")):
        asked = plans(
            file_store, lambda reader, one=one: next_in_walk(reader, Walk(one, order), "ada", after=3, limit=2)
        )
        asked += plans(file_store, lambda reader, one=one: count_in_walk(reader, Walk(one, order), "ada", exclude=[3]))
        assert len(asked) == 3
        assert not any(re.search(r"SCAN note\b(?!_)", plan) for plan in asked), (one, asked)


@pytest.fixture(scope="module")
def nine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Nine notes that wait, for tests that leave them so."""
    with empty_store(tmp_path_factory.mktemp("home") / "store.db") as opened:
        with opened.transaction() as session:
            add(session, 9)
        yield opened


@given(st.data())
@settings(max_examples=60)
def test_whatever_changes_meanwhile_no_note_is_shown_twice_or_left_out(nine: Store, data: st.DataObject) -> None:
    doubts = st.dictionaries(st.integers(1, 9), st.floats(0, 7), max_size=3)
    with nine.transaction() as session:
        walk = Walk(order=data.draw(st.sampled_from(ORDERS)), seed=data.draw(st.integers(0, 9)))
        shown: list[int] = []
        while (number := first(session, walk, after=shown[-1] if shown else None)) is not None:
            assert number not in shown
            shown.append(number)
            for changed, doubt in data.draw(doubts).items():
                put(session, changed, doubt=doubt, min_confidence=doubt / 7, novelty=1 - doubt / 7)
            decide(session, number, 0)
        assert sorted(shown) == list(range(1, 10))
        session.rollback()
