"""Bad input and a full disk: one sentence each that says what to do, and nothing that was stored is touched."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from contextlib import contextmanager

import pytest

from app.importing.load import import_files
from app.training.requests import read_progress
from data.task import Extraction
from db.notes.notes import next_note
from db.review.decisions import submit
from db.training.runs import get_run
from tests.kit.desk.permits import person_in
from tests.kit.homes import TASK, one_sentence, wait_for, write_notes
from tests.kit.privileges import without_privileges
from tests.kit.tiny import tiny_rows, write_labelled


@pytest.fixture
def stocked(tiny_home, tmp_path):
    """A home in which something is stored already."""
    with tiny_home.desk() as desk:
        import_files(desk.store, desk.task, [write_labelled(tmp_path / "o.jsonl", tiny_rows(60))], original=True)
        import_files(desk.store, desk.task, [write_notes(tmp_path / "n.jsonl", ["A first report.", "A second."])])
    tiny_home.ok("status")  # registers the adapter
    return tiny_home


def refused(home, *arguments, code=2, given=None, told=(), **settings):
    """The sentence of a command that changes nothing but, where it was `told` of, what the audit trail says."""
    before = home.dump()
    done = home.run(*arguments, given=given, **settings)
    assert done.returncode == code, (done.stdout, done.stderr)
    after = home.dump()
    assert [row[3] for row in after["audit"][len(before["audit"]) :]] == list(told)
    assert {**after, "audit": before["audit"]} == before
    assert "Traceback" not in done.stderr
    return one_sentence(done.stderr)


def after_foretelling(errors: str) -> str:
    """The only line beside what a run says of its judges before it begins."""
    told, _, failed = errors.strip().partition("\n")
    assert "would show" in told, errors
    return one_sentence(failed)


def file_of(tmp_path, content: bytes, name="bad.jsonl"):
    (tmp_path / name).write_bytes(content)
    return str(tmp_path / name)


BAD_FILES = {
    "a broken line": (b'{"text": "A report.", "id": \n', ("line 1", "column", "JSON")),
    "a missing field": (b'{"id": "7", "note": "A report."}\n', ("line 1", "text", "input")),
    "a 5 MB line": (b'{"text": "' + b"a" * (5 << 20) + b'"}\n', ("line 1", "bytes")),
    "no known encoding": (b'{"text": "Prostatakarzinom, Gleason 7, f\x81r Therapie."}\n', ("line 1", "0x81", "UTF-8")),
    "an empty file": (b"", ("at least one record",)),
    "a note of 20,001 characters": (json.dumps({"text": "a" * 20_001}).encode(), ("20,000", "20,001")),
    "labels that do not fit": (b'{"input": "A report.", "output": {"grade": "2"}}\n', ("unknown grade",)),
    "a number for a text": (b'{"text": 7}\n', ("line 1",)),
    "a value of the wrong kind": (
        json.dumps({"input": "A.", "output": {**dict.fromkeys(TASK.keys), TASK.keys[1]: True}}).encode(),
        (TASK.keys[1],),
    ),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_bad_file_is_one_sentence(stocked, tmp_path, kind):
    content, words = BAD_FILES[kind]
    flags = ["--original"] if b'"output"' in content else []
    sentence = refused(stocked, "import", file_of(tmp_path, content), *flags)
    assert "bad.jsonl" in sentence
    for word in words:
        assert word in sentence
    assert len(sentence) < 400


def test_a_bad_record_is_refused_and_the_rest_is_kept(stocked, tmp_path):
    bad = b"".join(content for content, _ in BAD_FILES.values() if content.endswith(b"\n") and content.isascii())
    file = file_of(tmp_path, b'{"text": "Good one."}\n' + bad + b'{"text": "Good two."}\n')
    before = stocked.dump()
    strict = stocked.run("import", file, "--strict")
    assert strict.returncode == 1
    assert "Nothing was kept" in strict.stderr
    assert stocked.dump() == before
    figures = stocked.json("import", file)
    assert figures["n_added"] == 3  # the one whose labels do not fit is a note without labels
    assert figures["n_refused"] == 4


def test_an_unreadable_text_names_the_byte(stocked, tmp_path):
    file = file_of(tmp_path, "Zwei\nZeilen f\u00fcr".encode("latin-1"), "note.txt")
    sentence = refused(stocked, "extract", file)
    assert "line 2, column 9" in sentence
    assert "0xfc" in sentence


def test_a_directory_without_read_permission_is_named(stocked, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir()
    write_notes(closed / "a.jsonl", ["Hidden."])
    closed.chmod(0)
    try:
        sentence = refused(stocked, "import", str(closed), preexec_fn=without_privileges)
    finally:
        closed.chmod(0o700)
    assert "closed" in sentence
    assert "permission" in sentence


def test_a_home_without_write_permission_is_named(tiny_home, tmp_path):
    tiny_home.path.mkdir()
    tiny_home.path.chmod(0o500)
    done = tiny_home.run("import", "notes.jsonl", preexec_fn=without_privileges)
    tiny_home.path.chmod(0o700)
    assert done.returncode == 2
    assert "CASELOOP_HOME" in one_sentence(done.stderr)


def test_a_note_of_20_000_characters_works(home, tmp_path):
    words = "The patient with lung adenocarcinoma, stage IV, EGFR L858R, took osimertinib; partial response. "
    text = (words * 300)[:19_999] + "."
    assert len(text) == 20_000
    assert home.json("import", str(write_notes(tmp_path / "long.jsonl", [text])))["n_added"] == 1
    assert home.json("prefill") == {"n_done": 1, "n_failed": 0, "adapter": "embedded"}


def test_a_note_of_20_001_characters_is_not_read(stocked):
    for n_characters in (20_001, 5_000_000):
        assert "20,000" in refused(stocked, "extract", given="a" * n_characters)


def test_an_unknown_adapter_is_answered_with_the_known_ones(stocked, tmp_path):
    for command in (("activate",), ("show",)):
        assert "Choose one of: tiny-adapter" in refused(stocked, "adapters", *command, "nobody")
    data = write_labelled(tmp_path / "gold.jsonl", tiny_rows(2))
    assert "Choose one of: tiny-adapter" in refused(stocked, "evaluate", "--data", str(data), "--adapter", "nobody")


@pytest.mark.parametrize("command", [("prefill",), ("extract",)])
def test_a_missing_base_is_named(stocked, tmp_path, command):
    lost = tmp_path / "lost"
    stocked.variables["CASELOOP_BASE"] = str(lost)
    sentence = refused(stocked, *command, given="A report.")
    assert str(lost) in sentence
    assert "Check the path" in sentence


def test_a_missing_base_fails_a_run_with_a_sentence(stocked, tmp_path):
    before = stocked.dump()
    done = stocked.run("train", "--base", str(tmp_path / "lost"), "--max-steps", "1")
    assert done.returncode == 2
    failed = after_foretelling(done.stderr)
    assert str(tmp_path / "lost") in failed
    after = stocked.dump()
    assert {table for table in after if after[table] != before[table]} == {"training_run", "audit"}
    assert [entry["name"] for entry in stocked.json("adapters", "list")] == ["tiny-adapter"]
    with stocked.desk() as desk, desk.store.reading() as session:
        assert get_run(session, 1).status == "failed"
        assert get_run(session, 1).message == failed


@contextmanager
def small_disk(place, size):
    """A file system of its own at `place`, which is really full when it is full."""
    place.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", str(place)]
    if os.geteuid() != 0 or shutil.which("mount") is None or subprocess.run(command, check=False).returncode:
        pytest.skip("a file system of a chosen size needs the right to mount")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def fill(place):
    """Write until the system says that there is no room."""
    with (place / "filler").open("wb", buffering=0) as file:
        for block in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    file.write(b"\0" * block)
            except OSError as error:
                assert error.errno == 28  # noqa: PT017 - ENOSPC is how each round ends


def test_a_disk_that_is_full_before_a_run_refuses_it(stocked):
    with small_disk(stocked.path / "runs", "1m") as place:
        done = stocked.run("train", "--max-steps", "1")
        assert done.returncode == 2
        assert "free" in after_foretelling(done.stderr).casefold()
        fill(place)
        again = stocked.run("train", "--max-steps", "1")
        assert again.returncode == 2
        assert "full" in one_sentence(again.stderr)


def test_a_disk_that_fills_during_a_run_fails_it_and_touches_nothing(stocked):
    tables = ("note", "note_text", "annotation", "suggestion", "adapter", "activation", "evaluation")
    before = {name: stocked.dump()[name] for name in tables}
    with small_disk(stocked.path / "runs", "96m") as place:
        process = stocked.fork("train", "--epochs", "1000", "--mode", "warm")

        def steps():
            assert process.poll() is None, process.communicate()
            progress = read_progress(place / "run-0001")
            return progress is not None and progress.step > 0

        wait_for(steps, "the first step")
        fill(place)
        out, errors = process.communicate(timeout=240)
        assert process.returncode == 2
        assert out == ""
        failed = after_foretelling(errors)
        assert "full" in failed
        assert {name: stocked.dump()[name] for name in tables} == before
        with stocked.desk() as desk, desk.store.reading() as session:
            run = get_run(session, 1)
        assert (run.status, run.message) == ("failed", failed)
        assert list((stocked.path / "adapters").iterdir()) == []


def test_a_full_disk_keeps_an_import_out_and_the_store_whole(tiny_home, tmp_path):
    with small_disk(tiny_home.path, "3m") as place:
        tiny_home.ok("import", str(write_notes(tmp_path / "a.jsonl", ["A first report."])))
        more = write_notes(tmp_path / "b.jsonl", [f"Report {number}. " + "word " * 900 for number in range(900)])
        sentence = refused(tiny_home, "import", str(more))
        assert "disk is full" in sentence
        fill(place)
        assert refused(tiny_home, "import", str(more))
        (place / "filler").unlink()
        assert tiny_home.json("status")["counts"]["n_notes"] == 1


def test_a_full_disk_leaves_the_old_export(stocked, tmp_path):
    with stocked.desk() as desk, desk.store.transaction() as session:
        note = next_note(session)
        submit(
            person_in(session, "ada"),
            note_id=note,
            status="submitted",
            extraction=Extraction.empty(desk.task),
            seen_revision=0,
            comment="word " * 200,
            token="token-1",
        )
    with small_disk(tmp_path / "out", "64k") as place:
        out = place / "reviewed.jsonl"
        out.write_text("old\n", encoding="utf-8")
        fill(place)
        sentence = refused(stocked, "export", str(out), "--with-provenance", told=["exported"])
        assert "full" in sentence
        assert out.read_text(encoding="utf-8") == "old\n"
        assert sorted(path.name for path in place.iterdir()) == ["filler", "reviewed.jsonl"]
