"""Adding notes, finding the next one, searching and counting."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event
from sqlalchemy.orm import Session

from db.notes.notes import AddReport, add_notes, find_note, get_note, next_note
from db.notes.queue.search import count_notes, counts, search_notes
from db.notes.suggestions import add_suggestion, count_without, notes_without
from db.review.decisions import open_review
from db.review.drafts import save_draft
from db.review.reviewed import history
from db.schema import tables
from db.schema.errors import StoreError, StoreRefused, UnknownNote
from db.store.store import Store
from db.training.adapters import activate
from tests.kit.desk.empty_stores import empty_store
from tests.kit.desk.permits import person_in, program_in
from tests.kit.desk.stores import add, decide, extraction, note, register, store, suggestion
from tests.kit.desk.stores import empty_session as session

__all__ = ["session", "store"]

GOLD = extraction(first="lung", second="IV")


def test_a_note_comes_back_as_it_went_in(session: Session) -> None:
    text = "Naïve text — with 'quotes', emoji 🫁,\ttabs\nand lines."
    given_note = note(7, text=text, external_id="x-7")
    report = add_notes(program_in(session), [given_note])
    row = get_note(session, report.note_ids[0])
    assert (row.text, row.external_id, row.metadata, row.gold) == (text, "x-7", {"n": 7}, None)
    assert (row.content_hash, row.split, row.origin) == (given_note.content_hash, given_note.split, "incoming")
    assert (row.state, row.revision) == ("todo", 0)
    assert row.added_at.utcoffset() is not None


def test_adding_again_adds_nothing(session: Session) -> None:
    notes = [note(number) for number in range(1200)]
    first = add_notes(program_in(session), iter(notes))
    assert first == AddReport(n_added=1200, n_known=0, n_originals=0, note_ids=tuple(range(1, 1201)))
    again = add_notes(program_in(session), [*notes, note(5000)])
    assert (again.n_added, again.n_known, again.note_ids[:-1]) == (1, 1200, first.note_ids)


def test_the_same_text_twice_in_one_import_is_one_note(session: Session) -> None:
    report = add_notes(program_in(session), [note(1), note(1, gold=GOLD), note(1)])
    assert report == AddReport(n_added=1, n_known=2, n_originals=1, note_ids=(1, 1, 1))
    assert get_note(session, 1).gold == dict(GOLD)


def test_labels_that_come_later_make_an_untouched_note_an_original(session: Session) -> None:
    add_notes(program_in(session), [note(1)])
    add_notes(program_in(session), [note(1, gold=GOLD)])
    row = get_note(session, 1)
    assert (row.origin, row.gold, row.state) == ("original", dict(GOLD), "todo")
    add_notes(program_in(session), [note(1, gold=extraction(first="other"))])
    assert get_note(session, 1).gold == dict(GOLD)
    assert next_note(session) is None


@pytest.mark.parametrize("status", ["submitted", "skipped", "flagged"])
def test_labels_that_come_later_leave_a_decision_alone(session: Session, status: Any) -> None:
    add(session, 1)
    decide(session, 1, 0, status=status, values=extraction(first="by hand"))
    before = open_review(session, 1, "ada")
    add_notes(program_in(session), [note(0, gold=GOLD)])
    after = open_review(session, 1, "ada")
    assert (after.annotation, after.values, after.revision) == (before.annotation, before.values, before.revision)
    assert (after.note.state, after.note.origin, after.note.gold) == (status, "incoming", dict(GOLD))
    assert len(history(session, 1)) == 1


def test_labels_that_come_later_leave_a_draft_alone(session: Session) -> None:
    add(session, 1)
    typed = extraction(first="half a w")
    save_draft(person_in(session, "ada"), note_id=1, extraction=typed, seen_revision=0)
    add_notes(program_in(session), [note(0, gold=GOLD)])
    assert open_review(session, 1, "ada").values == dict(typed)
    assert next_note(session) == 1


def test_a_note_is_found_by_its_hash_or_id(session: Session) -> None:
    first, second = note(1, external_id="same"), note(2, external_id="same")
    add_notes(program_in(session), [first, second])
    by_hash, by_id = find_note(session, first.content_hash), find_note(session, "same")
    assert by_hash is not None
    assert by_id is not None
    assert (by_hash.id, by_id.id) == (1, 2)
    assert find_note(session, "other") is None
    with pytest.raises(UnknownNote, match="no note 99"):
        get_note(session, 99)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE note_text SET text = 'other'",
        "UPDATE note SET content_hash = 'other'",
        "UPDATE note SET split = 'train', id = 9",
        "UPDATE note SET state = 'done'",
        "UPDATE note SET state = 'submitted'",
        "UPDATE note SET revision = -1",
        "UPDATE note SET origin = 'original'",
        "UPDATE note SET gold = 'no json'",
        "INSERT INTO note_text (note_id, text) VALUES (77, 'an orphan')",
    ],
)
def test_the_database_itself_refuses(store: Store, statement: str) -> None:
    with store.transaction() as session:
        add(session, 1)
    transaction = store.transaction()
    session = transaction.__enter__()
    with pytest.raises((sa.exc.IntegrityError, sa.exc.DataError)) as caught:
        session.execute(sa.text(statement))
    with pytest.raises(StoreRefused, match="Nothing was saved"):
        transaction.__exit__(type(caught.value), caught.value, caught.tb)


def test_next_note_prefers_suggested_ones_in_import_order(session: Session) -> None:
    add(session, 6)
    assert next_note(session) == 1
    for number in (5, 3):
        add_suggestion(program_in(session), number, suggestion())
    assert next_note(session) == 3
    assert next_note(session, after=3) == 5
    assert next_note(session, after=5) == 3  # comes round before the unsuggested ones
    assert next_note(session, exclude=[3, 5]) == 1
    assert next_note(session, after=4, exclude=[3, 5]) == 6
    assert next_note(session, after=6, exclude={3, 5}) == 1


def test_next_note_passes_over_what_is_decided(session: Session) -> None:
    add(session, 4)
    add_notes(program_in(session), [note(9, gold=GOLD)])
    decide(session, 1, 0)
    decide(session, 2, 0, status="skipped")
    decide(session, 3, 0, status="flagged")
    assert next_note(session) == 4
    save_draft(person_in(session, "ada"), note_id=4, extraction=GOLD, seen_revision=0)
    assert next_note(session) == 4
    assert next_note(session, after=4) is None


LARGE = (
    """WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 100000)
    INSERT INTO note (id, content_hash, text_hash, external_id, split, origin, metadata, gold, state, revision,
        suggested_by, is_suggested, min_confidence, added_at, updated_at)
    SELECT n, format('%064d', n), format('%064d', n), 'x-' || n, 'train', iif(n % 20 = 1, 'original', 'incoming'), '{}',
        iif(n % 20 = 1, '{}', NULL), iif(n <= 30000, 'submitted', 'todo'), n <= 30000, iif(n <= 50000, 'first', NULL),
        n <= 50000, iif(n <= 50000, 0.5, NULL), '2026-01-01T00:00:00.000000Z', '2026-01-01T00:00:00.000000Z'
    FROM numbers""",
    "INSERT INTO note_text SELECT id, 'word' || id % 97 || ' report ' || id FROM note",
)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """100,000 notes: every twentieth an original, the first half with a suggestion, almost a third decided."""
    with empty_store(tmp_path_factory.mktemp("large") / "store.db") as opened:
        with opened.transaction() as session:
            for statement in LARGE:
                session.execute(sa.text(statement.replace(":", r"\:")))
        yield opened


def plans(store: Store, ask: Any) -> list[str]:
    """How SQLite carries out each query that `ask` makes with a session."""
    found: list[str] = []
    with store.reading() as session:
        connection = session.connection()
        raw: Any = connection.connection.driver_connection

        def explain(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
            rows = raw.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
            found.append("; ".join(row[3] for row in rows))

        event.listen(connection, "before_cursor_execute", explain)
        ask(session)
        event.remove(connection, "before_cursor_execute", explain)
    return found


def test_next_note_is_one_look_into_an_index(large: Store) -> None:
    with large.reading() as session:
        assert next_note(session) == 30002
        assert next_note(session, after=50000) == 30002
    for plan in plans(large, lambda session: (next_note(session), next_note(session, after=70000, exclude=[5]))):
        assert re.fullmatch(r"SEARCH note USING INDEX ix_note_queue \(is_suggested=\? AND id[<>]\?\)", plan)


def test_lacking_notes_are_looked_up_by_index(large: Store) -> None:
    asked = plans(large, lambda session: notes_without(session, "second", 5))
    assert asked
    assert all(plan.startswith("SEARCH note USING INDEX ix_note_prefill") for plan in asked)
    with large.reading() as session:
        assert count_without(session, "second") == 66500


def test_pages_and_counts_are_read_from_indexes(large: Store) -> None:
    for order in ("imported", "newest", "updated", "confidence"):
        page = plans(large, lambda session, order=order: search_notes(session, order=order))[0]
        assert "TEMP B-TREE" not in page, order
    assert "COVERING INDEX ix_note_counts" in plans(large, counts)[0]
    words = plans(large, lambda session: search_notes(session, text="word5 report"))[0]
    assert "TEMP B-TREE" not in words
    with large.reading() as session:
        found = counts(session)
    assert (found.n_notes, found.n_originals, found.n_submitted) == (100_000, 5000, 30_000)
    assert (found.n_todo, found.n_prefilled) == (66_500, 47_500)


def ids(session: Session, **filters: Any) -> list[int]:
    page = [row.id for row in search_notes(session, **filters)]
    counted = {name: value for name, value in filters.items() if name not in ("order", "offset", "limit")}
    if len(counted) == len(filters):
        assert count_notes(session, **counted) == len(page)
    return page


@pytest.fixture
def worked_on(session: Session) -> Session:
    register(session, ["first", "second"])
    activate(person_in(session, "ada"), "first", reason="start")
    texts = ["Lung tumour, TNM pT2", "Breast tumour", "Nothing\n\n  found " + "x" * 200, "Colon", "Skin"]
    add_notes(program_in(session), [note(n, text=text, external_id=f"case/{n}") for n, text in enumerate(texts)])
    add_notes(program_in(session), [note(9, text="Labelled lung", gold=GOLD)])
    number = add_suggestion(program_in(session), 1, suggestion("first", first="lung", second="II"))
    add_suggestion(program_in(session), 2, suggestion("first", first="breast"))
    add_suggestion(program_in(session), 2, suggestion("second", first="breast cancer"))
    decide(session, 1, 0, values=extraction(first="lung", second="III"), suggestion_id=number)
    decide(session, 4, 0, by="bob", status="flagged")
    save_draft(person_in(session, "bob"), note_id=5, extraction=GOLD, seen_revision=0)
    return session


def test_filters(worked_on: Session) -> None:
    assert ids(worked_on) == [1, 2, 3, 4, 5, 6]
    assert ids(worked_on, state="todo") == [2, 3, 6]
    assert ids(worked_on, origin="original") == [6]
    assert ids(worked_on, state="todo", origin="incoming") == [2, 3]
    assert ids(worked_on, reviewer="bob") == [4, 5]
    assert ids(worked_on, reviewer="nobody") == []
    assert ids(worked_on, reviewer="bob", state="draft", text="skin") == [5]
    assert ids(worked_on, offset=2, limit=2) == [3, 4]


def test_words(worked_on: Session) -> None:
    assert ids(worked_on, text="tumour") == [1, 2]
    assert ids(worked_on, text="TUMOUR lung") == [1]
    assert ids(worked_on, text="tum") == [1, 2]
    assert ids(worked_on, text="tu") == []
    assert ids(worked_on, text="case/3") == [4]
    assert ids(worked_on, text='"lung" OR -breast') == []
    assert ids(worked_on, text="  ") == [1, 2, 3, 4, 5, 6]


def test_orders(worked_on: Session) -> None:
    assert ids(worked_on, order="newest", limit=2) == [6, 5]
    assert ids(worked_on, order="updated", limit=3) == [5, 4, 1]
    assert ids(worked_on, order="confidence", limit=3) == [1, 2, 3]
    assert ids(worked_on, order="updated", text="tumour", limit=9) == [1, 2]


@pytest.mark.parametrize("wrong", [{"order": "sideways"}, {"state": "done"}])
def test_unknown_choices_are_said(session: Session, wrong: dict[str, Any]) -> None:
    with pytest.raises(StoreError, match=r"Expected one of .* found"):
        search_notes(session, **wrong)


def test_a_line_of_the_queue(worked_on: Session) -> None:
    first, second, third, fourth, *_ = search_notes(worked_on)
    assert (first.external_id, first.state, first.preview) == ("case/0", "submitted", "Lung tumour, TNM pT2")
    assert (first.adapter, first.min_confidence, first.n_changed, first.reviewer) == ("first", 0.25, 1, "ada")
    assert (second.adapter, second.n_changed, second.reviewer) == (
        "first",
        None,
        None,
    )  # the active one's, not the newest
    assert third.preview.startswith("Nothing found xxx")
    assert len(third.preview) == 120
    assert (fourth.adapter, fourth.n_changed, fourth.reviewer) == (None, None, "bob")


def test_counts(worked_on: Session) -> None:
    found = counts(worked_on)
    assert (found.n_notes, found.n_incoming, found.n_originals) == (6, 5, 1)
    assert (found.n_todo, found.n_draft, found.n_submitted, found.n_skipped, found.n_flagged) == (2, 1, 1, 0, 1)
    assert found.n_prefilled == 2
    held_out = sa.select(sa.func.count()).select_from(tables.note).where(tables.note.c.split == "holdout")
    assert found.n_holdout == worked_on.execute(held_out).scalar_one()


@settings(max_examples=300, suppress_health_check=list(HealthCheck))
@given(text=st.text(max_size=30) | st.text(alphabet="\"'*^:-+(){}ANDORNOT ~\0", max_size=20))
def test_whatever_is_searched_for_is_no_error(large: Store, text: str) -> None:
    with large.reading() as session:
        search_notes(session, text=text, limit=1)
