"""Notes from JSON lines and JSON; above all what is said of bad ones."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from data.limits import MAX_RECORD_BYTES
from data.notes import Note, read_notes
from tests.kit.note_files import CANARY, EMPTY, FIRST, TASK, file, lines, only, read

# --- JSON lines -------------------------------------------------------------------------------------------------------


def test_json_lines(tmp_path: Path) -> None:
    path = file(
        tmp_path,
        "\ufeff" + lines({"id": 7, "text": "Größe 3 cm.\r\nNext.", "ward": "B"}) + "\n  \n" + lines({"input": "Two."}),
    )
    notes, refusals = read(path)
    assert not refusals
    assert [note.text for note in notes] == ["Größe 3 cm.\nNext.", "Two."]
    assert [note.external_id for note in notes] == ["7", None]
    assert notes[0].metadata == {"ward": "B"}


def test_labels_are_read_when_asked_for(tmp_path: Path) -> None:
    record = {"instruction": "x", "input": "One.", "output": {**EMPTY, FIRST: " melanoma "}, "external_id": "a"}
    path = file(tmp_path, lines(record, {"input": "Two.", **EMPTY, FIRST: "glioma"}))
    notes, refusals = read(path, original=True)
    assert not refusals
    assert [note.gold[FIRST] if note.gold else None for note in notes] == ["melanoma", "glioma"]
    assert {note.origin for note in notes} == {"original"}
    assert [note.metadata for note in notes] == [{}, {}]

    notes, refusals = read(path)
    assert not refusals
    assert {(note.origin, note.gold) for note in notes} == {("incoming", None)}
    assert [note.metadata for note in notes] == [{}, {}]  # labels must not reach the reviewer by another way


def test_a_broken_line_does_not_stop_the_rest(tmp_path: Path) -> None:
    path = file(tmp_path, lines({"text": "One."}) + f'{{"text": "{CANARY}"\n' + lines({"text": "Three."}))
    notes, (refusal,) = read(path)
    assert [note.text for note in notes] == ["One.", "Three."]
    assert (refusal.file, refusal.line, refusal.column) == ("notes.jsonl", 2, 23)
    assert refusal.sentence == (
        "notes.jsonl, line 2, column 23: expected JSON; found a fault (expecting ',' delimiter); correct the line."
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f'["{CANARY}"]', "an object for each record; found a list"),
        (f'"{CANARY}"', "found a string"),
        ("null", "found null"),
        (f'{{"id": "{CANARY}"}}', "neither among the keys id"),
        ("{}", "neither among the keys none"),
        (f'{{"{CANARY} is a patient": 1}}', "not a plain name"),
        (f'{{"text": "{CANARY}", "input": "{CANARY}"}}', "found both"),
        (f'{{"text": ["{CANARY}"]}}', "as a string; found a list"),
        ('{"text": 3}', "found a number"),
        ('{"text": null}', "found null"),
        ('{"text": true}', "found true or false"),
        ('{"text": ""}', "a note with text; found an empty one"),
        (f'{{"text": "{CANARY}\\u0000"}}', "column 22: expected printable text; found U\\+0000, escaped"),
        (f'{{"text": "{CANARY}\\ud83d"}}', "found U\\+D83D, escaped"),
        (f'{{"text": "{CANARY}", "id": {{}}}}', "whole number; found an object"),
        (f'{{"text": "{CANARY}", "id": true}}', "found true or false"),
        (f'{{"text": "{CANARY}", "a": NaN}}', "NaN, which is not JSON"),
        (f'{{"text": "{CANARY}", "a": [-Infinity]}}', "-Infinity, which is not JSON"),
        (f'{{"text": "{CANARY}", "a": 1e999}}', "beyond the range"),
        (f'{{"text": "{CANARY}", "a": {"9" * 5000}}}', "more than 300 digits"),
        (f'{{"text": "x", "text": "{CANARY}"}}', "the key text twice"),
        (f'{{"text": "{CANARY}", "a": {{"b": 1, "b": 2}}}}', "the key b twice"),
        (f'{{"text": "{CANARY}"}} {{"text": "{CANARY}"}}', "one object a line; found something after it"),
        (f'{{"text": "{CANARY}", "a": {"[" * 100_000}', "nested too deeply"),
        (f'{{"text": "{CANARY}", "a": {"[" * 20}{"]" * 20}}}', "at most 16 levels"),
        (f'{{"text": "{CANARY}\t"}}', "invalid control character"),
        (f'{{"text": "{CANARY} <|eot_id|>"}}', "special token"),
        ('{"text": "' + "x" * 20_001 + '"}', "found 20,001"),
        (f'{{"text": "{CANARY}", "a": "{"x" * 5_000_000}"}}', "more than 4,194,304 bytes"),
    ],
    ids=range(29),
)
def test_a_bad_line_is_refused_alone(tmp_path: Path, line: str, said: str) -> None:
    path = file(tmp_path, lines({"text": "One."}) + line + "\n" + lines({"text": "Three."}))
    notes, (refusal,) = read(path)
    assert [note.text for note in notes] == ["One.", "Three."]
    assert refusal.line == 2
    assert said.replace("\\", "") in refusal.sentence


@pytest.mark.parametrize(
    ("line", "column", "found"),
    [
        ('{"text": "x", "a": NaN}', 20, "NaN"),
        ('{"text": "a NaN", "a": [1, -Infinity]}', 28, "-Infinity"),
        ('{"text": "1e999", "a": -1e999}', 24, "beyond the range"),
        ('{"text": "x \\" 1e999", "a": {"b": 1, "c": 1e9999}}', 43, "beyond the range"),
        (f'{{"text": "x", "a": {"9" * 301}}}', 20, "more than 300 digits"),
        ('{"text": "x\\u0000"}', 12, "U+0000"),
        ('{"text": "x\\\\u0000 \\uD83D"}', 20, "U+D83D"),
        ('{"text": "\\ud83e\\uddec \\uddec"}', 24, "U+DDEC"),
        ('{"text": "x", "\\udc00": 1}', 16, "U+DC00"),
        ('{"instruction": "\\u0000", "text": "x"}', 18, "U+0000"),
        ('{"text": "x\0"}', 12, "U+0000"),
    ],
    ids=range(11),
)
def test_what_no_text_and_no_number_can_be_is_named_with_its_place(
    tmp_path: Path, line: str, column: int, found: str
) -> None:
    raw = line.encode()
    notes, (refusal,) = read(file(tmp_path, b'{"text": "One."}\n' + raw + b'\n{"text": "Three."}\n'))
    assert len(notes) == 2
    assert (refusal.line, refusal.column) == (2, column)
    assert found in refusal.found
    notes, (refusal,) = read(file(tmp_path, b'[{"text": "One."},\n' + raw + b',\n{"text": "Three."}]', "a.json"))
    if b"\0" in raw:  # not JSON, so that what stands behind it cannot be read, and nothing is
        assert not notes
    else:
        assert len(notes) == 2
    assert (refusal.line, refusal.column) == (2, column)
    assert found in refusal.found


def test_two_halves_of_a_character_are_one(tmp_path: Path) -> None:
    notes, refusals = read(file(tmp_path, '{"text": "\\ud83e\\uddec \\\\ud83d \\\\u0000"}'))
    assert not refusals
    assert notes[0].text == "🧬 \\ud83d \\u0000"


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ({}, "found none of them"),
        ({**EMPTY, FIRST.upper(): None}, f"the field {FIRST} once"),
        ({**EMPTY, "surprise": CANARY}, "unknown surprise"),
        ({**EMPTY, f"{CANARY} is here": None}, "unknown (not a plain name)"),
        ({**EMPTY, FIRST: True}, f"or null in {FIRST}; found true or false"),
        ({**EMPTY, FIRST: [CANARY, CANARY]}, "found a list of 2"),
        ({**EMPTY, FIRST: CANARY * 1000}, "at most 2,000 characters"),
        ({**EMPTY, FIRST: f"{CANARY}\0"}, "U+0000"),
        ({**EMPTY, FIRST: f"{CANARY}<|eot_id|>"}, "special token"),
        ([CANARY], "an object under output; found a list"),
        (CANARY, "an object under output; found a string"),
        (None, "labels under output or labels, or in one column per field; found none"),
    ],
    ids=range(12),
)
def test_bad_labels_are_refused(tmp_path: Path, output: object, said: str) -> None:
    path = file(tmp_path, lines({"input": f"{CANARY}.", "output": output}, {"input": "Two.", "output": EMPTY}))
    notes, (refusal,) = read(path, original=True)
    assert [note.text for note in notes] == ["Two."]
    assert refusal.line == 1
    assert said in refusal.sentence


def test_memory_stays_bounded(tmp_path: Path) -> None:
    path = tmp_path / "long.jsonl"
    with path.open("wb") as stream:
        stream.write(b'{"text": "')
        for _ in range(64):
            stream.write(b"x" * (1 << 20))
        stream.write(b'"}\n{"text": "Two."}\n')
    tracemalloc.start()
    notes, refusals = read(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(notes) == len(refusals) == 1
    assert peak < 6 * MAX_RECORD_BYTES


def test_notes_are_read_one_by_one(tmp_path: Path) -> None:
    path = file(tmp_path, lines(*({"text": f"Note {number}."} for number in range(1000))))
    reader = read_notes(path, TASK, original=False)
    assert isinstance(reader, Iterator)
    first = next(reader)
    assert isinstance(first, Note)
    assert first.text == "Note 0."


# --- JSON -------------------------------------------------------------------------------------------------------------


def test_a_json_array_or_object(tmp_path: Path) -> None:
    path = file(tmp_path, json.dumps([{"text": "One."}, 3, {"text": "Two.", "a": [1]}], indent=1), "notes.json")
    notes, (refusal,) = read(path)
    assert [note.text for note in notes] == ["One.", "Two."]
    assert refusal.line == 5
    assert "found a number" in refusal.sentence
    assert len(read(file(tmp_path, ' {"text": "One."}\n', "one.json"))[0]) == 1


@pytest.mark.parametrize(
    ("text", "n_notes", "line", "said"),
    [
        ('[{"text": "One."},\n {"text": }]', 0, 2, "column 11: expected JSON"),
        ('[{"text": "One."}', 0, 1, "a whole JSON array; found the end of the file in the middle of it"),
        ('[{"text": "One."},\n', 0, 2, "a whole JSON array"),
        ('[{"text": "One."},\n{"text": "Tw', 0, 2, "a whole record; found the end of the file"),
        ('[{"text": "One."}] x', 0, 1, "nothing after the JSON array"),
        ('[{"text": "One."} {"text": "Two."}]', 0, 1, "a comma or the end of the array"),
        ('{"text": "One."} x', 0, 1, "expected JSON"),
        ('[{"text": "One.", "a": NaN},\n{"text": "Two."}]', 1, 1, "NaN"),
        ("[" * 100_000, 0, 1, "nested too deeply"),
        ("nonsense", 0, 1, "expected JSON"),
        ("[]", 0, None, "holds no records"),
        (" \n", 0, None, "holds no records"),
        ("", 0, None, "holds no records"),
    ],
    ids=range(13),
)
def test_a_bad_json_file(tmp_path: Path, text: str, n_notes: int, line: int | None, said: str) -> None:
    notes, (refusal,) = read(file(tmp_path, text, "notes.json"))
    assert (len(notes), refusal.line, refusal.is_file) == (n_notes, line, not n_notes)
    assert said in refusal.sentence
    assert refusal.sentence.count("nothing of the file was read") == (not n_notes and line is not None)


@pytest.mark.parametrize("name", ["notes.json", "notes.jsonl", "notes.ndjson"])
@pytest.mark.parametrize(
    "text",
    [
        '{"text": "One."}\n{"text": "Two."}',
        '\ufeff\n{"text": "One."}\r\n\r\n{"text": "Two."}\r\n',
        '{\n "text": "One."\n}\n{\n "text": "Two."\n}\n',
        '[{"text": "One."},\n{"text": "Two."}]',
        ' [\n {"text": "One."}, {"text": "Two."}\n ]\n',
    ],
    ids=["lines", "lines of Windows", "one after another", "an array", "an array of several lines"],
)
def test_what_a_file_holds_decides_and_not_its_name(tmp_path: Path, name: str, text: str) -> None:
    notes, refusals = read(file(tmp_path, text, name))
    assert not refusals
    assert [note.text for note in notes] == ["One.", "Two."]


@pytest.mark.parametrize("broken", [0, 1, 2])
def test_a_broken_line_of_lines_named_json_is_refused_alone(tmp_path: Path, broken: int) -> None:
    texts = ['{"text": "One."}', '{"text": "Two."}', '{"text": "Three."}']
    texts[broken] = '{"text": "x'
    notes, (refusal,) = read(file(tmp_path, "\n".join(texts) + "\n", "notes.json"))
    assert (len(notes), refusal.line, refusal.is_file) == (2, broken + 1, False)


def test_lines_that_break_off_are_not_a_whole_file(tmp_path: Path) -> None:
    for name in ("notes.json", "notes.jsonl"):
        notes, (refusal,) = read(file(tmp_path, '{"text": "One."}\n{"text": "Tw', name))
        assert len(notes) == 1
        assert refusal.is_file
        assert "line 2, column 10: expected a whole record; found the end of the file" in refusal.sentence


def test_a_json_array_is_read_in_stretches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data.reading.json.window.CHUNK_BYTES", 7)  # each record, number and character is cut somewhere
    records = [{"text": f"Größe {n} cm 🧬.", "a": [n / 8, -(10**n), True, None]} for n in range(40)]
    text = "\ufeff" + json.dumps(records, indent=1, ensure_ascii=False).replace("Größe 7 ", "Größe \\ud800 ") + "\n"
    notes, (refusal,) = read(file(tmp_path, text, "notes.json"))
    assert [note.text for note in notes] == [record["text"] for n, record in enumerate(records) if n != 7]
    assert [note.metadata["a"] for note in notes] == [record["a"] for n, record in enumerate(records) if n != 7]
    line = text[: text.index("\\ud800")].count("\n") + 1
    assert (refusal.line, refusal.column, refusal.found) == (line, 18, "U+D800, escaped")


def test_numbers_are_not_cut_in_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data.reading.json.window.CHUNK_BYTES", 7)
    text = '[{"text": "One."}, 1234567890123, -1.5e-10, 12.5, 1234567890, {"text": "Two."}]'
    notes, refusals = read(file(tmp_path, text, "notes.json"))
    assert [note.text for note in notes] == ["One.", "Two."]
    assert [refusal.found for refusal in refusals] == ["a number"] * 4


def test_a_json_array_of_any_length_and_no_record_of_any_length(tmp_path: Path) -> None:
    path = tmp_path / "notes.json"
    with path.open("wb") as stream:
        stream.write(b'[{"text": "One."},')
        for _ in range(12):
            stream.write(b" " * (1 << 20) + b'{"text": "Two."},')
        stream.write(b'{"text": "' + b"x" * (MAX_RECORD_BYTES + 1) + b'"},{"text": "Three."}]')
    notes, (refusal,) = read(path)
    assert [note.text for note in notes] == ["One.", *["Two."] * 12, "Three."]
    assert refusal.found == "more than 4,194,304 bytes"
    with path.open("r+b") as stream:
        stream.seek(-1, 2)
        stream.write(b',{"a": [' + b"{}," * (20 << 20))
    tracemalloc.start()
    refusal = only(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (refusal.found, refusal.is_file) == ("more than 4,194,304 bytes", True)
    assert peak < 300 << 20  # of 72 MB on the disk, which as a whole would take 4 GB
