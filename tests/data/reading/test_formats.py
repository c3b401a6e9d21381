"""A file's content decides how it is read, whatever it is called; what holds no notes is refused as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.notes import Note, read_notes
from data.reading.formats import ENDINGS, FORMATS
from data.reading.records import USUAL, Columns, Refusal
from tests.kit.documents import HTML, RTF, letter, pdf, workbook, zipped
from tests.kit.note_files import CANARY, TASK, file, lines, only, read

TWO = [{"id": "a", "text": "One, two."}, {"id": "b", "text": "Three, four."}]
ROWS = "id,text\na,One; two.\nb,Three; four.\n"


def read_telling(path: Path, columns: Columns = USUAL) -> tuple[list[Note], list[Refusal], list[str]]:
    said: list[str] = []
    found = list(read_notes(path, TASK, original=False, columns=columns, tell=said.append))
    return [one for one in found if isinstance(one, Note)], [one for one in found if isinstance(one, Refusal)], said


@pytest.mark.parametrize(
    ("name", "raw", "n_notes", "remark"),
    [
        ("a.txt", lines(*TWO), 2, "read as JSON."),
        ("a.csv", lines(*TWO), 2, "read as JSON."),
        ("a.dat", lines(*TWO), 2, "read as JSON."),
        ("a.txt", ROWS, 2, "read as a table."),
        ("a.json", ROWS, 2, "read as a table."),
        ("a.txt", "sep=;\nid;text\na;One.\n", 1, "read as a table."),
        ("a.txt", RTF, 1, "read as RTF."),
        ("a.doc", RTF, 1, "read as RTF."),
        ("a.txt", HTML, 1, "read as HTML."),
        ("a.doc", letter(), 1, "read as a Word document."),
        ("a.txt", pdf("One."), 1, "read as PDF."),
        ("a.csv", workbook(["id", "text"], [1, "One."]), 1, "read as an Excel workbook."),
        ("a.md", "# Report\n\nOne.", 1, None),
        ("a.ndjson", lines(*TWO), 2, None),
        ("a.txt", "[Report] One.\n{two} three", 1, None),
        ("a.txt", "Text, of a note.\nInput, of another.\n", 1, None),
        ("a.txt", "Haemoglobin\t12.1\tg/dl\nLeucocytes\t5.4\t/nl\nPlatelets\t200\t/nl\n", 1, None),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 20 else "",
)
def test_the_content_decides(tmp_path: Path, name: str, raw: str | bytes, n_notes: int, remark: str | None) -> None:
    notes, refusals, said = read_telling(file(tmp_path, raw, name))
    assert not refusals
    assert len(notes) == n_notes
    assert [one for one in said if "read as" in one] == ([f"{name}: {remark}"] if remark else [])


def test_a_text_file_that_excel_wrote_is_a_table(tmp_path: Path) -> None:
    row = "{}\t1.2.\tTumor der linken Mamma, {} cm, keine Metastasen.\n"
    rows = "Fallnr\tDatum\tBefund\n" + "".join(row.format(n, n) for n in range(3))
    path = file(tmp_path, rows, "register.txt")
    assert "the columns Fallnr, Datum, Befund" in only(path).found
    assert len(read_telling(path, Columns("Befund", "Fallnr"))[0]) == 3


CONLL = "".join(f"{word} NN O\n" for word in [CANARY, "of", "the", "left", "breast", "."]) + "cancer NN B-DISEASE\n"


@pytest.mark.parametrize(
    ("name", "raw", "found"),
    [
        ("a.txt", CONLL, "(CoNLL)"),
        ("a.xml", f'<?xml version="1.0"?><Order>{CANARY}</Order>', "an XML file of another kind"),
        ("a.txt", b"\x89PNG\r\n\x1a\n" + CANARY.encode(), "a picture"),
        ("scan.txt", b"\0" * 128 + b"DICM" + CANARY.encode(), "a picture"),
        ("a.jsonl", b"MZ\x90\0" + CANARY.encode(), "a program"),
        ("a.csv", b"SQLite format 3\0" + CANARY.encode(), "a database"),
        ("a.json", b"\x80\x04\x95" + CANARY.encode(), "a pickle"),
        ("a.txt", b"BZh91AY" + CANARY.encode(), "an archive"),
        (
            "a.odt",
            zipped({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": "<a/>"}),
            "OpenDocument",
        ),
        ("a.bin", bytes(range(256)) * 9, "another ending, .bin"),
    ],
    ids=range(10),
)
def test_a_wrong_file_is_refused_whole(tmp_path: Path, name: str, raw: str | bytes, found: str) -> None:
    refusal = only(file(tmp_path, raw, name))
    assert found in refusal.found
    assert refusal.is_file


def test_a_text_with_a_report_a_line_is_remarked_on(tmp_path: Path) -> None:
    report = "Left lung, upper lobe, wedge resection: adenocarcinoma of acinar pattern, 14 mm, margins free."
    _, _, said = read_telling(file(tmp_path, f"{report}\n" * 3, "a.txt"))
    assert said == ["a.txt: read as one note. If each line is a report, save it as .csv, with text as first line."]
    assert not read_telling(file(tmp_path, f"{report}\nIt goes on.\n{report}\n", "b.txt"))[2]


def test_a_spark_folder_is_read_without_a_word_about_its_marks(tmp_path: Path) -> None:
    folder = tmp_path / "notes.json"
    folder.mkdir()
    for number in range(2):
        file(folder, lines(TWO[number]), f"part-0000{number}-x.json")
    file(folder, b"", "_SUCCESS")
    file(folder, b"crc", ".part-00000-x.json.crc")
    notes, refusals = read(folder)
    assert not refusals
    assert [note.external_id for note in notes] == ["a", "b"]


def test_a_folder_of_datasets_is_read(tmp_path: Path) -> None:
    import datasets

    datasets.disable_progress_bars()
    made = datasets.Dataset.from_list([{**row, "ward": number} for number, row in enumerate(TWO)])
    datasets.DatasetDict({"train": made}).save_to_disk(str(tmp_path / "set"))
    notes, refusals = read(tmp_path / "set")
    assert not refusals
    assert [(note.external_id, note.metadata) for note in notes] == [("a", {"ward": 0}), ("b", {"ward": 1})]


def test_columns_in_capitals(tmp_path: Path) -> None:
    notes, _ = read(file(tmp_path, "ID,Text\n7,One.\n", "a.csv"))
    assert [(note.external_id, note.text, note.metadata) for note in notes] == [("7", "One.", {})]
    refusal = only(file(tmp_path, f"Text,TEXT ,text\n{CANARY},x,y\n", "b.csv"))
    assert "one column with the notes; found the columns Text, TEXT, text" in refusal.sentence
    notes, _, _ = read_telling(tmp_path / "b.csv", Columns("TEXT"))
    assert [note.text for note in notes] == ["x"]


def test_a_note_deep_in_a_record(tmp_path: Path) -> None:
    record = {"doc": {"text": "One.", "ward": "B", "key": {"no": 7.0}}, "id": 3}
    notes, refusals, _ = read_telling(file(tmp_path, lines(record)), Columns("doc.text", "doc.key.no"))
    assert not refusals
    assert [(note.text, note.external_id) for note in notes] == [("One.", "7")]
    assert notes[0].metadata == {"doc": {"ward": "B"}, "id": 3}
    flat = lines({"doc.text": "Two.", "doc": 1})
    assert read_telling(file(tmp_path, flat), Columns("doc.text"))[0][0].text == "Two."
    _, (refusal,), _ = read_telling(file(tmp_path, lines({"doc": {}})), Columns("doc.text"))
    assert "the note as a string; found null" in refusal.sentence


@pytest.mark.parametrize("text", [",,\n,,\n", ";", "\t\n\t", ',"' + "x" * 70_000])
def test_separators_alone_are_no_table(tmp_path: Path, text: str) -> None:
    assert len(read_telling(file(tmp_path, text, "a.txt"))[1]) == 1


def test_every_format_has_a_name_and_endings_of_its_own() -> None:
    assert len({form.name for form in FORMATS}) == len(FORMATS)
    assert len(set(ENDINGS)) == len(ENDINGS)
