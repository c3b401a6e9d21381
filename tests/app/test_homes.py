"""Homes: a command elsewhere makes no desk, one that cannot be written can be read, and Ctrl-C says what stays."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from app.importing.load import import_files
from data.task import Extraction
from db.people.acting import acting
from db.review.decisions import submit
from tests.kit.homes import TASK, Home, one_sentence, run_many, wait_for, write_notes
from tests.kit.privileges import without_privileges

READING = (
    ("status",),
    ("export", "-"),
    ("audit", "verify"),
    ("audit", "show"),
    ("adapters", "list"),
    ("reviewers", "list"),
    ("samples", "show"),
    ("imports", "list"),
)


def test_a_command_elsewhere_makes_no_desk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    commands = [*READING, ("prefill",), ("train",), ("backup", "copy"), ("samples", "remove")]
    for named in ("", str(tmp_path / "var")):
        answers = run_many(Home(tmp_path / "var", {"CASELOOP_HOME": named}), commands)
        for command, (code, _, errors) in answers.items():
            assert code == 2, command
            sentence = one_sentence(errors)
            assert f"no desk in {tmp_path / 'var'}" in sentence
            assert "caseloop serve" in sentence
        assert not list(tmp_path.iterdir())


def test_an_import_makes_a_desk_only_where_it_was_told_to_and_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = str(write_notes(tmp_path / "n.jsonl", ["A report."]))
    unnamed = Home(tmp_path / "var", {"CASELOOP_HOME": ""}).run("import", file)
    assert "no desk" in one_sentence(unnamed.stderr)
    assert not (tmp_path / "var").exists()
    named = Home(tmp_path / "other")
    assert str(tmp_path / "other") in one_sentence(named.run("import", file).stderr)
    assert not named.run("import", file).stderr
    assert named.json("status")["counts"]["n_samples"] == 0


@pytest.fixture
def closed_home(tiny_home, tmp_path):
    """A home with a decision that nobody may write in, and its store as a snapshot of a running desk has it."""
    with tiny_home.desk() as desk:
        import_files(desk.store, desk.task, [write_notes(tmp_path / "n.jsonl", ["A first report.", "A second."])])
    tiny_home.ok("status")  # registers the adapter
    with tiny_home.desk() as desk:
        values = Extraction(TASK, dict.fromkeys(TASK.keys))
        with acting(desk.store, "kim", "review") as act:
            submit(act, note_id=1, status="submitted", extraction=values, seen_revision=0, token="once")
        kept = {path: path.read_bytes() for path in map(tiny_home.path.joinpath, ("caseloop.db", "caseloop.db-wal"))}
    for path, content in kept.items():
        path.write_bytes(content)
    (tiny_home.path / "caseloop.db-shm").unlink(missing_ok=True)
    paths = [tiny_home.path, *(path for path in tiny_home.path.rglob("*") if not path.is_symlink())]
    for path in paths:
        path.chmod(path.stat().st_mode & ~0o222)
    yield tiny_home
    for path in filter(Path.exists, paths):
        path.chmod(path.stat().st_mode | 0o200)


@pytest.mark.parametrize("has_log", [True, False])
def test_a_home_that_cannot_be_written_can_be_read(closed_home, tmp_path, has_log):
    log = closed_home.path / "caseloop.db-wal"
    assert log.stat().st_size
    if not has_log:
        closed_home.path.chmod(0o700)
        (closed_home.path / "caseloop.db").chmod(0o600)
        log.chmod(0o600)
        with closed_home.desk():
            pass  # the last to close puts the log into the database
        for path in closed_home.path.glob("caseloop.db*"):
            path.chmod(0o400)
        closed_home.path.chmod(0o500)
        assert not log.exists()
    before = {path: path.read_bytes() for path in closed_home.path.rglob("*") if path.is_file()}
    copy = tmp_path / "copy"
    exported = tmp_path / "reviewed.jsonl"
    commands = [*READING[:1], *READING[2:], ("backup", str(copy)), ("export", str(exported))]
    answers = run_many(closed_home, commands, preexec_fn=without_privileges)
    assert {command: code for command, (code, _, _) in answers.items()} == dict.fromkeys(commands, 0), answers
    assert json.loads(exported.read_text(encoding="utf-8"))["id"] == "n-0"
    assert "audit trail" in one_sentence(answers["export", str(exported)][2])
    assert "(can only be read)" in answers["status",][1]
    assert Home(copy, closed_home.variables).json("status")["counts"]["n_submitted"] == 1
    assert {path: path.read_bytes() for path in closed_home.path.rglob("*") if path.is_file()} == before


def test_what_cannot_be_written_says_so(closed_home, tmp_path):
    lines = [("doctor", "--json"), ("import", str(tmp_path / "n.jsonl"))]
    answers = run_many(closed_home, lines, preexec_fn=without_privileges)
    home = json.loads(answers[lines[0]][1])["findings"][0]
    assert (home["name"], home["state"]) == ("home", "warn")
    assert "read only" in home["said"]
    code, _, errors = answers[lines[1]]
    assert code == 2
    assert "CASELOOP_HOME" in one_sentence(errors)


ENDS = (130, -signal.SIGINT)
"""A shell says 130 of both. Python ends by the signal itself where that reached it amid an `exec` of some library."""


def hear_ctrl_c() -> None:
    """As in a terminal, also where the tests themselves run in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def interrupted(home: Home, file: Path, *flags: str) -> str:
    """What an import says that gets Ctrl-C once notes are in the store, or with `--strict` are being read."""
    process = home.start("import", str(file), *flags, preexec_fn=hear_ctrl_c)
    with home.desk() as desk:

        def is_under_way() -> bool:
            with desk.store.reading() as session:
                n_notes = session.connection().exec_driver_sql("SELECT count(*) FROM note").scalar_one()
            return bool(n_notes) or ("--strict" in flags and (home.path / "caseloop.db-wal").stat().st_size > 2_000_000)

        wait_for(is_under_way, "the import")
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    assert (process.returncode in ENDS, out) == (True, "")
    return one_sentence(errors)


def test_ctrl_c_says_what_an_import_kept(tiny_home, tmp_path):
    file = tmp_path / "many.jsonl"
    with file.open("w", encoding="utf-8") as stream:
        for number in range(60_000):
            stream.write(json.dumps({"id": str(number), "text": f"Report {number}. " + "No change. " * 20}) + "\n")
    with tiny_home.desk():
        pass
    sentence = interrupted(tiny_home, file)
    n_kept = tiny_home.json("status")["counts"]["n_incoming"]
    assert 0 < n_kept < 60_000
    assert f"{n_kept:,} notes" in sentence
    strict = Home(tmp_path / "strict", tiny_home.variables)
    with strict.desk():
        pass
    assert "nothing was imported" in interrupted(strict, file, "--strict")
    assert strict.json("status")["counts"]["n_incoming"] == 0


def test_ctrl_c_elsewhere_says_a_sentence(tiny_home, tmp_path):
    with tiny_home.desk() as desk:
        import_files(desk.store, desk.task, [write_notes(tmp_path / "n.jsonl", [f"Report {n}." for n in range(60)])])
    process = tiny_home.start("prefill", preexec_fn=hear_ctrl_c)

    def has_begun() -> bool:
        with tiny_home.desk() as desk, desk.store.reading() as session:
            return bool(session.connection().exec_driver_sql("SELECT count(*) FROM suggestion").scalar_one())

    wait_for(has_begun, "the first suggestion")
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode in ENDS, errors
    assert "Interrupted" in one_sentence(errors)
