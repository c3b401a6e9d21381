"""A note that is deleted is gone: a word of it is looked for in every file of the home, and in every row and a dump."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.core.desk import Desk
from app.core.errors import DeskError
from app.core.settings import Settings, prepare_home
from app.importing.load import import_files
from app.operations.deleting import delete, finish_deletions
from app.operations.doctor import examine
from app.operations.run_files import ROWS_DELETED
from app.operations.undoing import undo_import
from app.training.material import learned_texts
from app.training.requests import run_directory, training_lock
from data.identity import text_hash
from data.notes import content_hash, split_of
from data.snapshot import Row, read_rows, write_rows
from db.notes.imports import list_imports
from db.notes.notes import add_notes, find_note, get_note, numbers_of
from db.notes.queue.search import Filters, search_notes
from db.notes.suggestions import add_suggestion
from db.people.acting import acting, as_program
from db.people.audit import entries, verify
from db.review.bulk import Many
from db.review.decisions import reopen
from db.review.drafts import save_draft
from db.review.lifecycle.deletion import TABLES, delete_notes, deletions
from db.review.offers import make_offer
from db.review.trials import begin_trial
from db.schema import tables
from db.schema.errors import NotAllowed, StoreError, StoreRefused
from db.store.store import open_store
from db.training.adapters import get_adapter, register_adapter
from db.training.runs import create_run, update_run
from tests.kit.desk.permits import person_in, program_in
from tests.kit.desk.postgres import programs
from tests.kit.desk.stores import DATABASES, FIRST, TASK, adapter, add, decide, extraction, note, suggestion
from tests.kit.homes import ROOT, Home, one_sentence
from tests.kit.people import add_people

CANARY = "zyqcanary"
TEXT = f"The {CANARY} sang in the cage. " + "Other words fill more than a page of the store. " * 300
REASON = "consent withdrawn"


@pytest.fixture(params=DATABASES)
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    """A desk with forty notes that stay."""
    where = request.getfixturevalue("database_url") if request.param == "postgres" else ""
    settings = Settings(home=tmp_path / "home", base="embedded", adapter="embedded", database=where)
    prepare_home(settings)
    with open_store(settings.place) as store:
        with store.transaction() as session:
            add(session, 40)
        yield Desk(settings, TASK, store)


def bring_canary(desk: Desk, folder: Path) -> int:
    """A note whose word goes wherever a note's words can go; its number."""
    file = folder / f"{CANARY}.txt"
    file.write_text(TEXT, encoding="utf-8")
    for _ in range(2):  # the second finds it there, and has the name of the file as well
        import_files(desk.store, TASK, [file])
    with desk.store.transaction() as session:
        (number,) = numbers_of(session, CANARY)
        values = extraction(first=f"{CANARY} value", second="II")
        said = suggestion(first=f"{CANARY} suggested")
        given = add_suggestion(program_in(session), number, said)
        session.execute(
            sa.text("UPDATE note SET metadata = :more WHERE id = :id"),
            {"id": number, "more": json.dumps({"ward": f"{CANARY} ward"})},
        )
        decide(session, number, 0, values=values, comment=f"{CANARY} comment", suggestion_id=given)
        make_offer(
            person_in(session, "ada"), field=FIRST, old_value=f"{CANARY} suggested", new_value="x", note_id=number
        )
        reopen(person_in(session, "ada"), note_id=number, seen_revision=1, token="again please")
        save_draft(
            person_in(session, "kim"), note_id=number, extraction=values, seen_revision=2, comment=f"{CANARY} draft"
        )
        begin_trial(person_in(session, "kim"), note_id=number, kind="seeded", field=FIRST, value=f"{CANARY} seed")
    assert desk.store.scrub()  # so that the words are in the file itself, and a server has taken samples of them
    bring_files(desk)
    return number


def bring_files(desk: Desk) -> None:
    """What runs, a killed import and an upgrade leave in the home."""
    mine = Row(TEXT, extraction(first=f"{CANARY} value"), "annotation", content_hash(TEXT))
    other = Row("Another note.", extraction(first="x"), "original", content_hash("Another note."))
    for number, status in ((1, "finished"), (2, "interrupted")):
        with as_program(desk.store) as program:
            run = create_run(person_in(program.session, "ada"), config={"mode": "full"})
            assert run.id == number
            update_run(program, number, status=status, adapter=f"run-000{number}" if number == 1 else None)
        directory = run_directory(desk.settings, number)
        (directory / "checkpoints" / "checkpoint-1").mkdir(parents=True)
        (directory / "checkpoints" / "checkpoint-1" / "optimizer.bin").write_text(f"state of {CANARY}")
        for name in ("snapshot.jsonl", "holdout.jsonl"):
            write_rows(TASK, [other, mine], directory / name)
        answers = [
            {"text_hash": text_hash(row.text), "gold": row.extraction.as_dict(), "new": row.extraction.as_dict()}
            for row in (mine, other)
        ]
        (directory / "predictions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in answers))
        (directory / "points" / "one").mkdir(parents=True)
        write_rows(TASK, [mine, other], directory / "points" / "one" / "snapshot.jsonl")
        (directory / "fresh.json").write_text(json.dumps([content_hash(TEXT), "0" * 64]))
        (directory / ".snapshot.jsonl.abc.tmp").write_text(TEXT)
    with as_program(desk.store) as program:
        register_adapter(program, adapter("run-0001", run_id=1))
    upload = desk.settings.home / "tmp" / "import-killed"
    upload.mkdir()
    (upload / "notes.txt").write_text(TEXT)
    if not desk.settings.database:
        for name in ("caseloop.db.before-0011", ".caseloop.db.before-0011.x"):
            (desk.settings.home / name).write_text(TEXT)


def found_in(desk: Desk, word: str = CANARY) -> list[str]:
    """Where a word is, in whatever case: files of the home; rows, statistics and a dump of a server's database."""
    files = [path for path in desk.settings.home.rglob("*") if path.is_file()]
    found = [str(path.relative_to(desk.settings.home)) for path in files if word.encode() in path.read_bytes().lower()]
    if not desk.settings.database:
        return found
    with desk.store.reading() as session:
        columns = session.execute(
            sa.text(
                "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema() "
                "UNION SELECT 'pg_stats', column_name FROM information_schema.columns WHERE table_name = 'pg_stats'"
            )
        ).all()
        for table, column in columns:
            query = f"SELECT count(*) FROM {table} WHERE lower({column}::text) LIKE :word"
            if session.execute(sa.text(query), {"word": f"%{word}%"}).scalar_one():
                found.append(f"{table}.{column}")
    tools = programs()
    assert tools is not None
    dump = subprocess.run([tools / "pg_dump", desk.settings.database], capture_output=True, check=True).stdout
    return [*found, *(["dump"] if word.encode() in dump.lower() else [])]


def require_gone(desk: Desk, number: int) -> None:
    assert found_in(desk) == []
    assert desk.store.problems() == []
    with desk.store.reading() as session:
        assert verify(session).is_sound
        assert deletions(session, unfinished=True) == []
        assert not deletions(session)[0].text_hashes
        assert len(search_notes(session)) == 40
        assert search_notes(session, Filters(text=CANARY)) == []
        with pytest.raises(StoreError, match="no note"):
            get_note(session, number)


def test_a_deleted_note_is_in_no_file_and_in_no_row(desk: Desk, tmp_path: Path) -> None:
    number = bring_canary(desk, tmp_path)
    before = found_in(desk)
    assert {"runs/run-0001/snapshot.jsonl", "tmp/import-killed/notes.txt"} <= set(before)
    assert {"note_text.text", "pg_stats.histogram_bounds"} <= set(before) or "caseloop.db" in before
    digest = (run_directory(desk.settings, 1) / "snapshot.jsonl").read_bytes()
    done = delete(desk, Many(ids=(number,)), by="lea", reason=REASON, expected=1)
    require_gone(desk, number)
    assert (done.n_notes, done.n_rows, done.adapters, done.why_unfinished) == (1, 8, ("run-0001",), "")
    finished, other = (run_directory(desk.settings, run) for run in (1, 2))
    assert [row.text for row in read_rows(TASK, finished / "snapshot.jsonl")] == ["Another note."]
    noted = json.loads((finished / ROWS_DELETED).read_text())
    assert noted["sha256_before"]["snapshot.jsonl"] == hashlib.sha256(digest).hexdigest()
    assert noted["deletions"] == {"1": dict.fromkeys(noted["deletions"]["1"], 1)}
    assert not (other / "holdout.jsonl").exists(), "a run that did not finish begins anew"
    assert json.loads((finished / "fresh.json").read_text()) == ["0" * 64]
    with desk.store.reading() as session:
        (told,) = [row for row in entries(session) if row.action == "deleted"]
        assert learned_texts(desk.settings, session, get_adapter(session, "run-0001")) == ["Another note."]
    assert (told.who, told.subject, told.detail["reason"]) == ("lea", f"note {number}", REASON)
    assert told.detail["ids"] == {str(number): told.detail["ids"][str(number)]}
    with desk.store.transaction() as session:
        assert add_notes(program_in(session), [note(99)]).note_ids == (number + 1,)


def test_the_last_notes_leave_nothing_either(desk: Desk) -> None:
    with desk.store.transaction() as session:
        lines = [note(n, text=f"{CANARY} {n} {'words ' * n}", external_id=f"{CANARY}-{n}") for n in range(100, 130)]
        add_notes(program_in(session), lines)
    assert desk.store.scrub()
    assert {"pg_stats.histogram_bounds"} <= set(found_in(desk)) or not desk.settings.database
    assert delete(desk, Many(), by="lea", reason=REASON).why_unfinished == ""
    assert found_in(desk) == []


def test_a_table_that_is_added_tomorrow_is_thought_of() -> None:
    about = {table for table in tables.metadata.tables.values() if "note_id" in table.c}
    assert about == set(TABLES) | {tables.deleted_note}


def test_undoing_an_import_leaves_what_somebody_worked_on(desk: Desk, tmp_path: Path) -> None:
    lines = [{"id": f"n-{n}", "text": f"{CANARY} number {n}."} for n in range(5)]
    file = tmp_path / "wrong.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    report = import_files(desk.store, TASK, [file], by="lea")
    with desk.store.transaction() as session:
        first, second, *_ = (numbers_of(session, f"n-{n}")[0] for n in range(5))
        decide(session, first, 0)
        save_draft(person_in(session, "kim"), note_id=second, extraction=extraction(first="x"), seen_revision=0)
    undone = undo_import(desk, report.number, by="lea", reason="wrong file")
    assert (undone.n_notes, undone.n_staying, undone.staying) == (3, 2, ("n-0", "n-1"))
    for n in range(2, 5):
        assert found_in(desk, f"{CANARY} number {n}") == []
    with desk.store.reading() as session:
        (row,) = list_imports(session)
    assert (row.files, row.n_added, row.n_here, row.undone_by) == (["wrong.jsonl"], 5, 2, "lea")
    assert undo_import(desk, report.number, by="kim", reason="once more").n_notes == 0
    with desk.store.reading() as session:
        assert list_imports(session)[0].undone_by == "lea"
    assert undo_import(desk, report.number, by="lea", reason="all of it", force=True).n_notes == 2
    assert found_in(desk) == []
    with pytest.raises(StoreError, match="no import 7"):
        undo_import(desk, 7, by="lea", reason="x")


POINTS = {
    "in the transaction": ("db.review.lifecycle.deletion", "_delete_rows"),
    "before the files": ("app.operations.deleting", "take_rows_out"),
    "between two files": ("app.operations.run_files", "write_whole"),
    "before the store's pages": ("db.store.store", "Store.scrub"),
    "before the end": ("app.operations.deleting", "finish_deletion"),
}
KILLED = """
import importlib, os, signal, sys
from pathlib import Path
from app.core.desk import Desk
from app.core.settings import Settings
from app.operations.deleting import delete
from data.task import load_task
from db.review.bulk import Many
from db.store.store import open_store
home, number, module, name, n = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4], int(sys.argv[5])
owner, _, name = (importlib.import_module(module), "", name) if "." not in name else (
    getattr(importlib.import_module(module), name.partition(".")[0]), "", name.partition(".")[2])
calls, real = [], getattr(owner, name)
def dying(*arguments, **settings):
    calls.append(1)
    if len(calls) == n:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments, **settings)
setattr(owner, name, dying)
settings = Settings(home=home, base="embedded", adapter="embedded")
with open_store(settings.place) as store:
    delete(Desk(settings, load_task(), store), Many(ids=(number,)), by="lea", reason="withdrawn")
"""


@pytest.mark.parametrize("desk", ["sqlite"], indirect=True)
@pytest.mark.parametrize("point", POINTS)
def test_killed_in_the_middle_it_is_not_begun_or_finished_by_the_next_start(
    desk: Desk, tmp_path: Path, point: str
) -> None:
    number, (module, name) = bring_canary(desk, tmp_path), POINTS[point]
    line = [sys.executable, "-c", KILLED, str(desk.settings.home), str(number), module, name]
    line.append("2" if point == "between two files" else "1")
    done = subprocess.run(line, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert done.returncode == -signal.SIGKILL
    is_begun = point != "in the transaction"
    with desk.store.reading() as session:
        assert bool(deletions(session, unfinished=True)) is is_begun
        assert (find_note(session, text_hash(TEXT)) is None) is is_begun
    said = {finding.name: finding.state for finding in examine(desk.settings)}
    assert said["deletions"] == ("warn" if is_begun else "ok")
    if not is_begun:
        assert finish_deletions(desk) == []
        delete(desk, Many(ids=(number,)), by="lea", reason=REASON)
    else:
        assert [one.adapters for one in finish_deletions(desk)] == [("run-0001",)]
    require_gone(desk, number)
    assert finish_deletions(desk) == []


@pytest.mark.parametrize("desk", ["sqlite"], indirect=True)
def test_imports_from_when_signs_did_not_count_are_named(desk: Desk) -> None:
    with as_program(desk.store) as program:
        program.record("imported")  # as they were told then, without figures
    said = {finding.name: finding for finding in examine(desk.settings)}
    assert said["merged notes"].state == "warn"
    assert "1 import up to" in said["merged notes"].said


@pytest.mark.parametrize("desk", ["sqlite"], indirect=True)
def test_what_is_not_to_be_deleted_is_not(desk: Desk) -> None:
    one = Many(ids=(1,))
    with pytest.raises(StoreError, match="needs a reason"):
        delete(desk, one, by="lea", reason="  ")
    with pytest.raises(StoreError, match="now 1 of these notes, not 2"):
        delete(desk, one, by="lea", reason=REASON, expected=2)
    assert delete(desk, Many(ids=(4711,)), by="lea", reason=REASON).n_notes == 0
    with training_lock(desk.settings), pytest.raises(DeskError, match="training run is under way"):
        delete(desk, one, by="lea", reason=REASON)
    add_people(desk.store, {"ann": "admin", "lea": "lead", "rev": "reviewer"})
    with pytest.raises(NotAllowed):
        delete(desk, one, by="rev", reason=REASON)
    with desk.store.reading() as session:
        assert len(search_notes(session)) == 40


def test_the_database_lets_nothing_go_but_by_the_door(desk: Desk) -> None:
    with desk.store.transaction() as session:
        given = add_suggestion(program_in(session), 1, suggestion(first="x"))
        decide(session, 1, 0, suggestion_id=given)
        session.execute(sa.text("UPDATE note SET external_id = 'named' WHERE id = 3"))
        assert [row.id for row in search_notes(session, Filters(text="named"))] == [3]
    for statement in (
        "DELETE FROM annotation",
        "DELETE FROM suggestion",
        "DELETE FROM note WHERE id = 2",
        "UPDATE note SET external_id = 'other' WHERE external_id IS NOT NULL",
        "UPDATE note SET source = 'other'",
    ):
        with pytest.raises(StoreRefused), desk.store.transaction() as session:
            session.execute(sa.text(statement))
    with acting(desk.store, "lea", "delete notes") as act:
        delete_notes(act, Many(ids=(1,)), REASON)
    with pytest.raises(StoreRefused), desk.store.transaction() as session:
        session.execute(sa.text("DELETE FROM deleted_note"))
    assert split_of(content_hash("Report number 2.")) in ("train", "holdout")


def test_the_commands_list_undo_and_delete(home: Home, tmp_path: Path) -> None:
    lines = [{"id": f"n-{n}", "text": f"Number {n} of the file."} for n in range(4)]
    file = tmp_path / "some.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    home.ok("import", str(file))
    (row,) = home.json("imports", "list")
    assert (row["files"], row["n_added"], row["brought_by"]) == (["some.jsonl"], 4, "command line")
    assert "some.jsonl  4 added, 0 known, 0 refused" in home.ok("imports", "list")
    asked = home.run("notes", "delete", "--id", "n-0", "--reason", "withdrawn")
    assert (asked.returncode, "1 note for good needs --yes" in one_sentence(asked.stderr)) == (2, True)
    for words, said in (
        (["--reason", "x"], "found none"),
        (["--id", "n-0", "--state", "todo", "--reason", "x"], "found both"),
        (["--id", "n-9", "--reason", "x"], "No note has the id 'n-9'"),
        (["--state", "done", "--reason", "x"], "Expected one of the states"),
    ):
        refused = home.run("notes", "delete", *words)
        assert (refused.returncode, said in one_sentence(refused.stderr)) == (2, True), refused.stderr
    done = home.json("notes", "delete", "--id", "n-0", "--reason", "withdrawn", "--yes")
    assert (done["n_deleted"], done["unfinished"], done["adapters"]) == (1, None, [])
    assert home.ok("notes", "delete", "--text", "number 3", "--state", "todo", "--reason", "x", "--yes").startswith(
        "1 note deleted, with all that was said about it."
    )
    undone = home.json("imports", "undo", "1", "--reason", "wrong file", "--yes")
    assert (undone["n_deleted"], undone["n_staying"]) == (2, 0)
    assert home.json("imports", "list")[0]["undone_by"] == "command line"
    assert "undone" in home.ok("imports", "list")
    assert home.run("imports", "undo", "7", "--reason", "x", "--yes").returncode == 2
    assert home.ok("audit", "verify")
