"""Workbooks: the sheet with the notes, its values as a person sees them."""

from __future__ import annotations

from datetime import datetime, time
from pathlib import Path

import openpyxl
import pytest

from data.notes import Note, read_notes
from data.reading.records import Columns
from tests.kit.documents import saved, unzipped, workbook, zipped
from tests.kit.note_files import CANARY, TASK, file, only, read


def test_values_are_as_they_are_seen(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["id", "text", "day", "minute", "share", "sure", "at", None, "sum"])
    sheet.append(
        [
            12,
            "Größe 3 cm;\nER 90 %.",
            datetime(2024, 1, 31),
            datetime(2024, 1, 31, 8, 5),
            0.5,
            True,
            time(8, 30),
            "x",
            "#DIV/0!",
        ]
    )
    sheet.append([7.0, "_x000D_\nTwo.", None, None, None, None, None, None, "#N/A"])
    sheet["A3"].number_format = "00000"
    (first, second), refusals = read(file(tmp_path, saved(book), "a.xlsx"))
    assert not refusals
    assert (first.external_id, first.text) == ("12", "Größe 3 cm;\nER 90 %.")
    assert first.metadata == {
        "day": "2024-01-31",
        "minute": "2024-01-31T08:05:00",
        "share": 0.5,
        "sure": True,
        "at": "08:30:00",
        "column_8": "x",
    }
    assert (second.external_id, second.text, second.metadata) == ("00007", "\nTwo.", {})
    assert first.place == "a.xlsx line 2"


def test_the_sheet_with_the_notes_is_found(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(file(tmp_path, workbook(["Legend", "of it"], ["a", "b"]), "base.xlsx"))
    for title, rows, state in (
        ("Notes", [["Registry, export of May"], [], ["ID", "Text"], [1, "One."], [], [2, "Two."]], "visible"),
        ("More", [["id", "text"], [3, "Three."]], "visible"),
        ("Hidden", [["id", "text"], [4, CANARY]], "hidden"),
    ):
        sheet = book.create_sheet(title)
        sheet.sheet_state = state
        for row in rows:
            sheet.append(row)
    said: list[str] = []
    path = file(tmp_path, saved(book), "a.xlsx")
    notes = [one for one in read_notes(path, TASK, original=False, tell=said.append) if isinstance(one, Note)]
    assert [(note.external_id, note.text) for note in notes] == [("1", "One."), ("2", "Two."), ("3", "Three.")]
    assert said == ["a.xlsx: read 2 of its 3 sheets, those with notes."]
    legend = only(file(tmp_path, workbook(["Legend", "of it"]), "b.xlsx"))
    assert "the columns Legend, (not a plain name)" in legend.found
    path = file(tmp_path, workbook(["no", "Befund"], [1, "One."]), "c.xlsx")
    chosen = read_notes(path, TASK, original=False, columns=Columns("Befund", "no"))
    assert [note.external_id for note in chosen if isinstance(note, Note)] == ["1"]


def test_a_cell_in_the_last_place_costs_nothing(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(file(tmp_path, workbook(["id", "text"], [1, "One."]), "base.xlsx"))
    assert book.active is not None
    book.active["XFD1048576"] = "x"
    notes, (refusal,) = read(file(tmp_path, saved(book), "a.xlsx"))
    assert [note.text for note in notes] == ["One."]
    assert refusal.line == 1_048_576


def test_wrong_dimensions_are_not_believed(tmp_path: Path) -> None:
    members = unzipped(workbook(["id", "text"], [1, "One."]))
    sheet = members["xl/worksheets/sheet1.xml"]
    assert b'ref="A1:B2"' in sheet
    members["xl/worksheets/sheet1.xml"] = sheet.replace(b'ref="A1:B2"', b'ref="A1"')
    assert read(file(tmp_path, zipped(members), "a.xlsx"))[0][0].text == "One."


@pytest.mark.parametrize("part", ["xl/workbook.xml", "xl/worksheets/sheet1.xml"])
def test_a_broken_workbook_is_refused(tmp_path: Path, part: str) -> None:
    members = unzipped(workbook(["id", "text"], [1, CANARY]))
    members[part] = members[part][:-20]
    assert "a whole workbook; found a fault in it" in read(file(tmp_path, zipped(members), "a.xlsx"))[1][-1].sentence
    members[part] = f'<!DOCTYPE x [<!ENTITY e "{CANARY}">]><x>&e;</x>'.encode()
    assert only(file(tmp_path, zipped(members), "a.xlsx")).is_file
