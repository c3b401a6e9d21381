"""What came with the notes: kept, searched, filtered and sorted by, the same in both databases."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa

from data.notes import make_note
from db.notes.notes import add_notes
from db.notes.queue.metadata import Condition, metadata_names, read_condition
from db.notes.queue.queue_view import Walk, next_in_walk
from db.notes.queue.search import Filters, search_notes
from db.notes.samples import remove_samples
from db.schema.errors import StoreError
from tests.kit.desk.permits import person_in, program_in
from tests.kit.desk.stores import TASK, file_store, store

__all__ = ["file_store", "store"]

NOTES = {
    "a": {"ward": "10", "urgent": True, "age": 61, "deep": {"inner": ["nested words"]}, 'o"dd': "q", "note.no": 7.5},
    "b": {"ward": "9", "seen": "2026-02-01", "ÄRZTIN": "Müller-Größe"},
    "c": {"ward": "3B", "seen": "2026-01-31", "age": 7},
    "d": {},
}


@pytest.fixture
def filled(store):
    notes = [
        make_note(TASK, f"A case of the lung, number {name}.", external_id=name, metadata=metadata)
        for name, metadata in NOTES.items()
    ]
    with store.transaction() as session:
        add_notes(program_in(session), notes[:2])
        add_notes(program_in(session), notes[2:])
    return store


def found(store, **asked):
    order = asked.pop("order", "imported")
    with store.reading() as session:
        return "".join(row.external_id for row in search_notes(session, Filters(**asked), order=order))


def test_names_are_kept_in_the_order_in_which_they_came(filled):
    with filled.reading() as session:
        assert metadata_names(session) == [
            "ward", "urgent", "age", "deep", 'o"dd', "note.no", "seen", "ÄRZTIN",
        ]  # fmt: skip


CONDITIONS = {
    "ward = 10": "a",
    "ward == 10": "a",
    "ward != 10": "bcd",
    "urgent = true": "a",
    "urgent = 1": "",
    "age = 61": "a",
    "note.no = 7.5": "a",
    "deep contains NESTED": "a",
    'o"dd = q': "a",
    "ward present": "abc",
    "ward absent": "d",
    "ÄRZTIN contains gRÖßE": "b",
    "ward contains %": "",
    "ward contains b": "c",
    "nothing = x": "",
    "seen contains 2026": "bc",
}


def test_a_condition_finds_its_notes(filled):
    assert {one: found(filled, metadata=(read_condition(one),)) for one in CONDITIONS} == CONDITIONS


def test_all_conditions_hold_at_once_and_with_other_filters(filled):
    both = (Condition("ward", "present"), Condition("age", "present"))
    assert found(filled, metadata=both) == "ac"
    assert found(filled, metadata=both, text="number c") == "c"


@pytest.mark.parametrize("written", ["", "ward", "= 3", "ward is", "present", "age >= 50", "age<=50", "ward ~= 3"])
def test_what_is_no_condition_is_refused(written):
    with pytest.raises(StoreError, match="NAME = VALUE"):
        read_condition(written)


def test_a_condition_comes_back_from_a_saved_filter():
    filters = Filters(text="x", metadata=(Condition("ward", "is not", "3"),))
    assert Filters.from_json(filters.to_json()) == filters
    assert "metadata" not in Filters().to_json()


ORDERS = {
    "meta.ward": "cbad",  # by their numbers, not by their first characters; what lacks it comes last
    "-meta.ward": "abcd",
    "meta.seen": "cbad",
    "-meta.age": "acbd",
    'meta.o"dd': "abcd",
    "meta.nothing": "abcd",
}


def test_notes_are_sorted_by_a_column(filled):
    assert {order: found(filled, order=order) for order in ORDERS} == ORDERS
    assert {order: found(filled, order=order, text="lung") for order in ORDERS} == ORDERS


def test_a_walk_follows_such_an_order(filled):
    walk, at, names = Walk(order="meta.ward"), None, []
    for _ in range(4):
        with filled.reading() as session:
            (at,) = next_in_walk(session, walk, "ann", after=at)
        names.append(at)
    assert names == [3, 2, 1, 4]


@pytest.mark.parametrize("order", ["meta.", "ward", "-ward", "meta.a\0b"])
def test_another_order_is_refused(order):
    with pytest.raises(StoreError, match="orders"):
        Walk(order=order)


WORDS = {"nested": "a", "61": "a", "2026-01-31": "c", "muller": "b", "lung 9": "b", "inner": "", "ward": ""}


def test_words_of_metadata_are_found_but_not_its_names(filled):
    assert {words: found(filled, text=words) for words in WORDS} == WORDS


def test_metadata_that_changes_is_found_by_its_new_words_only(filled):
    with filled.transaction() as session:
        session.execute(sa.text("UPDATE note SET metadata = :new WHERE id = 2"), {"new": '{"ward": "hematology"}'})
    assert found(filled, text="hematology") == "b"
    assert found(filled, text="muller") == ""
    assert found(filled, text="lung number b") == "b"


def test_the_index_can_be_made_again_from_the_notes(file_store):
    """Of what it is made from nothing is missing, and nothing stays of a note that is taken out."""
    one = make_note(TASK, "A sample of the lung.", external_id="s", metadata=NOTES["a"])
    with file_store.transaction() as session:
        add_notes(program_in(session), [replace(one, origin="sample")])
        for command in ("'rebuild'", "'integrity-check'"):
            session.execute(sa.text(f"INSERT INTO note_search (note_search, rank) VALUES ({command}, 1)"))
    assert found(file_store, text="nested") == "s"
    with file_store.transaction() as session:
        remove_samples(person_in(session, "tests"))
        session.execute(sa.text("INSERT INTO note_search (note_search, rank) VALUES ('integrity-check', 1)"))
        assert session.execute(sa.text("SELECT count(*) FROM note_search_metadata")).scalar_one() == 0
    assert found(file_store, text="nested") == ""


SPELT = {
    "Die Größe beträgt 3 cm.": ["Grosse", "größe", "GROSSE betragt"],
    "Massive Grosszellen.": ["großzellen", "massive"],
    "患者に胃癌が認められた。": ["癌", "胃癌", "認め"],
    "Receptors: ER+, HER2+ in 30 %.": ["HER2+", "her2+", "ER+"],
    "Receptors: HER2 negative, Ki-67 <1%.": ["<1%", "HER2 negative"],
}
ABSENT = ["HER2+ negative", "癌 Grosse", "肺癌", ">1%", "Groesse"]


def test_words_are_found_in_other_spellings_and_with_their_signs(store):
    with store.transaction() as session:
        add_notes(program_in(session), [make_note(TASK, text) for text in SPELT])
    with store.reading() as session:
        for number, (text, asked) in enumerate(SPELT.items(), 1):
            for words in asked:
                assert [row.id for row in search_notes(session, text=words)] == [number], (text, words)
        assert [words for words in ABSENT if search_notes(session, text=words)] == []
        assert len(search_notes(session, text="HER2")) == 2
