"""Whatever brings data in, takes it out or decides something leaves its entry, in the transaction of what it did."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.access.change_password import change_password
from app.access.guard import COOKIE
from app.cli.main import app as cli
from app.core.desk import Desk
from app.core.settings import load_settings, prepare_home
from app.importing.load import import_files
from app.screens import settings as settings_screen
from app.screens.queue.uploads import bring_in
from app.training import decisions as deciding
from app.training import requests as training
from app.web.application import create_app
from data.synthetic.sets.shipped import sample_notes
from db.notes.imports import list_imports
from db.notes.notes import add_notes
from db.notes.queue.saved_filters import Filters, drop_filter, save_filter
from db.notes.queue.search import counts
from db.people.acting import LOCAL, acting
from db.people.audit import AuditRow, entries, verify
from db.people.reviewers import find_reviewer
from db.people.sign_ins import sign_in
from db.review.offers import make_offer, withdraw_offer
from db.schema.errors import NotAllowed
from db.training.adapters import activate, register_adapter
from db.training.runs import create_run, get_run, update_run
from tests.kit.desk.desk_store import BREAST, BREAST_VALUES, COLON, COLON_VALUES, TASK, make_store
from tests.kit.desk.permits import person_in, program_in
from tests.kit.desk.stores import adapter
from tests.kit.people import add_people

SECRET = "Unmistakable words of a note"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A desk with two notes and people who sign in."""
    home = tmp_path / "home"
    monkeypatch.setenv("CASELOOP_HOME", str(home))
    settings = load_settings()
    prepare_home(settings)
    with make_store(home, [(BREAST, BREAST_VALUES), (COLON, COLON_VALUES)]) as store:
        add_people(store, {"ann": "admin", "lea": "lead", "rev": "reviewer"})
        yield Desk(settings, TASK, store)


def newest(desk: Desk, limit: int = 1) -> list[AuditRow]:
    """The newest entries, in their order; the trail holds, and no text is in it."""
    with desk.store.reading() as session:
        found = entries(session, limit=limit)
        assert verify(session).is_sound
    assert SECRET not in str(found)
    return found[::-1]


def files_of_newest(desk: Desk) -> list[str]:
    """Of the newest import."""
    with desk.store.reading() as session:
        return list_imports(session)[0].files


def told(desk: Desk) -> tuple[str, str, str]:
    (row,) = newest(desk)
    return row.who, row.action, row.subject


def notes_file(folder: Path, n: int = 5) -> Path:
    path = folder / "some notes.jsonl"
    path.write_text("".join(json.dumps({"id": f"n-{k}", "text": f"{SECRET} {k}."}) + "\n" for k in range(n)))
    return path


def test_each_batch_of_an_import_is_told_with_what_it_stored(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.importing.load.MAX_BATCH_NOTES", 2)
    import_files(desk.store, TASK, [notes_file(tmp_path)], by="lea")
    found = newest(desk, 3)
    assert [(row.who, row.action, row.detail["n_added"]) for row in found] == [
        ("lea", "imported", 2),
        ("lea", "imported", 2),
        ("lea", "imported", 1),
    ]
    assert {row.subject for row in found} == {"import 1"}
    assert "some notes" not in str(newest(desk, 9)), "the name of a file may be that of a patient"
    assert files_of_newest(desk) == ["some notes.jsonl"]


def test_a_file_with_a_name_that_is_no_text_is_imported_and_told(desk: Desk, tmp_path: Path) -> None:
    odd = notes_file(tmp_path).rename(tmp_path / "odd\udcff\n.jsonl")
    assert import_files(desk.store, TASK, [odd]).n_added == 5
    assert files_of_newest(desk) == ["odd??.jsonl"]


def test_an_import_that_breaks_off_is_told_as_far_as_it_came(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.importing.load.MAX_BATCH_NOTES", 2)
    monkeypatch.setattr("app.importing.load.N_TOLD", 5)

    def broken(n_read: int) -> None:
        raise OSError("the disk was pulled out")

    with desk.store.reading() as session:
        before, n_before = counts(session).n_notes, len(entries(session))
    with pytest.raises(OSError, match="pulled out"):
        import_files(desk.store, TASK, [notes_file(tmp_path, 9)], on_read=broken)
    with desk.store.reading() as session:
        n_stored, made = counts(session).n_notes - before, entries(session)[: len(entries(session)) - n_before]
    assert 0 < n_stored < 9
    assert sum(row.detail["n_added"] for row in made if row.action == "imported") == n_stored
    with desk.store.reading() as session:
        (row,) = list_imports(session)
    assert (row.n_added, row.n_here, row.ended_at) == (n_stored, n_stored, None)


def test_a_strict_import_that_keeps_nothing_is_not_told(desk: Desk, tmp_path: Path) -> None:
    path = notes_file(tmp_path)
    path.write_text(path.read_text() + "{\n")
    before = told(desk)
    assert not import_files(desk.store, TASK, [path], strict=True).is_kept
    assert told(desk) == before
    path.write_text(path.read_text().removesuffix("{\n"))
    assert import_files(desk.store, TASK, [path], strict=True).is_kept
    assert told(desk) == ("command line", "imported", "import 1")


@pytest.mark.parametrize(
    ("command", "action", "subject"),
    [
        ("import FILE", "imported", "import 1"),
        ("export OUT", "exported", ""),
        ("export - --reviewer rev", "exported", ""),
        ("backup OUT", "backed up", ""),
        ("adapters reject run-1 --reason invents", "rejected", "adapter run-1"),
        ("adapters rollback", "activated", "adapter first"),
        ("reviewers role rev lead", "changed a reviewer", "rev"),
        ("samples remove --yes", "removed the samples", ""),
    ],
)
def test_a_command_is_told(desk: Desk, tmp_path: Path, command: str, action: str, subject: str) -> None:
    with acting(desk.store, "lea", "train") as act:
        run = create_run(act, config={})
        register_adapter(act, adapter("run-1", run_id=run.id))
        update_run(act, run.id, status="finished", adapter="run-1", gate={"passed": False})
        if "rollback" in command:
            activate(act, "run-1", reason="better")
        if "samples" in command:
            add_notes(act, sample_notes(TASK)[:2])
    places = {"FILE": str(notes_file(tmp_path)), "OUT": str(tmp_path / "out")}
    assert not cli([places.get(word, word) for word in command.split()], standalone_mode=False)
    assert told(desk) == ("command line", action, subject)
    detail = newest(desk)[0].detail
    if action == "exported":
        assert (detail["format"], detail["n_records"]) == ("jsonl", 0)
        assert detail.get("reviewer") == ("rev" if "--reviewer" in command else None)


def test_settings_and_people_on_the_screens_are_told(desk: Desk) -> None:
    values = settings_screen.show(desk)
    settings_screen.keep(desk, "lea", ["all", *values[1:-2], 50, 2])
    n_fields = len(TASK.keys)
    found = newest(desk, n_fields + 2)
    assert {(row.who, row.action) for row in found} == {("lea", "changed a setting")}
    assert [row.subject for row in found] == ["rules", "overlap", *(f"guideline.{key}" for key in TASK.keys)]
    change_password(desk.store, "rev", "another horse battery")
    assert [(row.who, row.action, row.subject) for row in newest(desk, 2)] == [
        ("rev", "changed a reviewer", "rev"),
        ("rev", "signed in", ""),
    ]


def test_an_export_to_nowhere_is_not_told(desk: Desk, tmp_path: Path) -> None:
    before = told(desk)
    with pytest.raises(Exception, match="no such folder"):
        cli(["export", str(tmp_path / "nowhere" / "out.jsonl")], standalone_mode=False)
    assert told(desk) == before


def test_the_browsers_import_is_told_as_whoever_brought_it(desk: Desk, tmp_path: Path) -> None:
    bring_in(desk, notes_file(tmp_path), by="lea")
    assert told(desk) == ("lea", "imported", "import 1")


def test_what_is_decided_about_adapters_and_runs_is_told(desk: Desk) -> None:
    with desk.store.transaction() as session:
        run = create_run(person_in(session, "lea"), config={})
        register_adapter(program_in(session), adapter("run-1", run_id=run.id))
        update_run(program_in(session), run.id, status="finished", adapter="run-1", gate={"passed": False})
        deciding.reject_adapter(person_in(session, "lea"), "run-1", reason="invents stages")
    assert told(desk) == ("lea", "rejected", "adapter run-1")
    assert newest(desk)[0].detail == {"reason": "invents stages"}


def test_only_a_lead_stops_a_run_and_it_is_told(desk: Desk) -> None:
    with desk.store.transaction() as session:
        run = create_run(person_in(session, "lea"), config={})
    with pytest.raises(NotAllowed, match="Only leads may train; rev is a reviewer"):
        training.stop_run(desk.store, desk.settings, run.id, "rev")
    with desk.store.reading() as session:
        assert get_run(session, run.id).status == "requested"
    assert training.stop_run(desk.store, desk.settings, run.id, "lea").status == "interrupted"
    assert told(desk) == ("lea", "stopped training", f"run {run.id}")


def test_filters_and_offers_are_told_without_their_words(desk: Desk) -> None:
    key = TASK.keys[0]
    with desk.store.transaction() as session:
        number = save_filter(person_in(session, "rev"), name="mine", filters=Filters(text=SECRET))
        drop_filter(person_in(session, "rev"), filter_id=number)
        offer = make_offer(person_in(session, "rev"), field=key, old_value=SECRET, new_value=f"{SECRET}!").id
        withdraw_offer(person_in(session, "rev"), offer)
        assert not withdraw_offer(person_in(session, "rev"), offer)
    assert [row.action for row in newest(desk, 4)] == [
        "saved a filter",
        "deleted a filter",
        "offered a correction",
        "withdrew an offer",
    ]


def test_a_note_read_by_way_of_a_draft_is_told(desk: Desk) -> None:
    with TestClient(create_app(desk.store, desk.settings), base_url="http://127.0.0.1") as client:
        with desk.store.transaction() as session:
            person = find_reviewer(session, "rev")
            assert person is not None
            token = sign_in(person_in(session, "rev"))
        client.cookies.set(COOKIE, token)
        sent: dict[str, Any] = {"note": 2, "revision": 0, "values": dict.fromkeys(TASK.keys)}
        answer = client.post("/drafts", json=sent, headers={"origin": "http://127.0.0.1"})
        assert answer.status_code == 200, answer.text
        for _ in range(500):
            with desk.store.reading() as session:
                found = entries(session, subject="note 2")
            if found:
                break
            client.get("/healthz")  # it is written behind the answer
    assert [(row.who, row.action) for row in found] == [("rev", "opened")]
    assert LOCAL not in {row.who for row in newest(desk, 100)}
