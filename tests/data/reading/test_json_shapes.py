"""JSON that is one object around all records, and the tables that pandas writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas
import pytest

from data.notes import Note, read_notes
from data.reading.json import window
from data.reading.records import Columns
from tests.kit.note_files import CANARY, TASK, file, only, read

BOTH = [("a", "One.", {}), ("b", "Two.", {})]
ROWS = [{"id": "a", "text": "One."}, {"id": "b", "text": "Two."}]


@pytest.mark.parametrize(
    "whole",
    [
        {"documents": ROWS},
        {"version": "1.0", "data": ROWS, "info": {"by": ["x"]}},
        {"labels": [{"name": "x"}], "notes": ROWS},
        {"schema": {"fields": [{"name": "id"}]}, "data": ROWS},
        {"0": ROWS[0], "1": ROWS[1]},
        {"id": {"0": "a", "1": "b"}, "text": {"0": "One.", "1": "Two."}},
        {"columns": ["id", "text"], "index": [0, 1], "data": [["a", "One."], ["b", "Two."]]},
    ],
    ids=["wrapped", "with more", "two lists", "a schema", "rows", "columns", "split"],
)
@pytest.mark.parametrize("indent", [None, 1])
def test_records_in_one_object(tmp_path: Path, whole: Any, indent: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    path = file(tmp_path, json.dumps(whole, indent=indent), "a.json")
    for size in (1 << 20, 7):
        monkeypatch.setattr(window, "CHUNK_BYTES", size)
        notes, refusals = read(path)
        assert not refusals
        assert [(note.external_id, note.text, note.metadata) for note in notes] == BOTH


@pytest.mark.parametrize("orient", ["columns", "index", "split", "records", "table"])
def test_what_pandas_writes_is_read(tmp_path: Path, orient: Any) -> None:
    path = tmp_path / "a.json"
    frame = pandas.DataFrame({"id": [1, None], "text": ["One.", "Two."], "ward": ["B", None]})
    frame.to_json(path, orient=orient)
    notes, refusals = read(path)
    assert not refusals
    assert [(note.external_id, note.text) for note in notes] == [("1", "One."), (None, "Two.")]
    assert notes[0].metadata["ward"] == "B"
    frame.rename(columns={"text": "report"}).to_json(path, orient=orient)
    found = read_notes(path, TASK, original=False, columns=Columns("report", "id"))
    assert [note.text for note in found if isinstance(note, Note)] == ["One.", "Two."]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (json.dumps({"a": ROWS, "b": ROWS}), "one list of records; found several, a, b; put that with the notes"),
        (f'{{"documents": [{{"text": "{CANARY}"}}, {{"text": "x"}}, {{"te', "the end of the file in the middle of it"),
        (f'{{"documents": [{{"text": "{CANARY}"}}, {{"text": "x"}}] "b": 1}}', "nothing of the file was read"),
        (f'{{"id": {{"0": 1}}, "text": {{"0": "{CANARY}", "1": "x"}}}}', "found an object"),
        (f'{{"id": {{"0": 1}}, "text": {{"0": "{CANARY}\\u0000"}}}}', "U+0000"),
        (f'{{"id": {{"0": 1}}, "text": {{"0": "{CANARY}",}}}}', "expected JSON; found a fault"),
        (f'{{"id": {{"0": 1}}, "text": {{"0": "{CANARY}"}}}} x', "expected"),
    ],
    ids=["several lists", "cut", "a fault", "uneven columns", "NUL", "a comma too many", "something behind"],
)
def test_what_cannot_be_trusted_is_refused_whole(tmp_path: Path, text: str, said: str) -> None:
    assert said in only(file(tmp_path, text, "a.json")).sentence


def test_a_bad_record_of_a_list_is_refused_alone(tmp_path: Path) -> None:
    text = json.dumps({"documents": [*ROWS, {"text": 3}]}).replace('"Two."', "NaN")
    (note,), refusals = read(file(tmp_path, text, "a.json"))
    assert note.text == "One."
    assert [refusal.column for refusal in refusals] == [65, None]
    assert not any(refusal.is_file for refusal in refusals)


def test_an_object_with_a_list_is_a_record_where_it_has_a_text(tmp_path: Path) -> None:
    record = {"text": "One.", "parts": [{"start": 0}], "more": {"a": 1}}
    (note,), _ = read(file(tmp_path, json.dumps(record, indent=1), "a.json"))
    assert note.metadata == {"parts": [{"start": 0}], "more": {"a": 1}}


def test_a_table_in_one_object_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data.reading.json.shapes.MAX_HELD_VALUES", 3)
    refusal = only(file(tmp_path, json.dumps({"columns": ["text"], "data": [[CANARY]] * 4}), "a.json"))
    assert "write it as JSON lines" in refusal.advice
