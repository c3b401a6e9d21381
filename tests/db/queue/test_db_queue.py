"""The queue's filters, orders and saved filters, and what is done to many notes at once and undone."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.worker.novelty import N_MORE, Novelty
from data.notes import make_note
from db.notes.notes import add_notes, get_note
from db.notes.queue.novelty import count_compared, read_comparison
from db.notes.queue.saved_filters import drop_filter, save_filter, saved_filters
from db.notes.queue.search import Filters, Found, count_found, count_notes, search_notes
from db.notes.suggestions import add_suggestion
from db.review.bulk import Many, carry_out, plan, undo
from db.review.decisions import open_review, reopen
from db.review.drafts import save_draft
from db.review.reviewed import history
from db.schema import tables
from db.schema.errors import StoreError
from db.store.store import Store
from tests.kit.desk.permits import person_in, program_in
from tests.kit.desk.stores import TASK, add, decide, empty_session, extraction, register, store, suggestion

__all__ = ["empty_session", "store"]


@pytest.fixture
def session(empty_session: Session) -> Session:
    """Notes: 1 corrected, 2 accepted, 3 skipped, 4 with a draft, 5 suggested, 6 by another adapter, 7 and 8 bare."""
    register(empty_session, ["first", "second"])
    add(empty_session, 8)
    for number in (1, 2, 4, 5):
        add_suggestion(program_in(empty_session), number, suggestion(first="machine"))
    add_suggestion(program_in(empty_session), 6, suggestion("second", first="machine"))
    sure = {"min_confidence": 0.95, "doubt": 0.6, "n_not_found": 0}
    empty_session.execute(sa.update(tables.note).where(tables.note.c.id == 5).values(**sure))
    decide(empty_session, 1, 0, suggestion_id=1, values=extraction(first="person"))
    decide(empty_session, 2, 0, suggestion_id=2, values=extraction(first="machine"))
    decide(empty_session, 3, 0, status="skipped")
    save_draft(person_in(empty_session, "ada"), note_id=4, extraction=extraction(first="typed"), seen_revision=0)
    return empty_session


def ids(session: Session, filters: Filters = Filters(), **settings: Any) -> list[int]:  # noqa: B008 - frozen
    found = [row.id for row in search_notes(session, filters, **settings)]
    if not settings:
        assert count_notes(session, filters) == count_found(session, filters).n_notes == len(found)
    return found


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (Filters(), [1, 2, 3, 4, 5, 6, 7, 8]),
        (Filters(adapter="first"), [1, 2, 4, 5]),
        (Filters(adapter="second"), [6]),
        (Filters(sure_below=0.9), [1, 2, 4, 6]),
        (Filters(sure_below=7.0), [1, 2, 4, 5, 6]),
        (Filters(is_not_found=True), [1, 2, 4, 6]),
        (Filters(is_corrected=True), [1]),
        (Filters(state="submitted", sure_below=0.9), [1, 2]),
        (Filters(reviewer="ada", is_not_found=True, state="draft"), [4]),
        (Filters(text="report", adapter="second", is_not_found=True), [6]),
        (Filters(text="number 4"), [5]),
    ],
)
def test_filters_hold_together_and_are_counted(session: Session, filters: Filters, found: list[int]) -> None:
    assert sorted(ids(session, filters)) == found
    for order in ("doubt", "novelty", "random", "updated", "confidence", "newest"):
        assert sorted(ids(session, filters, order=order)) == found
    assert Filters.from_json({**filters.to_json(), "unknown": 1}) == filters


def test_what_is_found_is_counted_by_what_can_be_done_to_it(session: Session) -> None:
    assert count_found(session) == Found(n_notes=8, n_untouched=4, n_decided=3)
    assert count_found(session, Filters(text="nowhere")) == Found()
    with pytest.raises(StoreError, match="Expected one of the origins"):
        Filters(origin="elsewhere")  # type: ignore[arg-type]


def test_the_least_sure_come_first(session: Session) -> None:
    for number, doubt in ((1, 0.2), (2, 1.5), (4, 0.9), (6, 1.5)):
        session.execute(sa.update(tables.note).where(tables.note.c.id == number).values(doubt=doubt))
    assert ids(session, order="doubt") == [2, 6, 4, 5, 1, 3, 7, 8]
    session.execute(sa.update(tables.note).where(tables.note.c.id == 7).values(novelty=0.5))
    assert ids(session, order="novelty")[:3] == [7, 1, 2]


def test_a_random_order_neither_repeats_nor_misses_a_note(session: Session) -> None:
    add_notes(program_in(session), [make_note(TASK, f"Another report {number}.") for number in range(300)])
    pages = [ids(session, order="random", seed=5, offset=at, limit=50) for at in range(0, 308, 50)]
    shuffled = [number for page in pages for number in page]
    assert sorted(shuffled) == list(range(1, 309))
    assert shuffled != sorted(shuffled)
    assert ids(session, order="random", seed=6, limit=308) != shuffled
    early = sum(number <= 154 for number in shuffled[:154])
    assert 50 < early < 104  # half of the first half, as far as chance goes


def test_a_filter_is_saved_replaced_and_deleted_by_its_own_reviewer(session: Session) -> None:
    first = save_filter(person_in(session, "ada"), name="  to\nlook  at ", filters=Filters(state="todo"), order="doubt")
    assert save_filter(person_in(session, "ada"), name="to look at", filters=Filters(text="x")) == first
    save_filter(person_in(session, "ben"), name="to look at", filters=Filters(is_corrected=True))
    save_filter(person_in(session, "ada"), name="A", filters=Filters())
    found = [(row.name, row.filters, row.order) for row in saved_filters(session, "ada")]
    assert found == [("A", Filters(), "imported"), ("to look at", Filters(text="x"), "imported")]
    assert not drop_filter(person_in(session, "ben"), filter_id=first)
    assert drop_filter(person_in(session, "ada"), filter_id=first)
    assert [row.name for row in saved_filters(session, "ada")] == ["A"]
    for name in ("", " ", "x" * 101):
        with pytest.raises(StoreError, match="Expected a name"):
            save_filter(person_in(session, "ada"), name=name, filters=Filters())


def state_of(session: Session) -> list[tuple[str, str | None]]:
    rows = session.execute(
        sa.select(tables.note.c.state, tables.reviewer.c.name)
        .outerjoin_from(tables.note, tables.reviewer)
        .order_by(tables.note.c.id)
    )
    return [(row.state, row.name) for row in rows]


def test_skipping_many_leaves_decisions_and_drafts_alone_and_is_undone_exactly(session: Session) -> None:
    before = state_of(session)
    many = Many(Filters(text="report"))
    planned = plan(session, "skip", many)
    assert (planned.n_notes, planned.n_touched, planned.upto) == (8, 4, 8)
    done = carry_out(person_in(session, "ada"), TASK, action="skip", many=many, bulk="b1")
    assert (done.n_done, done.last) == (4, None)
    assert [state for state, _ in state_of(session)] == ["submitted"] * 2 + ["skipped", "draft"] + ["skipped"] * 4
    seen = open_review(session, 5, "ben")
    assert seen.annotation is not None
    assert (seen.annotation.settled, seen.annotation.extraction) == ([], dict(extraction(first="machine")))
    assert history(session, 5)[0].status == "skipped"
    assert undo(person_in(session, "ben"), TASK, bulk="b1").n_done == 0
    assert undo(person_in(session, "ada"), TASK, bulk="b1").n_done == 4
    assert state_of(session) == before
    assert open_review(session, 7, "ada").draft is None
    draft = open_review(session, 4, "ada").draft
    assert draft is not None
    assert draft.extraction == dict(extraction(first="typed"))


def test_what_somebody_changed_since_is_not_undone(session: Session) -> None:
    carry_out(person_in(session, "ada"), TASK, action="flag", many=Many(ids=(5, 6, 7, 8)), bulk="b1", comment=" odd ")
    assert [history(session, number)[0].comment for number in (5, 8)] == ["odd", "odd"]
    decide(session, 5, 1, by="ben")
    save_draft(person_in(session, "ben"), note_id=6, extraction=extraction(first="typed"), seen_revision=1)
    undone = undo(person_in(session, "ada"), TASK, bulk="b1")
    assert (undone.n_done, undone.n_left_alone) == (2, 2)
    assert [get_note(session, number).state for number in (5, 6, 7, 8)] == ["submitted", "flagged", "todo", "todo"]
    assert undo(person_in(session, "ada"), TASK, bulk="b1").n_done == 0
    assert undo(person_in(session, "ada"), TASK, bulk="b").n_left_alone == 0  # the beginning of a name is no name
    with pytest.raises(StoreError, match="A flag needs a comment"):
        carry_out(person_in(session, "ada"), TASK, action="flag", many=Many(), bulk="b2", comment=" ")
    with pytest.raises(StoreError, match="Expected one of skip, flag, reopen"):
        plan(session, "submit", Many())  # type: ignore[arg-type]


def test_decisions_taken_back_stand_again_as_their_reviewers_made_them(session: Session) -> None:
    decide(session, 7, 0, by="ben", comment="why", values=extraction(first="mine"), lead_time_ms=7)
    before, decided = state_of(session), history(session, 7)[0]
    many = Many(Filters(state="submitted"))
    assert plan(session, "reopen", many).n_touched == 3
    assert carry_out(person_in(session, "ada"), TASK, action="reopen", many=many, bulk="b1").n_done == 3
    assert count_found(session, Filters(state="draft")).n_notes == 4
    assert undo(person_in(session, "ada"), TASK, bulk="b1").n_done == 3
    assert state_of(session) == before
    again = history(session, 7)[0]
    assert (again.status, again.reviewer, again.extraction, again.comment) == (
        "submitted", "ben", decided.extraction, "why",
    )  # fmt: skip
    assert open_review(session, 7, "ada").draft is None
    assert [row.n_changed for row in search_notes(session, Filters(is_corrected=True))] == [1]


def test_a_decision_with_a_newer_draft_is_not_taken_back(session: Session) -> None:
    save_draft(person_in(session, "ben"), note_id=1, extraction=extraction(first="typed"), seen_revision=1)
    planned = plan(session, "reopen", Many(ids=(1, 2)))
    assert (planned.n_notes, planned.n_touched) == (2, 1)


def test_long_work_goes_on_behind_its_last_note(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("db.review.bulk.N_BATCH", 2)
    many = Many(upto=plan(session, "skip", Many()).upto)
    add_notes(program_in(session), [make_note(TASK, "It came later.")])
    turns, after = [], 0
    while True:
        done = carry_out(person_in(session, "ada"), TASK, action="skip", many=many, bulk="b1", after=after)
        turns.append(done.n_done)
        if done.last is None:
            break
        after = done.last
    assert turns == [2, 2, 0]
    assert get_note(session, 9).state == "todo"


def test_notes_unlike_the_reviewed_ones_are_more_novel(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.worker.novelty.N_TURN", 2)
    texts = ["Lung adenocarcinoma, osimertinib.", "Lung adenocarcinoma, gefitinib.", "Ewing sarcoma of the rib.", "x"]
    with store.transaction() as session:
        add_notes(program_in(session), [make_note(TASK, text) for text in texts])
    novelty = Novelty(store)
    assert novelty.turn() == 0  # nothing was reviewed
    with store.transaction() as session:
        decide(session, 1, 0)
    assert [novelty.turn() for _ in range(3)] == [2, 1, 0]
    with store.reading() as session:
        assert [row.id for row in search_notes(session, order="novelty")] == [3, 4, 2, 1]
        assert (count_compared(session), read_comparison(session).after) == (3, 4)
        assert session.execute(sa.select(tables.note.c.novelty).where(tables.note.c.id == 3)).scalar_one() == 1.0
    with store.transaction() as session:
        numbers = add_notes(
            program_in(session), [make_note(TASK, f"Breast tumour {number}.") for number in range(N_MORE)]
        ).note_ids
    assert Novelty(store).turn() == 2  # another process goes on where this one stopped
    with store.transaction() as session:
        for number in numbers:
            decide(session, number, 0)
        reopen(person_in(session, "ada"), note_id=1, seen_revision=1, token="undo")
        decide(session, 1, 2)
    assert [novelty.turn() for _ in range(3)] == [2, 1, 0]
    with store.reading() as session:
        assert read_comparison(session).n_reviewed == 51
