"""Encodings and separators: what spreadsheets of any country write is read, or refused as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.notes import Note, read_notes
from data.reading.records import USUAL, Columns, Refusal
from tests.kit.note_files import TASK, file, lines, only, read

NOTES = ["Größe 3 cm; µ – „Spieß“, ja.", "Plain ASCII, with 2; 3.", "Zeile eins.\nZeile zwei, „so“; ß."]
MULTI = [note.replace("\n", "\r\n") for note in NOTES]
TABLE = "id{0}text{0}Datum\r\n" + "".join(f'{n}{{0}}"{note}"{{0}}1.2.\r\n' for n, note in enumerate(MULTI))
ONE_LINES = lines(*({"text": note} for note in NOTES))


def told(path: Path, columns: Columns = USUAL) -> tuple[list[str], list[str], list[Refusal]]:
    """The texts of a file, what was said about how it was read, and what was refused."""
    said: list[str] = []
    found = list(read_notes(path, TASK, original=False, columns=columns, tell=said.append))
    refusals = [one for one in found if isinstance(one, Refusal)]
    return [one.text for one in found if isinstance(one, Note)], said, refusals


@pytest.mark.parametrize(
    ("name", "raw", "said"),
    [
        ("a.csv", TABLE.format(",").encode(), []),
        ("a.csv", TABLE.format(";").encode("utf-8-sig"), ["read with semicolons between the columns"]),
        ("a.csv", TABLE.format(";").encode("cp1252"), ["read as Windows-1252", "read with semicolons"]),
        ("a.csv", TABLE.format("\t").encode("utf-16"), ["read as UTF-16", "read with tabs"]),
        ("a.csv", b"\xfe\xff" + TABLE.format("\t").encode("utf-16-be"), ["read as UTF-16", "read with tabs"]),
        ("a.csv", TABLE.format(",").encode("utf-16-le"), ["read as UTF-16"]),  # with nothing that announces it
        ("a.csv", TABLE.format(",").encode("utf-32"), ["read as UTF-32"]),
        ("a.csv", ("sep=;\r\n" + TABLE.format(";")).encode(), ["read with semicolons"]),
        ("a.csv", ('"SEP=|"\r\n' + TABLE.format("|")).encode("utf-8-sig"), ["read with bars"]),
        ("a.csv", TABLE.format(";").replace("\r\n", "\n").replace("\n", "\r").encode(), ["read with semicolons"]),
        ("a.tsv", TABLE.format("\t").encode(), []),
        ("a.tsv", TABLE.format(";").encode(), ["read with semicolons"]),
        ("a.jsonl", ONE_LINES.encode("cp1252"), ["read as Windows-1252"]),
        ("a.json", ONE_LINES.encode("utf-16"), ["read as UTF-16"]),
    ],
    ids=range(14),
)
def test_what_spreadsheets_write_is_read_whole(tmp_path: Path, name: str, raw: bytes, said: list[str]) -> None:
    texts, remarks, refusals = told(file(tmp_path, raw, name))
    assert not refusals
    assert texts == NOTES
    assert len(remarks) == len(said)
    assert all(part in remark and remark.startswith(name) for part, remark in zip(said, remarks, strict=True))


def test_a_text_in_windows_1252_is_read_and_said_to_be(tmp_path: Path) -> None:
    path = file(tmp_path, NOTES[0].encode("cp1252"), "a.txt")
    assert told(path) == ([NOTES[0]], ["a.txt: read as Windows-1252."], [])


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_does_not_depend_on_what_columns_are_asked_for(tmp_path: Path, separator: str) -> None:
    rows = [["Fallnr", "Befund", "Datum"], *([str(n), f'"{note}"', "1,5"] for n, note in enumerate(NOTES))]
    quoted = [[f'"{cell}"' if separator in cell and '"' not in cell else cell for cell in row] for row in rows]
    path = file(tmp_path, "".join(separator.join(row) + "\n" for row in quoted), "a.csv")
    assert told(path, Columns("Befund", "Fallnr"))[0] == NOTES
    refusal = only(path)
    assert "the columns Fallnr, Befund, Datum" in refusal.found
    assert "--text-column" in refusal.advice


@pytest.mark.parametrize(
    ("text", "texts"),
    [
        ("text\nOne; two; three.\nFour; five.\n", ["One; two; three.", "Four; five."]),
        ('text\n"One, two."\n"Three; four."\n', ["One, two.", "Three; four."]),
        ('nr,"a; b; c",text\n1,x; y; z,One.\n', ["One."]),
        ("id,text\n1,One; two\n2,Three; four\n", ["One; two", "Three; four"]),
        ("id;text\n1;One, two\n2;Three, four\n", ["One, two", "Three, four"]),
        ("\n\nid;text\n1;One.\n", ["One."]),
        ('sep="\nid;text\n1;One.\n', []),
        ("id,text\n1,One.\n2,Two, too many\n3,Three, more, commas\n4,Four;\n", ["One.", "Four;"]),
    ],
    ids=range(8),
)
def test_separators_in_texts_are_not_taken_for_those_between_columns(
    tmp_path: Path, text: str, texts: list[str]
) -> None:
    assert told(file(tmp_path, text, "a.csv"))[0] == texts


def test_a_table_longer_than_what_is_looked_at_first(tmp_path: Path) -> None:
    text = "id;text\n" + "".join(f'{n};"{note}\n{"x, y; " * 900}"\n' for n, note in enumerate(NOTES * 20))
    texts, _, refusals = told(file(tmp_path, text.encode("cp1252"), "a.csv"))
    assert (len(texts), len(refusals)) == (60, 0)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ("1,Größe\n".encode() + "2,Größe\n".encode("cp1252"), "line 3, column 5: expected one encoding in the whole"),
        ("1,Größe\n".encode("cp1252") + "2,Größe\n".encode(), "line 2, column 5: expected one encoding in the whole"),
        (b"1,x\xed\xa0\xbd\n", "line 2, column 4: expected one encoding"),  # half of a surrogate pair
        (b"1,t\xe9\n2,t\x81\n", "line 2, column 4: expected text in UTF-8, UTF-16 or an encoding that"),
        ("1,Рак молочной железы\n".encode()[:-2], "line 2, column 21: expected one encoding"),
    ],
    ids=["mixed", "mixed the other way", "half a pair", "too little", "broken off"],
)
def test_what_has_no_one_encoding_is_refused_whole(tmp_path: Path, raw: bytes, said: str) -> None:
    refusal = only(file(tmp_path, b"id,text\n" + raw + b"3,Three.\n" * ("broken" not in said), "a.csv"))
    assert said in refusal.sentence
    assert "save the file as UTF-8" in refusal.advice
    assert refusal.is_file


def test_a_place_far_into_a_file_is_counted_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data.reading.encodings.STRETCH_BYTES", 7)
    text = "Zeile eins.\nZweite Größe, lang.\nDritte \udce9.\n"
    refusal = only(file(tmp_path, text.encode("utf-8", "surrogateescape"), "a.txt"))
    assert (refusal.line, refusal.column) == (3, 8)
    texts, _, _ = told(file(tmp_path, TABLE.format(";").encode("utf-16"), "a.csv"))
    assert texts == NOTES  # each character is cut somewhere


def test_utf_16_that_breaks_off_is_refused_whole(tmp_path: Path) -> None:
    refusal = only(file(tmp_path, TABLE.format(",").encode("utf-16")[:-1], "a.csv"))
    assert "UTF-16 text; found" in refusal.sentence
    assert refusal.is_file


@pytest.mark.parametrize(
    ("name", "raw", "said"),
    [
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office file (.doc or .xls); save it as .docx, .xlsx"),
        ("a.csv", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office file (.doc or .xls); save it as .docx, .xlsx"),
        ("a.txt", b"\xff\xd8\xff\xe0\x00\x10JFIF", "a picture; recognise its text first (OCR)"),
        ("a.txt", b"\x7fELF\x02\x01\x01", "a program; choose the file that holds the notes"),
        ("a.doc", b"x", "another ending, .doc; save it as .docx or .txt"),
        ("notes", b"x", "no ending"),
    ],
    ids=range(6),
)
def test_what_is_no_text_is_refused_with_what_helps(tmp_path: Path, name: str, raw: bytes, said: str) -> None:
    refusal = only(file(tmp_path, raw, name))
    assert said in refusal.sentence
    assert refusal.is_file


def test_notes_of_one_file_stay_together(tmp_path: Path) -> None:
    """One row with a letter beyond ASCII among many: neither left out nor left alone."""
    rows = "".join(f"{n},Plain report {n}.\n" for n in range(3000))
    notes, refusals = read(file(tmp_path, f"id,text\n{rows}3000,Größe.\n".encode("cp1252"), "a.csv"))
    assert (len(notes), notes[-1].text, refusals) == (3001, "Größe.", [])


def test_a_long_line_is_looked_at_once(tmp_path: Path) -> None:
    # A pattern that tries each character of a line again takes hours: the suite's time limit is the assertion.
    path = file(tmp_path, b"x \x90" + b"\n" + b"y" * (2 << 20), "note.txt")
    assert "0x90" in only(path).sentence


OLDER = {
    "cp1250": "Pacjentka z rakiem piersi lewej, przerzuty do węzłów chłonnych i kości; później źle.",
    "iso8859_2": "Pacjentka z rakiem piersi lewej, przerzuty do węzłów chłonnych i kości; później źle.",
    "cp1252": "Carcinome canalaire, récepteurs positifs à 90 %, métastases hépatiques découvertes.",
    "cp1254": "Hasta meme kanseri, karaciğer metastazı yok. Şişlik görüldü; ışın tedavisi.",
    "mac_roman": "Befund für die Ärztin: Größe 2 cm, Drüsenkörper unauffällig, Übergang möglich, später größer.",
    "cp850": "Befund für die Ärztin: Größe 2 cm, Drüsenkörper unauffällig, Übergang möglich, später größer.",
    "cp1251": "Рак молочной железы, метастазы в печень. Пациентка 54 лет.",
    "koi8_r": "Рак молочной железы, метастазы в печень. Пациентка 54 лет.",
    "cp1253": "Ασθενής με καρκίνο του μαστού και μεταστάσεις στο ήπαρ.",
    "cp1255": "חולה בת 54 עם סרטן שד, גרורות בכבד. טיפול כימותרפי.",
    "cp932": "病理診断：右肺上葉の浸潤性腺癌、中分化型。リンパ節転移あり。",
    "euc_jp": "病理診断：右肺上葉の浸潤性腺癌、中分化型、大きさ3.5cm。リンパ節転移2/15。免疫染色：TTF-1陽性。",
    "gb18030": "病理诊断：右肺上叶浸润性腺癌，中分化，大小3.5cm。淋巴结转移2/15。",
    "big5": "病理診斷：右肺上葉浸潤性腺癌，中分化，大小3.5cm。淋巴結轉移2/15。",
    "cp949": "환자는 54세 여성으로 유방암 진단을 받았다. 간 전이 없음.",
}


@pytest.mark.parametrize("codec", OLDER)
def test_older_encodings_are_told_by_their_letters(tmp_path: Path, codec: str) -> None:
    rows = "id,text\n1,Plain.\n" + f'2,"{OLDER[codec]}"\n'
    texts, remarks, refusals = told(file(tmp_path, rows.encode(codec), "a.csv"))
    assert not refusals
    assert texts == ["Plain.", OLDER[codec]]
    assert len(remarks) == 1


@pytest.mark.parametrize("codec", ["cp850", "mac_roman"])
def test_a_few_letters_are_not_enough_to_guess_from(tmp_path: Path, codec: str) -> None:
    path = file(tmp_path, "Größe 3 cm.".encode(codec), "a.txt")
    assert "--encoding NAME" in only(path).advice
    assert told(path, Columns(codec=codec))[0] == ["Größe 3 cm."]


def test_who_names_the_encoding_is_believed_and_checked(tmp_path: Path) -> None:
    path = file(tmp_path, "é".encode("cp1252") * 9, "a.txt")
    assert told(path, Columns(codec="cp1251")) == (["й" * 9], ["a.txt: read as Windows-1251."], [])
    refused = told(path, Columns(codec="utf-16"))[2]
    assert "UTF-16 text; found bytes that are not" in refused[0].sentence
    assert told(file(tmp_path, "Größe.", "b.txt"), Columns(codec="utf-8")) == (["Größe."], [], [])


def test_a_long_line_with_one_odd_byte_is_looked_at_once(tmp_path: Path) -> None:
    """A search from each place of the line would take minutes here."""
    refusal = only(file(tmp_path, b'{"text": "' + b"x" * 2_000_000 + b'\xc3 \xe2\x82\xac"}\n', "a.jsonl"))
    assert "UTF-8 and the byte 0xC3" in refusal.found
