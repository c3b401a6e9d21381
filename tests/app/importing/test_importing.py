"""Import: idempotent, in batches, all or nothing with `strict`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.core.errors import InputError
from app.importing.load import batches, import_files
from data.limits import MAX_REFUSALS
from data.notes import make_note
from data.reading.records import Columns
from data.task import load_task
from db.notes.notes import find_note
from db.notes.queue.search import counts
from db.store.store import open_store
from tests.kit.homes import write_notes

TASK = load_task()
BAD = '{"id": "x", "text": \n'


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    """Several batches out of a small file."""
    monkeypatch.setattr("app.importing.load.MAX_BATCH_NOTES", 1000)


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path / "store" / "caseloop.db") as store:
        yield store


def n_notes(store) -> int:
    with store.reading() as session:
        return counts(session).n_notes


def mixed(path: Path, n_good: int, n_bad: int) -> Path:
    good = [json.dumps({"text": f"Report {number}."}) + "\n" for number in range(n_good)]
    path.write_text("".join(good[: n_good // 2] + [BAD] * n_bad + good[n_good // 2 :]), encoding="utf-8")
    return path


def test_the_same_file_twice_changes_nothing(store, tmp_path):
    file = tmp_path / "a.jsonl"
    texts = ("One.", "Two.", " One.\r\n")
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    first = import_files(store, TASK, [file])
    second = import_files(store, TASK, [file])
    assert (first.n_added, first.n_known) == (2, 1)
    assert (second.n_added, second.n_known) == (0, 3)
    assert n_notes(store) == 2


def test_good_records_around_bad_ones_are_kept(store, tmp_path):
    report = import_files(store, TASK, [mixed(tmp_path / "a.jsonl", 6, 1)])
    assert (report.n_added, report.n_refused, report.is_kept) == (6, 1, True)
    assert report.refusals[0].line == 4
    assert report.refusals[0].file == "a.jsonl"
    assert n_notes(store) == 6


def test_strict_keeps_nothing_and_reports_every_refusal(store, tmp_path):
    # The refusals stand behind the first batch, which is in the transaction already.
    report = import_files(store, TASK, [mixed(tmp_path / "a.jsonl", 2400, 3)], strict=True)
    assert (report.n_added, report.n_known, report.n_refused, report.is_kept) == (0, 0, 3, False)
    assert n_notes(store) == 0


def test_strict_keeps_all_when_all_is_well(store, tmp_path):
    report = import_files(store, TASK, [mixed(tmp_path / "a.jsonl", 1500, 0)], strict=True)
    assert (report.n_added, report.is_kept) == (1500, True)
    assert n_notes(store) == 1500


def test_a_report_spells_out_the_first_refusals_and_counts_the_rest(store, tmp_path):
    report = import_files(store, TASK, [mixed(tmp_path / "a.jsonl", 0, MAX_REFUSALS + 5)])
    sentences = report.sentences()
    assert report.n_refused == MAX_REFUSALS + 5
    assert len(sentences) == MAX_REFUSALS + 1
    assert sentences[-1] == "5 more were refused."
    assert len(report.to_json()["refusals"]) == MAX_REFUSALS


def test_progress_counts_every_record(store, tmp_path):
    seen: list[int] = []
    import_files(store, TASK, [mixed(tmp_path / "a.jsonl", 204, 1)], on_read=seen.append)
    assert seen == [100, 200, 205]


def test_originals_need_labels(store, tmp_path):
    file = tmp_path / "a.jsonl"
    gold = dict.fromkeys(TASK.keys)
    lines = [{"input": "With labels.", "output": gold}, {"input": "Without."}]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    report = import_files(store, TASK, [file], original=True)
    assert (report.n_originals, report.n_refused) == (1, 1)


def test_a_missing_path_is_refused_before_anything_is_read(store, tmp_path):
    file = write_notes(tmp_path / "a.jsonl", ["One."])
    with pytest.raises(InputError, match="There is no file or folder"):
        import_files(store, TASK, [file, tmp_path / "nowhere.jsonl"])
    assert n_notes(store) == 0


CSV = "case_no,body,Attending physician\nA-1,A first report.,Smith\nA-2,A second report.,Jones\n"


def test_named_columns_hold_the_text_and_the_id(store, tmp_path):
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "a.csv").write_text(CSV, encoding="utf-8")
    lines = [{"case_no": f"B-{n}", "body": f"Another report, {n}.", "text": "a remark"} for n in range(2)]
    (folder / "b.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    report = import_files(store, TASK, [folder], columns=Columns("body", "case_no"))
    assert (report.n_added, report.n_refused) == (4, 0)
    with store.reading() as session:
        first, other = find_note(session, "A-1"), find_note(session, "B-1")
    assert (first.text, first.metadata) == ("A first report.", {"Attending physician": "Smith"})
    assert (other.text, other.metadata) == ("Another report, 1.", {"text": "a remark"})


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (Columns("Report"), "'Report' in a.csv; found the columns case_no, body, (not a plain name). Name one"),
        (Columns("body", "case"), "Expected a column 'case' in a.csv; found the columns case_no, body, "),
        (Columns("body", "body"), "found 'body' for both"),
    ],
)
def test_a_column_that_is_not_there_is_told_with_those_that_are(store, tmp_path, columns, said):
    good = write_notes(tmp_path / "good.jsonl", ["One."])
    (tmp_path / "a.csv").write_text(CSV, encoding="utf-8")
    there = json.dumps({"Report": "x", "body": "y", "case": "z"})
    good.write_text(f"{there}\n", encoding="utf-8")
    with pytest.raises(InputError) as refused:
        import_files(store, TASK, [good, tmp_path / "a.csv"], columns=columns)
    assert said in str(refused.value)
    assert n_notes(store) == 0  # not even those of the file before


def test_a_record_without_the_named_column_is_refused_alone(store, tmp_path):
    lines = [{"body": "With a body."}, {"text": "Without one."}]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    report = import_files(store, TASK, [tmp_path / "a.jsonl"], columns=Columns("body"))
    assert (report.n_added, report.n_refused) == (1, 1)
    assert "line 2: expected the note under the key body; found the keys text" in report.sentences()[0]


def test_a_batch_is_neither_too_many_nor_too_long(monkeypatch):
    notes = [make_note(TASK, "word " * number) for number in (1, 2, 3, 400, 400, 1)]
    monkeypatch.setattr("app.importing.load.MAX_BATCH_CHARACTERS", 1500)
    assert [len(batch) for batch in batches(iter(notes))] == [4, 1, 1]
    monkeypatch.setattr("app.importing.load.MAX_BATCH_NOTES", 3)
    assert [len(batch) for batch in batches(iter(notes))] == [3, 1, 1, 1]


def test_every_batch_is_stored(store, tmp_path):
    report = import_files(store, TASK, [mixed(tmp_path / "a.jsonl", 3100, 2)])
    assert (report.n_added, report.n_refused, n_notes(store)) == (3100, 2, 3100)
