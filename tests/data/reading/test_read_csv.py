"""Notes from CSV; above all what is said of bad rows."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest

from data.notes import Note, read_notes
from data.reading.records import Refusal
from data.task import Extraction
from tests.kit.note_files import CANARY, EMPTY, FIRST, REST, TASK, file, only, read


def test_csv(tmp_path: Path) -> None:
    path = file(tmp_path, '\ufeffid,text,ward\r\n1,"One, ""two"".\r\nNext.",B\r\n\r\n2,Three.,\r\n', "notes.csv")
    notes, refusals = read(path)
    assert not refusals
    assert [note.text for note in notes] == ['One, "two".\nNext.', "Three."]
    assert [note.external_id for note in notes] == ["1", "2"]
    assert [note.metadata for note in notes] == [{"ward": "B"}, {}]


def test_labelled_csv(tmp_path: Path) -> None:
    flat = f"text,{','.join(TASK.keys)}\nOne.,melanoma{',' * len(REST)}\n"
    nested = 'input,output\nOne.,"{}"\n'.format(json.dumps({**EMPTY, FIRST: "melanoma"}).replace('"', '""'))
    for text in (flat, nested):
        notes, refusals = read(file(tmp_path, text, "notes.csv"), original=True)
        assert not refusals
        assert notes[0].gold == Extraction(TASK, {**EMPTY, FIRST: "melanoma"})


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (f"1,{CANARY},B,C", "3 values; found 4"),
        (f"1,{CANARY}", "3 values; found 2"),
        (f'1,"{CANARY}"x,B', "a comma or the end of the line after a quoted cell; found more text; double the quotes"),
        (f"1,{CANARY}\rx,B", "a cell with a line break in quotes"),
        ("1,,B", "found null"),
        (f"1,{CANARY}\0,B", "U+0000"),
        (f"1,{'x' * 200_000},B", "at most 20,000 characters; found 200,000; split it"),
        (f"1,{'x' * 5_000_000},B", "more than 4,194,304 bytes"),
    ],
    ids=range(8),
)
def test_a_bad_row_is_refused_alone(tmp_path: Path, row: str, said: str) -> None:
    notes, (refusal,) = read(file(tmp_path, f"id,text,ward\n0,One.,A\n{row}\n2,Three.,C\n", "notes.csv"))
    assert [note.text for note in notes] == ["One.", "Three."]
    assert refusal.line == 3
    assert not refusal.is_file
    assert said in refusal.sentence


def test_a_quote_left_open_ends_in_refusals_and_bounded_memory(tmp_path: Path) -> None:
    path = file(tmp_path, "id,text\n0,One.\n" + f'1,"{CANARY}\n' + f"{CANARY} {'x' * 190}\n" * 20_000, "notes.csv")
    tracemalloc.start()
    reader = read_notes(path, TASK, original=False)
    first, second, *_ = next(reader), next(reader), *(None for _ in reader)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(first, Note)
    assert isinstance(second, Refusal)
    assert second.line == 3
    assert peak < 20_000_000  # of 4 MB, of which the csv module holds each character in four bytes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            f"id,note,{CANARY} was here\n1,{CANARY},3\n",
            "a column text or input; found the columns id, note, (not a plain",
        ),
        (f"{CANARY} has cancer\n", "a column text or input"),
        ("text,text\na,b\n", "columns with different names"),
        (f'id,"text\n{CANARY}', "double quotes in pairs; found a quote that is opened and not closed"),
        (f"id^{CANARY}^text\n1^{CANARY}^x\n", "columns; found one, which looks like several with ^ between them"),
        ("id,text\n", "holds no records"),
        ("", "holds no records"),
    ],
    ids=range(7),
)
def test_a_csv_without_what_is_needed_is_refused_once(tmp_path: Path, text: str, said: str) -> None:
    refusal = only(file(tmp_path, text, "notes.csv"))
    assert said in refusal.sentence
    assert refusal.is_file


@pytest.mark.parametrize(
    ("rows", "n_notes", "said"),
    [
        ('1,"Two.\n2,Three.\n', 1, "a quote that is opened and not closed, and so nothing of the 2 lines"),
        ('1,"Two.\n2,"Three."\n3,Four.\n', 2, "found more text, and a row of 2 lines"),
    ],
)
def test_a_quote_left_open_takes_more_than_its_row(tmp_path: Path, rows: str, n_notes: int, said: str) -> None:
    notes, (refusal,) = read(file(tmp_path, f"id,text\n0,One.\n{rows}", "notes.csv"))
    assert len(notes) == n_notes
    assert refusal.is_file
    assert said in refusal.sentence


def test_an_escape_is_taken_off_where_caseloop_put_it(tmp_path: Path) -> None:
    cells = ["'=1 report", "''=1 report", "'quoted' report", "=1 report"]
    ours = file(tmp_path, "id,input\n" + "".join(f"{n},{cell}\n" for n, cell in enumerate(cells)), "ours.csv")
    assert [note.text for note in read(ours)[0]] == ["=1 report", "'=1 report", "'quoted' report", "=1 report"]
    theirs = file(tmp_path, "id,text\n" + "".join(f"{n},{cell}\n" for n, cell in enumerate(cells)), "theirs.csv")
    assert [note.text for note in read(theirs)[0]] == cells
