"""Taking a decision back: the note waits again, nothing decided is lost, and the history tells it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from data.corrections import field_states
from db import migrations
from db.notes.notes import next_note
from db.notes.queue.search import counts
from db.notes.suggestions import add_suggestion
from db.review.decisions import open_review, reopen
from db.review.reviewed import history, read_reviewed_rows, training_rows
from db.review.revisions import Conflict
from db.schema.errors import StoreError
from db.store.store import Store, open_store
from tests.kit.desk.permits import person_in, program_in
from tests.kit.desk.stores import (
    FIRST,
    SECOND,
    TASK,
    add,
    decide,
    empty_session,
    extraction,
    file_store,
    store,
    suggestion,
)

__all__ = ["empty_session", "file_store", "store"]


@pytest.fixture
def session(empty_session: Session) -> Session:
    add(empty_session, 3)
    return empty_session


def test_a_decision_taken_back_waits_again_as_a_draft(session: Session) -> None:
    number = add_suggestion(program_in(session), 1, suggestion(first="machine"))
    decide(session, 1, 0, suggestion_id=number, settled=[FIRST], comment="why", lead_time_ms=9)
    undone = reopen(person_in(session, "ada"), note_id=1, seen_revision=1, token="undo-1")
    assert (undone.revision, undone.repeated) == (2, False)
    assert [row.status for row in history(session, 1)] == ["reopened", "submitted"]
    review = open_review(session, 1, "ada")
    assert (review.note.state, review.revision) == ("draft", 2)
    assert review.draft is not None
    assert review.draft.extraction == dict(extraction(first="decided"))
    assert (review.draft.settled, review.draft.comment, review.draft.suggestion_id) == ([FIRST], "why", number)
    figures = counts(session)
    assert (figures.n_submitted, figures.n_draft) == (0, 1)
    assert next_note(session) == 1
    assert list(read_reviewed_rows(session)) == []
    assert list(training_rows(session, TASK)) == []
    decide(session, 1, 2, values=extraction(first="other"))
    assert [row.status for row in history(session, 1)] == ["submitted", "reopened", "submitted"]


def test_taking_back_is_guarded_like_a_save(session: Session) -> None:
    with pytest.raises(Conflict):
        reopen(person_in(session, "ada"), note_id=1, seen_revision=0, token="undo-1")
    decide(session, 1, 0, by="ben")
    with pytest.raises(Conflict):
        reopen(person_in(session, "ada"), note_id=1, seen_revision=0, token="undo-1")
    reopen(person_in(session, "ada"), note_id=1, seen_revision=1, token="undo-1")
    assert reopen(person_in(session, "ada"), note_id=1, seen_revision=1, token="undo-1").repeated
    with pytest.raises(Conflict):
        reopen(person_in(session, "ada"), note_id=1, seen_revision=2, token="undo-2")
    decide(session, 2, 0)
    with pytest.raises(StoreError, match="token was already used"):
        reopen(person_in(session, "ada"), note_id=2, seen_revision=1, token="undo-1")


def test_a_note_knows_how_doubtful_its_suggestion_is_and_how_much_was_changed(session: Session) -> None:
    def row() -> tuple[float | None, int | None, int | None]:
        return tuple(session.execute(sa.text("SELECT doubt, n_not_found, n_changed FROM note WHERE id = 1")).one())

    assert row() == (None, None, None)
    number = add_suggestion(program_in(session), 1, suggestion(first="machine"))
    assert row() == (pytest.approx(0.85), 1, None)
    decide(session, 1, 0, values=extraction(first="decided", second="III"), suggestion_id=number)
    assert row()[2] == 2
    reopen(person_in(session, "ada"), note_id=1, seen_revision=1, token="undo-1")
    assert row()[2] is None


def test_states_of_fields_follow_from_what_was_settled() -> None:
    started, decided = extraction(first="lung", second="IV"), extraction(first="lung", second=None)
    states = field_states(TASK, started, decided, [FIRST, SECOND])
    assert (states[FIRST], states[SECOND]) == ("confirmed", "cleared")
    assert {states[key] for key in TASK.keys[2:]} == {"untouched"}
    assert field_states(TASK, None, decided, [FIRST])[FIRST] == "corrected"


def test_decisions_of_the_version_before_are_moved_whole(tmp_path: Path) -> None:
    folder, path = tmp_path / "third", tmp_path / "old.db"
    (folder / "versions").mkdir(parents=True)
    for file in sorted((migrations.FOLDER / "versions").glob("000[123]_*.py")):
        shutil.copy(file, folder / "versions")
    with open_store(path, migrations_folder=folder) as old, old.transaction() as session:
        session.execute(sa.text(OLD_NOTE))
        session.execute(sa.text("INSERT INTO note_text VALUES (7, 'Report of a left lung mass.')"))
        session.execute(sa.text("INSERT INTO reviewer VALUES (1, 'ada', 'admin', '2026-01-01T00:00:00.000000Z')"))
        session.execute(sa.text(OLD_SUGGESTION), {"values": '{"stage": "IV", "response": null}'})
        session.execute(sa.text(OLD_ANNOTATION), {"values": '{"stage": "III", "response": null}'})
    with open_store(path) as upgraded, upgraded.transaction() as session:
        [row] = history(session, 7)
        assert (row.id, row.extraction["stage"], row.settled, row.status) == (5, "III", [], "submitted")
        assert session.execute(sa.text("SELECT doubt, n_not_found, n_changed FROM note")).one() == (0.75, 1, 1)
        found = session.execute(sa.text("SELECT rowid FROM note_search WHERE note_search MATCH 'lung'")).scalars()
        assert list(found) == [7]
        for statement in ("UPDATE annotation SET comment = 'x'", "DELETE FROM annotation"):
            with pytest.raises(sa.exc.IntegrityError, match="never changed"), session.begin_nested():
                session.execute(sa.text(statement))
        with pytest.raises(sa.exc.IntegrityError, match="never changes"), session.begin_nested():
            session.execute(sa.text("UPDATE note SET split = 'holdout'"))
        assert reopen(person_in(session, "ada"), note_id=7, seen_revision=1, token="undo").revision == 2


OLD_NOTE = """INSERT INTO note (id, content_hash, external_id, split, origin, metadata, state, revision, suggested_by,
    is_suggested, min_confidence, added_at, updated_at)
VALUES (7, 'h', 'x-7', 'train', 'incoming', '{}', 'submitted', 1, 'first', 1, 0.25, '2026-01-01T00:00:00.000000Z',
    '2026-01-01T00:00:00.000000Z')"""
OLD_SUGGESTION = """INSERT INTO suggestion (id, note_id, adapter, prompt_version, extraction, confidence,
    min_confidence, evidence, alternatives, raw_reply, latency_ms, created_at, raw_confidence, grounding)
VALUES (3, 7, 'first', 1, :values, '{"stage": 0.25}', 0.25, '{}', '{}', '', 1, '2026-01-01T00:00:00.000000Z', '{}',
    '{"stage": "not_found", "response": "exact"}')"""
OLD_ANNOTATION = """INSERT INTO annotation VALUES (5, 7, 1, 1, 'submitted', :values, '', 3, 12, 'a-token',
    '2026-01-02T00:00:00.000000Z')"""


def test_the_store_after_the_move_is_as_a_new_one(file_store: Store) -> None:
    with file_store.reading() as session:
        names = session.execute(sa.text("SELECT name FROM sqlite_master WHERE name LIKE '%_new%'")).scalars().all()
    assert list(names) == []
