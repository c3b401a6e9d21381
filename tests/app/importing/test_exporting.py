"""Export: what people decided, whole files only, and back in as training input."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import zipfile
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import datasets
import pytest
from pyarrow import parquet

from app.core.errors import InputError
from app.exporting.choice import Choice, count_records, read_choice
from app.exporting.formats import format_of
from app.exporting.text import csv_line
from app.exporting.tools.label_studio import label_config
from app.exporting.writing import export_pieces, write_export
from app.importing.load import import_files
from data.notes import make_note
from data.suggestion import Span, Suggestion
from data.text.formulas import unescape_cell
from db.notes.notes import add_notes
from db.notes.queue.overlap import Overlap
from db.notes.suggestions import add_suggestion
from db.review.decisions import submit
from db.review.overlap_changes import set_overlap
from db.review.trials import begin_trial
from db.store.store import open_store
from tests.app.importing.decided_notes import FORMULA, KEYS, METASTATIC, RULE, TASK, exported, store, values
from tests.kit.desk.permits import person_in, program_in

__all__ = ["store"]


def test_only_submitted_annotations_are_exported(store):
    lines = [json.loads(line) for line in exported(store, "jsonl").splitlines()]
    assert [line["id"] for line in lines] == ["case-0"]
    assert lines[0]["input"] == METASTATIC
    assert lines[0]["instruction"] == TASK.instruction
    assert lines[0]["output"] == {**dict.fromkeys(KEYS), KEYS[0]: "melanoma", KEYS[1]: "III", KEYS[2]: FORMULA}
    assert set(lines[0]) == {"instruction", "input", "output", "id", "spans"}


def test_provenance_says_who_decided_and_what_was_suggested(store):
    (line,) = exported(store, "jsonl", with_provenance=True).splitlines()
    provenance = json.loads(line)["provenance"]
    assert provenance["reviewer"] == "ada"
    assert provenance["adapter"] == "first"
    assert provenance["revision"] == 1
    assert provenance["prompt_version"] == 1
    assert provenance["lead_time_ms"] == 900
    assert provenance["suggestion"][KEYS[1]] == "IV"
    assert provenance["confidence"] == {KEYS[0]: 0.75}
    assert provenance["grounding"] == {KEYS[0]: "fuzzy", KEYS[1]: "inferred"}
    assert provenance["rules"] == {KEYS[1]: RULE}
    kinds = [provenance["corrections"][key] for key in KEYS[:4]]
    assert kinds == ["accepted", "edited", "added", "accepted"]


def test_json_is_one_list_of_the_same_records(store):
    records = json.loads(exported(store, "json"))
    assert records == [json.loads(line) for line in exported(store, "jsonl").splitlines()]


def test_no_reviewed_note_gives_an_empty_list(tmp_path):
    with open_store(tmp_path / "empty" / "caseloop.db") as store:
        assert json.loads(exported(store, "json")) == []
        assert exported(store, "jsonl") == ""
        assert write_export(store, TASK, tmp_path / "out.json", Choice("json")) == 0
        assert write_export(store, TASK, tmp_path / "out.csv", Choice("csv")) == 0
        assert write_export(store, TASK, tmp_path / "out.parquet", Choice("parquet")) == 0
        assert write_export(store, TASK, tmp_path / "set", Choice("dataset", with_provenance=True)) == 0
        assert write_export(store, TASK, tmp_path / "tasks.json", Choice("label-studio")) == 0
    assert parquet.ParquetFile(tmp_path / "out.parquet").metadata.num_rows == 0
    assert len(datasets.load_from_disk(str(tmp_path / "set"))) == 0
    assert json.loads((tmp_path / "tasks.json").read_text(encoding="utf-8")) == []


def test_a_cell_that_a_spreadsheet_would_run_is_text(store):
    header, row = csv.reader(io.StringIO(exported(store, "csv", with_provenance=True), newline=""))
    record = dict(zip(header, row, strict=True))
    assert record[KEYS[2]] == f"'{FORMULA}"
    assert record["comment"] == "'@checked"
    assert record[KEYS[1]] == "III"
    assert record[KEYS[3]] == ""
    assert record[f"suggested_{KEYS[1]}"] == "IV"
    assert [record[f"grounding_{key}"] for key in KEYS[:3]] == ["fuzzy", "inferred", ""]
    assert (record[f"rule_{KEYS[0]}"], record[f"rule_{KEYS[1]}"]) == ("", RULE)
    assert record[f"correction_{KEYS[1]}"] == "edited"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "'=", "''@"])
def test_every_formula_sign_is_escaped_and_returns(start):
    (row,) = csv.reader(io.StringIO(csv_line([f"{start}1", "1", "'1'"]), newline=""))
    assert row == [f"'{start}1", "1", "'1'"]
    assert [unescape_cell(cell) for cell in row] == [f"{start}1", "1", "'1'"]


def test_json_lines_come_back_as_training_input(store, tmp_path):
    out = tmp_path / "reviewed.jsonl"
    assert write_export(store, TASK, out, Choice("jsonl", with_provenance=True)) == 1
    with open_store(tmp_path / "other" / "caseloop.db") as other:
        report = import_files(other, TASK, [out], original=True)
        assert (report.n_added, report.n_originals, report.n_refused) == (1, 1, 0)
        from db.notes.notes import find_note

        with other.reading() as session:
            note = find_note(session, "case-0")
    assert note is not None
    assert note.text == METASTATIC
    assert note.gold[KEYS[2]] == FORMULA


def test_an_export_that_fails_leaves_the_old_file(store, tmp_path):
    out = tmp_path / "reviewed.jsonl"
    out.write_text("old", encoding="utf-8")

    def fail(n_records):
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_export(store, TASK, out, Choice("jsonl"), on_record=fail)
    assert out.read_text(encoding="utf-8") == "old"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["reviewed.jsonl"]


def test_an_export_is_readable_by_its_owner_only(store, tmp_path):
    write_export(store, TASK, tmp_path / "reviewed.csv", Choice("csv"))
    assert (tmp_path / "reviewed.csv").stat().st_mode & 0o077 == 0


def test_the_format_follows_the_choice_then_the_ending():
    assert format_of("a.csv", None) == "csv"
    assert format_of("a.csv", "json") == "json"
    assert format_of("-", None) == "jsonl"
    assert format_of("a.txt", None) == "jsonl"
    with pytest.raises(InputError, match="jsonl, json, parquet, dataset"):
        format_of("a.csv", "xml")


def test_a_place_that_cannot_be_written_is_named(store, tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        write_export(store, TASK, tmp_path / "nowhere" / "a.jsonl", Choice("jsonl"))
    with pytest.raises(InputError, match="a folder of that name"):
        write_export(store, TASK, tmp_path, Choice("jsonl"))


SPAN = Span(0, 8)


@pytest.fixture
def decided(store):
    """Two notes more: one decided by another with everything kept, one flagged; and one shown with a seeded value."""
    with store.transaction() as session:
        fourth, fifth = add_notes(
            program_in(session), [make_note(TASK, f"Melanoma, report {n}.") for n in (4, 5)]
        ).note_ids
        kept = Suggestion(
            values(**{KEYS[0]: "Melanoma", KEYS[1]: "II"}), {KEYS[0]: 0.5, KEYS[1]: 0.875}, "{}", "second", 1, 12,
            evidence={KEYS[0]: (SPAN,)},
        )  # fmt: skip
        number = add_suggestion(program_in(session), fourth, kept)
        begin_trial(person_in(session, "eve@ward"), note_id=fourth, kind="seeded", field=KEYS[1], value="IV")
        submit(
            person_in(session, "eve@ward"),
            note_id=fourth,
            status="submitted",
            extraction=values(**{KEYS[0]: "Melanoma", KEYS[1]: "IV"}),
            suggestion_id=number,
            settled=(KEYS[1],),
            lead_time_ms=1500,
            token="token-4",
            seen_revision=0,
        )
        submit(
            person_in(session, "ada"),
            note_id=fifth,
            status="flagged",
            extraction=values(**{KEYS[0]: "unsure"}),
            token="token-5",
            seen_revision=0,
        )
    return store


def records(store, **settings):
    return [json.loads(line) for line in exported(store, "jsonl", **settings).splitlines()]


def test_a_seeded_value_that_was_kept_is_told_apart(decided):
    *_, record = records(decided, with_provenance=True)
    shown = {"as": "seeded", "seeded_field": KEYS[1], "seeded_value": "IV", "is_seeded_kept": True}
    assert record["provenance"]["shown"] == shown
    assert records(decided, with_provenance=True)[0]["provenance"]["shown"]["as"] == "prefilled"


def test_a_record_is_the_same_without_its_provenance(decided):
    for settings in ({}, {"statuses": ("submitted", "flagged")}, {"fields": (KEYS[1],)}, {"reviewer": "eve@ward"}):
        told = records(decided, with_provenance=True, **settings)
        assert [record.pop("provenance") for record in told]
        assert records(decided, **settings) == told


def test_filters_narrow_and_count_alike(decided):
    today = datetime.now(UTC).date()
    wanted = {
        "eve@ward": Choice(reviewer="eve@ward"),
        "second": Choice(adapter="second"),
        "nobody": Choice(reviewer="nobody"),
        "today": Choice(since=today, until=today),
        "before": Choice(until=today - timedelta(days=1)),
        "changed": Choice(is_corrected=True),
    }
    found = {}
    with decided.reading() as session:
        for name, choice in wanted.items():
            n_records = len(list(export_pieces(session, TASK, choice)))
            assert count_records(session, choice) == n_records
            found[name] = n_records
    assert found == {"eve@ward": 1, "second": 1, "nobody": 0, "today": 2, "before": 0, "changed": 2}


def test_a_note_that_was_set_aside_is_marked_and_is_no_label(decided, tmp_path):
    first, _, flagged = records(decided, statuses=("submitted", "flagged"))
    assert (first["status"], first["set_aside"]) == ("submitted", None)
    assert (flagged["status"], flagged["output"]) == ("flagged", None)
    assert flagged["set_aside"][KEYS[0]] == "unsure"
    out = tmp_path / "all.jsonl"
    write_export(decided, TASK, out, Choice("jsonl", statuses=("submitted", "flagged")))
    with open_store(tmp_path / "other" / "caseloop.db") as other:
        report = import_files(other, TASK, [out], original=True)
    assert (report.n_added, report.n_refused) == (2, 1)


def test_without_the_text_no_text_and_no_comment_is_left(decided):
    (line, _) = exported(decided, "jsonl", with_text=False, with_provenance=True, fields=(KEYS[0],)).splitlines()
    assert "Décision" not in line
    assert "@checked" not in line
    assert set(json.loads(line)["output"]) == set(json.loads(line)["provenance"]["states"]) == {KEYS[0]}
    header, row, _ = csv.reader(io.StringIO(exported(decided, "csv", with_text=False, fields=(KEYS[1],)), newline=""))
    assert (header, row) == (["\ufeffid", KEYS[1]], ["case-0", "III"])


@pytest.mark.parametrize("settings", [{}, {"with_provenance": True, "statuses": ("submitted", "flagged")}])
def test_columns_hold_what_the_lines_hold(decided, tmp_path, settings):
    expected = records(decided, **settings)
    out = tmp_path / "out.parquet"
    assert write_export(decided, TASK, out, Choice("parquet", **settings)) == len(expected)
    found = parquet.ParquetFile(out).read().to_pylist()
    with decided.reading() as session:
        pieces = export_pieces(session, TASK, Choice("dataset", **settings))
        (tmp_path / "streamed.zip").write_bytes(b"".join(pieces))
    with zipfile.ZipFile(tmp_path / "streamed.zip") as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path / "unpacked")
    assert write_export(decided, TASK, tmp_path / "folder", Choice("dataset", **settings)) == len(expected)
    for folder in (tmp_path / "unpacked" / "reviewed", tmp_path / "folder"):
        opened = datasets.load_from_disk(str(folder))
        assert opened.to_list() == found
        assert opened.map(lambda row: {"n": len(row["input"])})["n"] == [len(record["input"]) for record in expected]
    for record, row in zip(expected, found, strict=True):
        if "provenance" in record:
            told, at = record["provenance"], row["provenance"].pop("submitted_at")
            assert at.isoformat() == told.pop("submitted_at")
            for key in ("suggestion", "confidence", "grounding", "rules"):
                told[key] = None if told[key] is None else {**dict.fromkeys(KEYS), **told[key]}
        assert row == record


def test_parquet_comes_back_as_training_input_in_portions(store, tmp_path, monkeypatch):
    monkeypatch.setattr("app.exporting.columns.N_ROWS", 2)
    with store.transaction() as session:
        for number, note_id in enumerate(
            add_notes(program_in(session), [make_note(TASK, f"Note {n}.") for n in range(4)]).note_ids
        ):
            submit(
                person_in(session, "ada"),
                note_id=note_id,
                status="submitted",
                extraction=values(),
                token=f"more-{number}",
                seen_revision=0,
            )
    out = tmp_path / "out.parquet"
    assert write_export(store, TASK, out, Choice("parquet", with_provenance=True)) == 5
    assert parquet.ParquetFile(out).num_row_groups == 3
    with open_store(tmp_path / "other" / "caseloop.db") as other:
        report = import_files(other, TASK, [out], original=True)
    assert (report.n_originals, report.n_refused) == (5, 0)


def test_label_studio_gets_predictions_annotations_and_a_configuration_that_fits(decided, tmp_path):
    out = tmp_path / "tasks.json"
    assert write_export(decided, TASK, out, Choice("label-studio")) == 2
    config = ElementTree.fromstring((tmp_path / "tasks.xml").read_text(encoding="utf-8"))
    first, second = json.loads(out.read_text(encoding="utf-8"))
    boxes = {box.get("name") for box in config.iter("TextArea")}
    labels = {label.get("value") for label in config.iter("Label")}
    assert boxes == set(KEYS)
    for part in [*second["predictions"][0]["result"], *second["annotations"][0]["result"]]:
        assert part["to_name"] == config.find("Text").get("name")
        if part["type"] == "textarea":
            assert part["from_name"] in boxes
        else:
            assert part["from_name"] == config.find("Labels").get("name")
            assert set(part["value"]["labels"]) <= labels
            assert second["data"]["text"][part["value"]["start"] : part["value"]["end"]] == part["value"]["text"]
    (prediction,), (annotation,) = second["predictions"], second["annotations"]
    assert (prediction["model_version"], prediction["score"]) == ("second", 0.5)
    assert [part["value"]["text"] for part in prediction["result"]] == [["Melanoma"], "Melanoma", ["II"]]
    assert (annotation["completed_by"], annotation["lead_time"]) == ({"email": "eve@ward"}, 1.5)
    origins = {part["id"]: part["origin"] for part in annotation["result"]}
    assert origins == {KEYS[0]: "prediction", f"{KEYS[0]}-0": "prediction", KEYS[1]: "prediction-changed"}
    assert first["annotations"][0]["completed_by"] is None
    assert first["data"]["reviewer"] == "ada"
    assert "<Label" in label_config(TASK, Choice())


def test_a_choice_is_checked_and_goes_into_an_address():
    choice = read_choice(TASK, "csv", fields=[KEYS[1]], since="2026-01-01", reviewer="a & b", is_corrected=True)
    assert choice.query() == f"?fields={KEYS[1]}&reviewer=a+%26+b&since=2026-01-01&corrected=1"
    assert read_choice(TASK, "csv", fields=TASK.keys) == Choice("csv")
    for wrong in ({"fields": ["x"]}, {"statuses": ["todo"]}, {"since": "1.2.26"}, {"until": "0026-01-31"}):
        with pytest.raises(InputError, match="Expected"):
            read_choice(TASK, "csv", **wrong)
    with pytest.raises(InputError, match="Swap"):
        read_choice(TASK, "csv", since="2026-02-01", until="2026-01-01")


def test_a_dataset_never_replaces_something(store, tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "notes.txt").touch()
    with pytest.raises(InputError, match="something of that name"):
        write_export(store, TASK, tmp_path / "there", Choice("dataset"))


def test_exporting_imports_neither_torch_nor_datasets(store, tmp_path):
    code = (
        "import sys, app.screens.export.downloads, app.exporting.columns as c\n"
        "from app.exporting.choice import Choice; from data.task import load_task\n"
        "list(c.parquet(load_task(), Choice(), [])); list(c.dataset_archive(load_task(), Choice(), []))\n"
        "print(sorted({'torch', 'datasets', 'transformers'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_what_each_of_several_reviewers_said_goes_along(tmp_path):
    said = {"ada": values(**{KEYS[0]: "melanoma"}), "bob": values(**{KEYS[0]: "Melanoma."})}
    with open_store(tmp_path / "caseloop.db") as several:
        with several.transaction() as session:
            set_overlap(person_in(session, "command line"), Overlap(1.0, 2))
            (number,) = add_notes(program_in(session), [make_note(TASK, "A report.", external_id="case-0")]).note_ids
            for who, extraction in said.items():
                submit(person_in(session, who), note_id=number, status="submitted", extraction=extraction,
                       seen_revision=0, token=f"token-{who}")  # fmt: skip
        (line,) = exported(several, "jsonl", with_provenance=True).splitlines()
        opinions = json.loads(line)["provenance"]["opinions"]
        assert [(one["reviewer"], one["status"]) for one in opinions] == [("ada", "submitted"), ("bob", "submitted")]
        assert [one["values"] for one in opinions] == [dict(extraction) for extraction in said.values()]
        header, row = csv.reader(io.StringIO(exported(several, "csv", with_provenance=True), newline=""))
        assert json.loads(dict(zip(header, row, strict=True))["opinions"]) == opinions
        write_export(several, TASK, tmp_path / "out.parquet", Choice("parquet", with_provenance=True))
        write_export(several, TASK, tmp_path / "set", Choice("dataset", with_provenance=True))
        assert "opinions" not in exported(several, "jsonl")
    (kept,) = parquet.read_table(tmp_path / "out.parquet").to_pylist()
    assert [one["values"] for one in kept["provenance"]["opinions"]] == [one["values"] for one in opinions]
    (loaded,) = datasets.load_from_disk(str(tmp_path / "set"))
    assert [one["reviewer"] for one in loaded["provenance"]["opinions"]] == ["ada", "bob"]
