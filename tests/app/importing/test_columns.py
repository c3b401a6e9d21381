"""Which column is what: one rule for the command line and the browser, told before anything is written."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from urllib.parse import quote

import pytest

from app.core.errors import InputError
from app.importing.columns import plan_file
from app.importing.load import import_files
from app.importing.preview import preview
from app.screens.queue.uploads import file_name
from data.reading.records import USUAL, Columns
from data.task import load_task
from db.notes.queue.search import counts, search_notes
from db.store.store import open_store

TASK = load_task()
REPORT = "A report that is long enough to be taken for a note with the number {}."


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path / "store" / "caseloop.db") as opened:
        yield opened


def table(tmp_path: Path, header: str, *rows: str, name: str = "registry.csv") -> Path:
    path = tmp_path / name
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def planned(path: Path, chosen: Columns = USUAL, *, original: bool = False):
    return plan_file(path, TASK, chosen, original=original)


@pytest.mark.parametrize(
    ("header", "rows", "text", "column_id", "is_repeated"),
    [
        ("id,text,ward", ["1,One.,3"], "text", "id", False),
        ("ID,Text", ["1,One."], "Text", "ID", False),
        ("Text,TEXT ,text", ["a,b,One."], "text", None, False),
        ("document_id,ocr_text", [f"{n},{REPORT.format(n)}" for n in range(3)], "ocr_text", "document_id", False),
        ("file_path,body", [f"{n}.pdf,{REPORT.format(n)}" for n in range(3)], "body", "file_path", False),
        ("record_id,path_report", [f"1,{REPORT.format(n)}" for n in range(3)], "path_report", "record_id", True),
        ("room_no,path_report", [f"1,{REPORT.format(n)}" for n in range(3)], "path_report", None, False),
        ("ward_id,mrn,body", [f"1,{n},{REPORT.format(n)}" for n in range(3)], "body", "mrn", False),
        ("a,b", ["1,2"], None, None, False),
    ],
)  # fmt: skip
def test_columns_are_guessed(tmp_path, header, rows, text, column_id, is_repeated):
    plan = planned(table(tmp_path, header, *rows))
    assert (plan.text, plan.id, plan.is_repeated) == (text, column_id, is_repeated)


def test_what_becomes_of_a_column_named_like_a_field(store, tmp_path):
    path = table(tmp_path, "id,text,stage,ward", "1,One.,IIA,3")
    plan = planned(path)
    assert plan.roles == {"id": "id", "text": "text", "stage": "like a label", "ward": "metadata"}
    assert plan.sentences(on_terminal=True) == [
        "registry.csv: stage is kept as metadata; --original takes it as a label."
    ]
    assert planned(path, original=True).roles["stage"] == "label"
    assert import_files(store, TASK, [path]).remarks == [
        "registry.csv: stage is kept as metadata; “take the labels too” takes it as a label."
    ]


def test_whole_labels_are_left_out_and_said(tmp_path):
    path = table(tmp_path, f"text,{','.join(TASK.keys)}", f"One.,{','.join('abcdefg')}")
    plan = planned(path)
    assert {plan.roles[key] for key in TASK.keys} == {"label aside"}
    assert "are left out; --original takes them" in plan.sentences(on_terminal=True)[0]


def test_guesses_are_said_and_a_choice_is_not(tmp_path):
    path = table(tmp_path, "document_id,ocr_text", f"7,{REPORT.format(1)}")
    (said,) = planned(path).sentences(on_terminal=True)
    assert said.startswith("registry.csv: the text is taken from ocr_text and the id from document_id; --text-column")
    assert planned(path, Columns("ocr_text", "document_id")).sentences(on_terminal=True) == []


def test_a_column_that_is_not_there_is_refused(tmp_path):
    path = table(tmp_path, "id,text", "1,One.")
    with pytest.raises(InputError, match=r"column .body. in registry\.csv; found the columns id, text"):
        planned(path, Columns("body"))
    assert plan_file(path, TASK, Columns("body"), original=False, strict=False).text == "text"


def test_a_preview_and_an_import_go_by_the_same_columns(store, tmp_path):
    rows = [f"c-{n},{REPORT.format(n)},{n % 2}" for n in range(4)]
    path = table(tmp_path, "document_id,ocr_text,ward", *rows)
    found = preview(store, TASK, path, chosen=USUAL, original=False)
    assert [(one["name"], one["becomes"]) for one in found["columns"]] == [
        ("document_id", "its id"), ("ocr_text", "the note"), ("ward", "metadata"),
    ]  # fmt: skip
    assert (found["n_new"], found["is_guessed"], found["is_id_guessed"]) == (4, True, True)
    with store.reading() as session:
        assert counts(session).n_notes == 0
    import_files(store, TASK, [path])
    with store.reading() as session:
        assert [row.external_id for row in search_notes(session)] == ["c-0", "c-1", "c-2", "c-3"]


def test_how_labels_were_read_is_told(store, tmp_path):
    rows = [{"text": "One.", "output": {"stage": "N/A"}}, {"text": "Two.", "output": {"stage": "none"}}]
    path = tmp_path / "labelled.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = [
        "2 labels were read as empty: words such as “N/A” for no value.",
        "Fields that 2 records lacked were read as empty: "
        + ", ".join(f"{key} (2)" for key in TASK.keys if key != "stage")
        + ".",
    ]
    assert preview(store, TASK, path, chosen=USUAL, original=True)["remarks"] == said
    report = import_files(store, TASK, [path], original=True)
    assert report.likeness_sentences() == said
    assert report.to_json()["n_placeholders"] == 2


@pytest.mark.parametrize(
    "name", ["Befund Müller 3.txt", unicodedata.normalize("NFD", "Jäger.txt"), "a (1)#2.txt", "日本.txt"]
)
def test_a_file_gives_its_note_the_same_id_either_way(store, tmp_path, name):
    sent = file_name(quote(name))
    for folder, one in (("typed", name), ("sent", sent)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / one).write_text(f"A report, {folder}.")
        import_files(store, TASK, [tmp_path / folder / one])
    with store.reading() as session:
        ids = {row.external_id for row in search_notes(session)}
    assert ids == {unicodedata.normalize("NFC", name).removesuffix(".txt")}


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("../../etc/passwd", "passwd"),
        ("..%2F..%2Fx.txt", "x.txt"),
        (".hidden.txt", "hidden.txt"),
        ("a%00b.txt", "ab.txt"),
        ("a%0Ab.txt", "a-b.txt"),
        ("", "notes"),
        ("%2E%2E", "notes"),
    ],
)
def test_a_file_name_is_no_path(sent, expected):
    assert file_name(sent) == expected


def test_a_file_name_is_no_longer_than_a_file_system_takes():
    name = file_name(quote("ä" * 300 + ".txt"))
    assert name.endswith("ä.txt")
    assert len(name.encode()) <= 240
