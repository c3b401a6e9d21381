"""The audit trail: what is done is in it, nobody changes it unseen, and no note's text ever gets in."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from db.people.acting import require
from db.people.audit import START, entries, record, verify
from db.people.settings import put_setting
from db.review.decisions import reopen
from db.schema.dialects import is_postgres
from db.schema.errors import StoreError
from db.store.store import Session, Store
from db.training.adapters import activate, register_adapter
from tests.kit.desk.permits import person_in, program_in
from tests.kit.desk.stores import adapter, add, decide, empty_session, store

__all__ = ["empty_session", "store"]


def test_what_is_done_is_in_the_trail_newest_first(empty_session: Session) -> None:
    (note,) = add(empty_session, 1)
    decide(empty_session, note, 0, by="ada", comment="a secret")
    reopen(person_in(empty_session, "ben"), note_id=note, seen_revision=1, token="taken-back")
    register_adapter(program_in(empty_session), adapter("second"))
    activate(person_in(empty_session, "cem"), "second", reason="better")
    put_setting(person_in(empty_session, "cem"), "rules", {"confirm": "all"})
    done = [(row.who, row.action, row.subject) for row in entries(empty_session)]
    assert done == [
        ("cem", "changed a setting", "rules"),
        ("cem", "activated", "adapter second"),
        ("ben", "reopened", f"note {note}"),
        ("ada", "submitted", f"note {note}"),
        ("caseloop", "imported", ""),
    ]
    assert [row.who for row in entries(empty_session, subject=f"note {note}")] == ["ben", "ada"]
    assert [row.id for row in entries(empty_session, before=3, limit=1)] == [2]
    assert "secret" not in str(entries(empty_session))


def test_an_entry_is_kept_with_what_it_tells_of_or_not_at_all(store: Store) -> None:
    def fail() -> None:
        with store.transaction() as session:
            (note,) = add(session, 1)
            decide(session, note, 0)
            raise StoreError("of my own")

    with pytest.raises(StoreError, match="of my own"):
        fail()
    with store.reading() as session:
        assert entries(session) == []


def _fill(store: Store, n: int = 5) -> str:
    with store.transaction() as session:
        for number in range(n):
            record(session, "ada", "did something", f"note {number}", number=number, word="é 𝔘")
    with store.reading() as session:
        return entries(session)[0].hash


def test_a_trail_as_it_was_written_holds(store: Store) -> None:
    with store.reading() as session:
        assert (verify(session).is_sound, verify(session).head) == (True, START)
    head = _fill(store)
    with store.reading() as session:
        found = verify(session, head)
    assert (found.is_sound, found.n_entries, found.head) == (True, 5, head)


TAMPERING = {
    "a changed word": ("UPDATE audit SET who = 'ben' WHERE id = 3", 3),
    "a changed detail": ("""UPDATE audit SET detail = '{"number": 9}' WHERE id = 2""", 2),
    "a changed time": ("UPDATE audit SET at = '2026-01-01T00:00:00.000000Z' WHERE id = 4", 4),
    "one taken out": ("DELETE FROM audit WHERE id = 2", 2),
    "two swapped": ("UPDATE audit SET id = CASE id WHEN 2 THEN 30 ELSE id END", 2),
    "one put in": (
        "INSERT INTO audit SELECT 6, at, who, action, subject, detail, replace(hash, 'a', 'b') FROM audit WHERE id = 1",
        6,
    ),
}


@pytest.mark.parametrize("tampering", TAMPERING)
def test_whoever_gets_round_the_rules_is_found_out(store: Store, tampering: str) -> None:
    statement, at = TAMPERING[tampering]
    _fill(store)
    with store.transaction() as session:
        for rule in ("audit_no_update", "audit_no_delete"):
            session.execute(sa.text(f"DROP TRIGGER {rule} {'ON audit' if is_postgres(session) else ''}"))
        session.execute(sa.text(statement))
    with store.reading() as session:
        found = verify(session)
    assert (found.is_sound, found.broken_at, found.n_entries) == (False, at, at - 1)


def test_an_end_that_was_cut_off_shows_against_a_hash_that_was_noted(store: Store) -> None:
    head = _fill(store)
    with store.transaction() as session:
        session.execute(sa.text(f"DROP TRIGGER audit_no_delete {'ON audit' if is_postgres(session) else ''}"))
        session.execute(sa.text("DELETE FROM audit WHERE id > 3"))
    with store.reading() as session:
        assert verify(session).is_sound  # by itself a shorter trail is a trail
        found = verify(session, head)
    assert (found.is_sound, found.has_known) == (False, False)


@pytest.mark.parametrize("statement", ["UPDATE audit SET who = 'ben'", "DELETE FROM audit"])
def test_the_store_itself_refuses_to_change_an_entry(store: Store, statement: str) -> None:
    _fill(store)
    with pytest.raises(StoreError, match="never changed"), store.transaction() as session:
        session.execute(sa.text(statement))


def test_a_role_is_asked_for_only_where_people_sign_in(empty_session: Session) -> None:
    for action in ("review", "export", "decide about people"):
        require(empty_session, "whoever", action)  # type: ignore[arg-type]
