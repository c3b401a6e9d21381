"""No word of a note gets into a log, an error, a temporary file or anything else that is not meant to hold notes.

And no process asks another machine for anything meanwhile.
"""

from __future__ import annotations

import json
import logging

import pytest

from app.core.errors import sentence_of
from app.core.logs import log_to, place
from app.importing.load import import_files
from db.notes.notes import next_note
from db.review.decisions import submit
from tests.kit.desk.permits import person_in
from tests.kit.desk.witness import seen, started, watch
from tests.kit.homes import TASK, Home, write_notes
from tests.kit.tiny import shared_tiny, tiny_rows

CANARY = "Xanthippe-Zyzzyva"
HOLDS_NOTES = {"caseloop.db", "caseloop.db-wal", "snapshot.jsonl", "holdout.jsonl", "predictions.jsonl"}


@pytest.fixture
def home(tmp_path):
    """A watched home whose temporary files can be looked at, with a model that trains in seconds."""
    (tmp_path / "tmp").mkdir()
    tiny = shared_tiny()
    model = {"CASELOOP_BASE": str(tiny.base), "CASELOOP_ADAPTER": str(tiny.adapter)}
    return Home(tmp_path / "home", {"TMPDIR": str(tmp_path / "tmp"), **watch(tmp_path), **model})


def leaks(*places):
    """Files that hold the canary although they must not."""
    files = [path for top in places for path in top.rglob("*") if path.is_file() and path.name not in HOLDS_NOTES]
    found = [str(path) for path in files if CANARY.encode() in path.read_bytes()]
    assert len(files) > 5
    return found


def bad_records():
    values = dict.fromkeys(TASK.keys)
    lines = [
        f'{{"text": "{CANARY}", ',
        json.dumps({"note": CANARY, f"{CANARY} with melanoma.": 1}),  # a note where a key should be
        json.dumps({"text": CANARY * 2000}),
        json.dumps({"text": [CANARY]}),
        json.dumps({"input": CANARY, "output": {f"{CANARY} with melanoma.": 1}}),
        json.dumps({"input": CANARY, "output": {**values, TASK.keys[0]: [CANARY]}}),
        json.dumps({"input": CANARY, "output": {**values, TASK.keys[0]: CANARY * 300}}),
        json.dumps({"text": f"{CANARY} <|eot_id|>", "id": CANARY}),
        json.dumps({"text": f"{CANARY} \ud800"}),
        f'{{"text": "{CANARY}"}} {CANARY}',
    ]
    return "".join(f"{line}\n" for line in lines).encode() + f"{CANARY} f\u00fcr\n".encode("latin-1")


def test_the_whole_loop_leaves_no_trace_of_a_note_and_asks_nobody(home, tmp_path):
    said = []

    def run(*arguments, given=None):
        done = home.run(*arguments, given=given)
        said.append(done.stderr)
        return done

    rows = tiny_rows(70)
    labelled = [{"input": f"{row.text} {CANARY}", "output": row.extraction.as_dict()} for row in rows]
    originals = tmp_path / "originals.jsonl"
    originals.write_text("".join(f"{json.dumps(line)}\n" for line in labelled), encoding="utf-8")
    assert run("import", str(originals), "--original").returncode == 0
    notes = write_notes(tmp_path / "notes.jsonl", [f"{CANARY} with melanoma, case {n}." for n in range(3)])
    assert run("import", str(notes)).returncode == 0
    (tmp_path / "bad.jsonl").write_bytes(bad_records())
    for flags in ((), ("--original",), ("--strict",)):
        refused = run("import", str(tmp_path / "bad.jsonl"), *flags)
        assert refused.stderr
        said.append(refused.stdout)
    said.append(run("prefill").stdout)
    with home.desk() as desk, desk.store.transaction() as session:
        submit(
            person_in(session, "ada"),
            note_id=next_note(session),
            status="submitted",
            extraction=rows[0].extraction,
            seen_revision=0,
            comment=CANARY,
            token="token-1",
        )
    run("extract", given=CANARY * 2000)
    run("extract", given=f"{CANARY} <|eot_id|>")
    said.append(run("export", str(tmp_path / "out.jsonl")).stdout)
    said.append(run("train", "--max-steps", "2").stdout)
    said.append(run("evaluate", "--data", str(originals), "--limit", "3").stdout)
    said.append(run("status", "--json").stdout)
    said.append(run("adapters", "show", "run-0001", "--json").stdout)
    assert "run-0001" in said[-1]
    assert [text for text in said if CANARY.casefold() in text.casefold()] == []
    assert leaks(home.path, tmp_path / "tmp") == []
    assert CANARY.encode() in (home.path / "caseloop.db").read_bytes()  # it was there to be found
    for part in ("prefill", "-m trainer train", "export", "evaluate"):
        assert part in started(home)
    assert seen(home) == ""


def test_a_fault_of_a_library_is_told_without_its_words():
    with pytest.raises(ValueError, match=CANARY) as caught:
        int(CANARY)
    assert CANARY not in sentence_of(caught.value)
    assert "ValueError at test_privacy.py" in place(caught.value)


def test_a_logged_exception_keeps_its_place_and_loses_its_words(tmp_path):
    root = logging.getLogger()
    before = (root.handlers[:], root.level, logging.raiseExceptions)
    try:
        log_to(tmp_path, "test")
        try:
            {}[CANARY]
        except KeyError:
            logging.getLogger("some.library").exception("it failed")
        logging.shutdown([lambda: root.handlers[-1]])
    finally:
        for handler in root.handlers[:]:
            root.removeHandler(handler)
            handler.close()
        for handler in before[0]:
            root.addHandler(handler)
        root.setLevel(before[1])
        logging.raiseExceptions = before[2]
    text = (tmp_path / "test.log").read_text(encoding="utf-8")
    assert "it failed KeyError at test_privacy.py" in text
    assert CANARY not in text
    assert "Traceback" not in text


def test_a_full_batch_of_refusals_names_no_note(home, tmp_path):
    (tmp_path / "bad.jsonl").write_bytes(bad_records())
    with home.desk() as desk:
        for original in (False, True):
            report = import_files(desk.store, desk.task, [tmp_path / "bad.jsonl"], original=original)
            assert report.n_refused >= 8
            assert CANARY.casefold() not in json.dumps(report.to_json()).casefold()
            assert CANARY.casefold() not in " ".join(report.sentences()).casefold()
