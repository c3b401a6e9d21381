"""The notes that come with caseloop: they vote while they are alone, stand aside after, and go without a trace."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from app.core.desk import Desk, load_samples
from app.core.errors import DeskError
from app.core.settings import load_settings, prepare_home
from app.exporting.choice import Choice, count_records, mention_samples
from app.screens.training.material import material_html
from app.training.requests import TrainOptions, request_run
from data.notes import Note, read_notes
from data.synthetic.sets.shipped import LABELLED, UNLABELLED, sample_notes
from data.task import Field
from db.notes.notes import add_notes, find_note, get_note, next_notes
from db.notes.queue.search import Filters, count_found, counts, search_notes
from db.notes.samples import remove_samples, removed_up_to, samples_of
from db.notes.suggestions import add_suggestion, count_without
from db.notes.used_values import used_values
from db.people.audit import entries, verify
from db.review.drafts import save_draft
from db.review.figures.statistics import outcomes
from db.review.reviewed import acceptance, holdout_rows, holdout_texts, training_rows
from db.schema.errors import StoreError, UnknownNote
from db.store.store import Session, Store, open_store
from tests.kit.desk.empty_stores import migrations_before
from tests.kit.desk.permits import person_in, program_in
from tests.kit.desk.stores import FIRST, TASK, decide, extraction, note, store, suggestion
from tests.kit.homes import Home

__all__ = ["store"]

N_LABELLED, N_UNLABELLED = 400, 72


LATER = {  # columns that came after the samples
    "suggestion": ("times_longest REAL", "legibility REAL"),
    "note": (
        "source TEXT NOT NULL DEFAULT ''",
        "import_id INTEGER",
        "supersedes_id INTEGER",
        "is_superseded INTEGER NOT NULL DEFAULT 0",
    ),
}


@pytest.fixture
def session(store: Store) -> Iterator[Session]:
    """A transaction on a store that holds the samples only."""
    with store.transaction() as opened:
        add_notes(program_in(opened), sample_notes(TASK))
        yield opened


def n_voting(session: Session) -> tuple[int, int]:
    return len(list(training_rows(session, TASK))), len(list(holdout_rows(session, TASK)))


def test_alone_they_are_a_whole_desk(session: Session) -> None:
    figures = counts(session)
    assert (figures.n_samples, figures.n_originals, figures.n_incoming) == (472, N_LABELLED, N_UNLABELLED)
    assert figures.n_todo == len(next_notes(session, limit=500)) == count_without(session, "any") == N_UNLABELLED
    assert n_voting(session) == (300, 100)
    assert used_values(session, FIRST)
    found = {
        origin: count_found(session, Filters(origin=origin)).n_notes for origin in ("incoming", "original", "sample")
    }
    assert found == {"incoming": N_UNLABELLED, "original": 0, "sample": 472}
    assert count_found(session, Filters(origin="sample")).n_untouched == N_UNLABELLED
    assert {row.origin for row in search_notes(session, origin="incoming")} == {"sample"}


def test_a_reviewed_sample_is_still_a_sample(session: Session) -> None:
    first, second = next_notes(session, limit=2)
    add_suggestion(program_in(session), first, suggestion())
    decide(session, first, 0, suggestion_id=1)
    assert sum(n_voting(session)) == 401
    assert acceptance(session, TASK)
    assert count_records(session, Choice()) == 1
    assert "synthetic sample" in mention_samples(session, Choice())
    real = add_notes(program_in(session), [note(1)]).note_ids[0]
    decide(session, real, 0)
    decide(session, second, 0)
    assert get_note(session, first).origin == "sample"
    assert sum(n_voting(session)) == 1
    assert not acceptance(session, TASK)
    assert not outcomes(session)
    assert count_records(session, Choice()) == 1
    assert mention_samples(session, Choice()) == "2 reviewed notes of the synthetic samples left out."
    assert count_records(session, Choice(with_samples=True)) == 3


@pytest.mark.parametrize("kind", ["original", "reviewed", "labelled late"])
def test_they_stand_aside_once_a_real_note_is_labelled(session: Session, kind: str) -> None:
    plain = note(1)
    number = add_notes(program_in(session), [plain]).note_ids[0]
    assert sum(n_voting(session)) == 400  # a note without labels is no reason
    decide(session, number, 0, status="flagged")
    assert sum(n_voting(session)) == 400
    assert len(list(holdout_texts(session))) >= 100
    if kind == "original":
        add_notes(program_in(session), [note(2, gold=extraction(first="lung"))])
    elif kind == "reviewed":
        decide(session, number, 1)
    else:
        later = add_notes(program_in(session), [note(3)]).note_ids[0]
        save_draft(person_in(session, "ada"), note_id=later, extraction=extraction(first="x"), seen_revision=0)
        add_notes(program_in(session), [note(3, gold=extraction(first="lung"))])
    assert sum(n_voting(session)) == 1
    assert len(list(holdout_texts(session))) <= 3
    assert [value for value, _ in used_values(session, FIRST)] in (["lung"], ["decided"], [])
    assert not samples_of(session).is_voting


def test_labels_that_come_late_leave_a_sample_a_sample(session: Session) -> None:
    number = next_notes(session, limit=1)[0]
    sample = get_note(session, number)
    add_notes(program_in(session), [note(0, text=sample.text, gold=extraction(first="lung"))])
    assert get_note(session, number).origin == "sample"
    assert number not in next_notes(session, limit=500)
    assert sum(n_voting(session)) == 401


def test_they_go_whole_and_nothing_else_goes(store: Store) -> None:
    with store.transaction() as session:
        real = add_notes(program_in(session), [note(1, text="A distinctive melanoma of the calf.")]).note_ids[0]
        add_notes(program_in(session), sample_notes(TASK))
        add_suggestion(program_in(session), real, suggestion())
        decide(session, real, 0, suggestion_id=1)
        first, second = next_notes(session, limit=2)
        add_suggestion(program_in(session), first, suggestion())
        decide(session, first, 0, suggestion_id=2)
        save_draft(person_in(session, "ada"), note_id=second, extraction=extraction(first="x"), seen_revision=0)
        found = samples_of(session)
        assert found.told == "472 sample notes with 1 review and 1 draft"
        with pytest.raises(StoreError, match="Nothing was removed"):
            remove_samples(person_in(session, "ada"), seen=replace(found, n_decided=0))
        text = get_note(session, first).text
        word = max(text.split(), key=len).strip(".,;()")
        assert search_notes(session, text=word)
    with store.transaction() as session:
        remove_samples(person_in(session, "ada"), seen=found)
    with store.reading() as session:
        assert counts(session).n_notes == 1
        assert get_note(session, real).state == "submitted"
        assert search_notes(session, text="distinctive melanoma")
        assert not search_notes(session, text=word)
        for table in ("note_text", "suggestion", "annotation", "draft", "trial", "claim"):
            left = session.execute(sa.text(f"SELECT count(*) FROM {table} WHERE note_id <> {real}")).scalar_one()
            assert left == 0, table
        assert entries(session)[0].action == "removed the samples"
        assert entries(session)[0].detail["n_decided"] == 1
        assert verify(session).is_sound
    with store.transaction() as session:
        # A page that is open on a sample must not save to another note.
        assert add_notes(program_in(session), [note(2)]).note_ids[0] > removed_up_to(session) >= first
        with pytest.raises(UnknownNote):
            decide(session, first, 1)


@pytest.mark.parametrize("statement", ["DELETE FROM annotation", "DELETE FROM suggestion"])
def test_only_rows_about_samples_can_be_deleted(store: Store, statement: str) -> None:
    with store.transaction() as session:
        number = add_notes(program_in(session), [note(1)]).note_ids[0]
        add_suggestion(program_in(session), number, suggestion())
        decide(session, number, 0)
    with pytest.raises((StoreError, sa.exc.IntegrityError), match="never changed"), store.transaction() as session:
        session.execute(sa.text(statement))
    with pytest.raises((StoreError, sa.exc.IntegrityError), match="become a sample"), store.transaction() as session:
        session.execute(sa.text("UPDATE note SET origin = 'sample'"))


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_an_older_store_knows_its_samples_by_their_texts(
    database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    where: Path | str = tmp_path / "store.db"
    if database == "postgres":
        where = request.getfixturevalue("database_url")
        with psycopg.connect(where, autocommit=True) as connection:  # the fixture's is up to date
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
    labelled = [one for one in read_notes(LABELLED, TASK, original=True) if isinstance(one, Note)]
    incoming = [one for one in read_notes(UNLABELLED, TASK, original=False) if isinstance(one, Note)]
    # As a sample is called, and nearly as it reads: a real note all the same.
    lookalike = note(1, text=incoming[0].text + " Seen again.", external_id=incoming[0].external_id)
    later = [(table, column) for table, columns in LATER.items() for column in columns]
    folder = migrations_before("0009", tmp_path / "older")
    with open_store(where, migrations_folder=folder) as old, old.transaction() as session:
        for table, column in later:  # as today's code writes it
            session.execute(sa.text(f"ALTER TABLE {table} ADD COLUMN {column}"))
        session.execute(sa.text("CREATE TABLE deleted_note (note_id INTEGER)"))
        add_notes(program_in(session), [lookalike, *labelled, *(replace(one, external_id=None) for one in incoming)])
        reviewed = next_notes(session, limit=3)[2]
        add_suggestion(program_in(session), reviewed, suggestion())
        decide(session, reviewed, 0, suggestion_id=1)
        before = get_note(session, reviewed)
        rows = session.execute(sa.text("SELECT id, state, revision, updated_at FROM note ORDER BY id")).all()
        for table, column in later:
            session.execute(sa.text(f"ALTER TABLE {table} DROP COLUMN {column.split()[0]}"))
        session.execute(sa.text("DELETE FROM setting"))
        session.execute(sa.text("DROP TABLE deleted_note"))
    with open_store(where) as store, store.transaction() as session:
        assert counts(session).n_samples == 472
        assert get_note(session, 1).origin == "incoming"
        assert get_note(session, reviewed) == replace(before, origin="sample")
        after = session.execute(sa.text("SELECT id, state, revision, updated_at FROM note ORDER BY id")).all()
        assert rows == after
        assert search_notes(session, text=incoming[1].text[:40])
        assert len(next_notes(session, limit=500)) == 72
        assert remove_samples(person_in(session, "local")).n_decided == 1
        assert counts(session).n_notes == 1


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    settings = load_settings({"CASELOOP_HOME": str(tmp_path / "home")})
    prepare_home(settings)
    with open_store(settings.place) as store:
        yield Desk(settings, TASK, store)


def test_they_are_loaded_for_the_task_and_the_model_that_they_fit(desk: Desk) -> None:
    chest = TASK.model_copy(update={"name": "chest", "fields": (*TASK.fields[:-1], chest_field())})
    more = TASK.model_copy(update={"fields": (*TASK.fields, chest_field())})
    same = TASK.model_copy(update={"name": "chest"})
    assert [load_samples(replace(desk, task=task)) for task in (chest, more, same)] == [0, 0, 0]
    named = replace(desk.settings, base="/models/large", adapter="/models/adapter")
    assert load_samples(replace(desk, settings=named)) == 0
    assert load_samples(desk) == 472
    with desk.store.transaction() as session:
        remove_samples(person_in(session, "local"))
    assert load_samples(desk) == 0  # somebody did not want them


def chest_field() -> Field:
    return TASK.fields[0].model_copy(update={"key": "modality", "hotkey": "8"})


def test_the_train_screen_says_what_they_count_for(desk: Desk) -> None:
    load_samples(desk)
    assert "until the first real note is labelled" in material_html(desk)
    assert "300 originals" in material_html(desk)
    assert "caseloop demo" in material_html(desk)
    with desk.store.transaction() as session:
        decide(session, add_notes(program_in(session), [note(1)]).note_ids[0], 0)
    said = material_html(desk)
    assert "0 originals" in said
    assert "They no longer count" in said
    with pytest.raises(DeskError, match="found only samples, which no longer count"):
        request_run(desk.store, TrainOptions(), "local")


def test_the_command_asks_and_tells(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with home.desk() as desk:
        load_samples(desk)
        with desk.store.transaction() as session:
            decide(session, next_notes(session, limit=1)[0], 0)
            decide(session, add_notes(program_in(session), [note(1)]).note_ids[0], 0)
    asked = home.run("samples", "remove")
    assert asked.returncode == 2
    assert "472 sample notes with 1 review" in asked.stderr
    out = tmp_path / "out.jsonl"
    done = home.run("export", str(out))
    assert "1 reviewed note of the synthetic samples left out" in done.stderr
    assert len(out.read_text().splitlines()) == 1
    home.ok("export", str(out), "--with-samples")
    assert len(out.read_text().splitlines()) == 2
    assert json.loads(home.ok("samples", "show", "--json"))["n_decided"] == 1
    assert json.loads(home.ok("samples", "remove", "--yes", "--json")) == {"removed": 472, "reviews": 1, "drafts": 0}
    assert home.json("status")["counts"]["n_samples"] == 0
    with home.desk() as desk, desk.store.reading() as session:
        assert find_note(session, note(1).content_hash) is not None
        assert entries(session)[0].who == "command line"
