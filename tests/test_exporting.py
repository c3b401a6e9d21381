"""Export: what people decided, whole files only, and back in as training input."""

from __future__ import annotations

import csv
import io
import json

import pytest

from app.exporting import export_lines, format_of, write_export
from app.failures import InputError
from app.importing import import_files
from data.notes import make_note
from data.suggestion import Grounding, Suggestion
from data.task import Extraction, load_task
from db.adapters import AdapterRow, activate, register_adapter
from db.annotations import save_draft, submit
from db.notes import add_notes
from db.session import open_store
from db.suggestions import add_suggestion

TASK = load_task()
KEYS = TASK.keys
FORMULA = "=HYPERLINK(1)"


def values(**changes):
    return Extraction(TASK, {**dict.fromkeys(KEYS), **changes})


@pytest.fixture
def store(tmp_path):
    """Three notes: submitted after a suggestion, skipped, and only drafted."""
    with open_store(tmp_path / "store" / "caseloop.db") as store:
        with store.transaction() as session:
            texts = ["Décision – première.", "Second report.", "Third report."]
            notes = [make_note(TASK, text, external_id=f"case-{n}") for n, text in enumerate(texts)]
            first, second, third = add_notes(session, notes).note_ids
            register_adapter(session, AdapterRow("first", "/x", "/y", None, 1, "0" * 64))
            activate(session, "first", reason="test", by="test")
            suggested = Suggestion(
                values(**{KEYS[0]: "melanoma", KEYS[1]: "IV"}), {KEYS[0]: 0.75}, "{}", "first", 1, 12,
                grounding={KEYS[0]: Grounding.FUZZY, KEYS[1]: Grounding.INFERRED},
            )  # fmt: skip
            number = add_suggestion(session, first, suggested)
            add_suggestion(session, second, suggested)
            decided = values(**{KEYS[0]: "melanoma", KEYS[1]: "III", KEYS[2]: FORMULA})
            common = {"reviewer": "ada", "seen_revision": 0}
            submit(session, note_id=first, status="submitted", extraction=decided, suggestion_id=number,
                   comment="@checked", lead_time_ms=900, token="token-1", **common)  # fmt: skip
            submit(session, note_id=second, status="skipped", extraction=decided, token="token-2", **common)
            save_draft(session, note_id=third, extraction=decided, **common)
        yield store


def exported(store, form, **settings):
    with store.reading() as session:
        return "".join(export_lines(session, TASK, form, **settings))


def test_only_submitted_annotations_are_exported(store):
    lines = [json.loads(line) for line in exported(store, "jsonl").splitlines()]
    assert [line["id"] for line in lines] == ["case-0"]
    assert lines[0]["input"] == "Décision – première."
    assert lines[0]["instruction"] == TASK.instruction
    assert lines[0]["output"] == {**dict.fromkeys(KEYS), KEYS[0]: "melanoma", KEYS[1]: "III", KEYS[2]: FORMULA}
    assert set(lines[0]) == {"instruction", "input", "output", "id"}


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
    kinds = [provenance["corrections"][key] for key in KEYS[:4]]
    assert kinds == ["accepted", "edited", "added", "accepted"]


def test_json_is_one_list_of_the_same_records(store):
    records = json.loads(exported(store, "json"))
    assert records == [json.loads(line) for line in exported(store, "jsonl").splitlines()]


def test_no_reviewed_note_gives_an_empty_list(tmp_path):
    with open_store(tmp_path / "empty" / "caseloop.db") as store:
        assert json.loads(exported(store, "json")) == []
        assert exported(store, "jsonl") == ""
        assert write_export(store, TASK, tmp_path / "out.json", "json") == 0
        assert write_export(store, TASK, tmp_path / "out.csv", "csv") == 0


def test_a_cell_that_a_spreadsheet_would_run_is_text(store):
    header, row = csv.reader(io.StringIO(exported(store, "csv", with_provenance=True), newline=""))
    record = dict(zip(header, row, strict=True))
    assert record[KEYS[2]] == f"'{FORMULA}"
    assert record["comment"] == "'@checked"
    assert record[KEYS[1]] == "III"
    assert record[KEYS[3]] == ""
    assert record[f"suggested_{KEYS[1]}"] == "IV"
    assert [record[f"grounding_{key}"] for key in KEYS[:3]] == ["fuzzy", "inferred", ""]
    assert record[f"correction_{KEYS[1]}"] == "edited"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_every_formula_sign_is_escaped(start):
    from app.exporting import _csv_line

    (row,) = csv.reader(io.StringIO(_csv_line([f"{start}1", "1"]), newline=""))
    assert row == [f"'{start}1", "1"]


def test_json_lines_come_back_as_training_input(store, tmp_path):
    out = tmp_path / "reviewed.jsonl"
    assert write_export(store, TASK, out, "jsonl", with_provenance=True) == 1
    with open_store(tmp_path / "other" / "caseloop.db") as other:
        report = import_files(other, TASK, [out], original=True)
        assert (report.n_added, report.n_originals, report.n_refused) == (1, 1, 0)
        from db.notes import find_note

        with other.reading() as session:
            note = find_note(session, "case-0")
    assert note is not None
    assert note.text == "Décision – première."
    assert note.gold[KEYS[2]] == FORMULA


def test_an_export_that_fails_leaves_the_old_file(store, tmp_path):
    out = tmp_path / "reviewed.jsonl"
    out.write_text("old", encoding="utf-8")

    def fail(n_records):
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_export(store, TASK, out, "jsonl", on_record=fail)
    assert out.read_text(encoding="utf-8") == "old"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["reviewed.jsonl"]


def test_an_export_is_readable_by_its_owner_only(store, tmp_path):
    write_export(store, TASK, tmp_path / "reviewed.csv", "csv")
    assert (tmp_path / "reviewed.csv").stat().st_mode & 0o077 == 0


def test_the_format_follows_the_choice_then_the_ending():
    assert format_of("a.csv", None) == "csv"
    assert format_of("a.csv", "json") == "json"
    assert format_of("-", None) == "jsonl"
    assert format_of("a.txt", None) == "jsonl"
    with pytest.raises(InputError, match="jsonl, json, csv"):
        format_of("a.csv", "xml")


def test_a_place_that_cannot_be_written_is_named(store, tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        write_export(store, TASK, tmp_path / "nowhere" / "a.jsonl", "jsonl")
    with pytest.raises(InputError, match="a folder of that name"):
        write_export(store, TASK, tmp_path, "jsonl")
