"""Notes and the files they come in; above all what is said of bad ones."""

from __future__ import annotations

import json
import os
import tempfile
import tracemalloc
import unicodedata
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.json_records import MAX_JSON_BYTES
from data.notes import MAX_NOTE_CHARACTERS, Note, NoteError, Refusal, content_hash, make_note, read_notes, split_of
from data.prompt import SPECIAL_TOKENS
from data.records import MAX_LINE_BYTES
from data.task import Extraction, load_task

TASK = load_task()
FIRST, *REST = TASK.keys
EMPTY = dict.fromkeys(TASK.keys)
CANARY = "canary-7f3a"  # stands in every bad record; no refusal may repeat it


def read(path: Path, *, original: bool = False) -> tuple[list[Note], list[Refusal]]:
    found = list(read_notes(path, TASK, original=original))
    refusals = [one for one in found if isinstance(one, Refusal)]
    for refusal in refusals:
        assert CANARY not in repr(refusal)
        assert refusal.sentence.startswith(refusal.file)
        assert "/" not in refusal.file
        assert refusal.sentence.count("\n") == 0
    return [one for one in found if isinstance(one, Note)], refusals


def file(tmp_path: Path, content: str | bytes, name: str = "notes.jsonl") -> Path:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


def lines(*records: Any) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def only(path: Path, *, original: bool = False) -> Refusal:
    """The single refusal of a file that holds nothing else."""
    notes, refusals = read(path, original=original)
    assert not notes
    assert len(refusals) == 1
    return refusals[0]


# --- hash and split ---------------------------------------------------------------------------------------------------


def test_the_hash_is_fixed() -> None:
    # A released hash is never changed: it decides which notes are held out.
    assert content_hash("Stage IV,  Melanoma.") == content_hash("stage iv melanoma")
    assert content_hash("stage iv melanoma") == "6363697312c9c83d144e8e0beb54cc64aaff62b34924080ea70a939e2d18b4ec"


@given(st.text(min_size=1, max_size=80))
def test_case_space_and_punctuation_do_not_count(text: str) -> None:
    try:
        hashed = content_hash(text)
    except UnicodeEncodeError:
        return  # lone surrogates are refused before
    assert len(hashed) == 64
    assert content_hash(f" \n{text} . ") == hashed
    assert content_hash(unicodedata.normalize("NFKC", text)) == hashed
    assert split_of(hashed) in ("train", "holdout")


def test_words_count() -> None:
    assert content_hash("stage IV") != content_hash("stage III")
    assert content_hash("ab c") != content_hash("a bc")


def test_one_note_in_ten_is_held_out() -> None:
    sides = [split_of(content_hash(f"Report {number}.")) for number in range(5000)]
    assert 0.08 < sides.count("holdout") / len(sides) < 0.12
    assert split_of("0" * 64) == split_of("1999" + "0" * 60) == "holdout"
    assert split_of("199a" + "0" * 60) == split_of("f" * 64) == "train"


# --- one note ---------------------------------------------------------------------------------------------------------


def test_a_note() -> None:
    note = make_note(
        TASK, "One.\r\nTwo.\rThree. ", external_id=" a-1 ", metadata={"ward": 3, "at": datetime(2024, 5, 1)}
    )
    assert note.text == "One.\nTwo.\nThree. "
    assert note.external_id == "a-1"
    assert note.metadata == {"ward": 3, "at": "2024-05-01T00:00:00"}
    assert (note.origin, note.gold) == ("incoming", None)
    assert note.content_hash == content_hash("one two three")
    assert note.split == split_of(note.content_hash)
    assert "One" not in repr(note)


def test_a_labelled_note_is_an_original() -> None:
    gold = Extraction(TASK, {**EMPTY, FIRST: "melanoma"})
    assert make_note(TASK, "One.", gold=gold).origin == "original"
    other = TASK.model_copy(update={"fields": TASK.fields[:1]})
    with pytest.raises(NoteError, match="another task"):
        make_note(other, "One.", gold=gold)


def test_the_longest_note() -> None:
    assert len(make_note(TASK, "x" * MAX_NOTE_CHARACTERS).text) == MAX_NOTE_CHARACTERS == 20_000
    assert len(make_note(TASK, "x\r\n" * 10_000).text) == MAX_NOTE_CHARACTERS  # counted as it is stored
    with pytest.raises(NoteError, match="at most 20,000 characters; found 20,001"):
        make_note(TASK, "x" * (MAX_NOTE_CHARACTERS + 1))


@pytest.mark.parametrize("text", ["", " \n\t", "...", "?!"])
def test_a_note_has_words(text: str) -> None:
    with pytest.raises(NoteError, match="Expected a note with"):
        make_note(TASK, text)


@pytest.mark.parametrize("token", [*SPECIAL_TOKENS, "<|reserved_special_token_0|>", "<|python_tag|>"])
def test_a_note_holds_no_special_token(token: str) -> None:
    with pytest.raises(NoteError, match="special token of the model at character 3"):
        make_note(TASK, f"a {token} b")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"external_id": "x" * 201}, "at most 200"),
        ({"external_id": "a\nb"}, "one line"),
        ({"external_id": "a\0b"}, "U\\+0000"),
        ({"metadata": {"a": "x" * 20_001}}, "beside the note"),
        ({"metadata": {"a": "\ud800"}}, "U\\+D800"),
        ({"metadata": {"a": {"\0": 1}}}, "U\\+0000"),
        ({"metadata": {"a": b"x"}}, "JSON can hold; found bytes"),
        ({"metadata": {"a": [[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]}}, "at most 16 levels"),
    ],
)
def test_what_comes_with_a_note_is_checked(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(NoteError, match=said):
        make_note(TASK, "One.", **settings)


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
        (f'{{"text": "{CANARY}\\u0000"}}', "U\\+0000 at character 12"),
        (f'{{"text": "{CANARY}\\ud83d"}}', "U\\+D83D at character 12"),
        (f'{{"text": "{CANARY}", "id": 1.5}}', "whole number; found a number"),
        (f'{{"text": "{CANARY}", "id": {{}}}}', "whole number; found an object"),
        (f'{{"text": "{CANARY}", "id": true}}', "found true or false"),
        (f'{{"text": "{CANARY}", "a": NaN}}', "NaN, which is not JSON"),
        (f'{{"text": "{CANARY}", "a": [-Infinity]}}', "-Infinity, which is not JSON"),
        (f'{{"text": "{CANARY}", "a": 1e999}}', "beyond the range"),
        (f'{{"text": "{CANARY}", "a": {"9" * 5000}}}', "more than 300 digits"),
        (f'{{"text": "x", "text": "{CANARY}"}}', "the key text twice"),
        (f'{{"text": "{CANARY}", "a": {{"b": 1, "b": 2}}}}', "the key b twice"),
        (f'{{"text": "{CANARY}"}} {{"text": "{CANARY}"}}', "one object a line; found something behind it"),
        (f'{{"text": "{CANARY}", "a": {"[" * 100_000}', "nested too deeply"),
        (f'{{"text": "{CANARY}", "a": {"[" * 20}{"]" * 20}}}', "at most 16 levels"),
        (f'{{"text": "{CANARY}\t"}}', "invalid control character"),
        (f'{{"text": "{CANARY} <|eot_id|>"}}', "special token"),
        ('{"text": "' + "x" * 20_001 + '"}', "found 20,001"),
        (f'{{"text": "{CANARY}", "a": "{"x" * 5_000_000}"}}', "more than 4,194,304 bytes"),
    ],
    ids=range(30),
)
def test_a_bad_line_is_refused_alone(tmp_path: Path, line: str, said: str) -> None:
    path = file(tmp_path, lines({"text": "One."}) + line + "\n" + lines({"text": "Three."}))
    notes, (refusal,) = read(path)
    assert [note.text for note in notes] == ["One.", "Three."]
    assert refusal.line == 2
    assert said.replace("\\", "") in refusal.sentence


def test_a_foreign_byte_is_named_with_its_place(tmp_path: Path) -> None:
    path = file(
        tmp_path, lines({"text": "One."}).encode() + '{"text": "naïve'.encode() + b't\xe9"}\n' + b'{"text": "3"}\n'
    )
    notes, (refusal,) = read(path)
    assert len(notes) == 2
    assert (refusal.line, refusal.column) == (2, 17)
    assert refusal.sentence.endswith(
        "expected UTF-8 text; found the byte 0xE9, which is not UTF-8; convert the file to UTF-8."
    )


def test_utf_16_is_refused(tmp_path: Path) -> None:
    notes, refusals = read(file(tmp_path, lines({"text": "One."}).encode("utf-16")))
    assert not notes
    assert "0xFF" in refusals[0].found


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ({}, "missing cancer_type"),
        (dict.fromkeys(REST), f"missing {FIRST}"),
        ({**EMPTY, "surprise": CANARY}, "unknown surprise"),
        ({**EMPTY, f"{CANARY} is here": None}, "unknown (not a plain name)"),
        ({**EMPTY, FIRST: 3}, f"a string or null in {FIRST}; found a number"),
        ({**EMPTY, FIRST: [CANARY]}, "found a list"),
        ({**EMPTY, FIRST: CANARY * 1000}, "at most 2,000 characters"),
        ({**EMPTY, FIRST: f"{CANARY}\0"}, "U+0000"),
        ({**EMPTY, FIRST: f"{CANARY}<|eot_id|>"}, "special token"),
        ([CANARY], "an object under output; found a list"),
        (CANARY, "an object under output; found a string"),
        (None, "labels under output or in one column per field; found none"),
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
    assert peak < 6 * MAX_LINE_BYTES


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
        ('[{"text": "One."},\n {"text": }]', 1, 2, "column 11: expected JSON"),
        ('[{"text": "One."}', 1, 1, "one JSON array"),
        ('[{"text": "One."},\n', 1, 2, "one JSON array"),
        ('[{"text": "One."}] x', 1, 1, "one JSON array"),
        ('[{"text": "One."} {"text": "Two."}]', 1, 1, "one JSON array"),
        ('{"text": "One."}\n{"text": "Two."}', 1, 2, "write .jsonl"),
        ('[{"text": "One.", "a": NaN},\n{"text": "Two."}]', 1, 1, "NaN"),
        ("[" * 100_000, 0, 1, "nested too deeply"),
        ("nonsense", 0, 1, "expected JSON"),
        ("[]", 0, None, "holds no records"),
        (" \n", 0, None, "holds no records"),
        ("", 0, None, "holds no records"),
    ],
    ids=range(12),
)
def test_a_bad_json_file(tmp_path: Path, text: str, n_notes: int, line: int | None, said: str) -> None:
    notes, (refusal,) = read(file(tmp_path, text, "notes.json"))
    assert (len(notes), refusal.line) == (n_notes, line)
    assert said in refusal.sentence


def test_a_foreign_byte_in_json(tmp_path: Path) -> None:
    refusal = only(file(tmp_path, '[\n{"text": "ü'.encode() + b'\xfc"}]', "notes.json"))
    assert (refusal.line, refusal.column) == (2, 12)


def test_a_json_file_is_not_loaded_when_it_is_too_large(tmp_path: Path) -> None:
    path = tmp_path / "notes.json"
    with path.open("wb") as stream:
        stream.truncate(MAX_JSON_BYTES + 1)
    refusal = only(path)
    assert "at most 64 MB" in refusal.expected
    assert ".jsonl" in refusal.advice


# --- CSV --------------------------------------------------------------------------------------------------------------


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
        (f'1,"{CANARY}"x,B', "CSV with commas and double quotes"),
        ("1,,B", "found null"),
        (f"1,{CANARY}\0,B", "U+0000"),
        (f"1,{'x' * 200_000},B", "field larger than field limit"),
        (f"1,{'x' * 5_000_000},B", "more than 4,194,304 bytes"),
        (b"1,t\xe9,B", "column 4: expected UTF-8 text; found the byte 0xE9"),
        (b'1,"a\nt\xe9",B', "notes.csv, line 4, column 2: expected UTF-8"),
    ],
    ids=range(9),
)
def test_a_bad_row_is_refused_alone(tmp_path: Path, row: str | bytes, said: str) -> None:
    raw = row if isinstance(row, bytes) else row.encode()
    notes, (refusal,) = read(file(tmp_path, b"id,text,ward\n0,One.,A\n" + raw + b"\n2,Three.,C\n", "notes.csv"))
    assert [note.text for note in notes] == ["One.", "Three."]
    assert refusal.line in (3, 4)
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
    assert peak < 3_000_000  # of 4 MB


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            f"id,note,{CANARY} was here\n1,{CANARY},3\n",
            "a column text or input; found the columns id, note, (not a plain",
        ),
        (f"{CANARY} has cancer\n", "a column text or input"),
        ("text,text\na,b\n", "columns with different names"),
        (f'id,"text\n{CANARY}', "CSV with commas"),
        ("id,text\n", "holds no records"),
        ("", "holds no records"),
    ],
    ids=range(6),
)
def test_a_csv_without_what_is_needed_is_refused_once(tmp_path: Path, text: str, said: str) -> None:
    assert said in only(file(tmp_path, text, "notes.csv")).sentence


# --- text, Parquet, folders -------------------------------------------------------------------------------------------


def test_a_text_file_is_one_note(tmp_path: Path) -> None:
    (note,), refusals = read(file(tmp_path, "\ufeffOne.\r\nTwo.\r\n", "case-7.TXT"))
    assert not refusals
    assert (note.text, note.external_id) == ("One.\nTwo.", "case-7")
    assert "labels" in only(file(tmp_path, CANARY, "note.txt"), original=True).expected


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"One.\nt\xe9", "line 2, column 2: expected UTF-8"),
        (b"x" * (MAX_LINE_BYTES + 1), "more than 4,194,304 bytes"),
        (b"x" * 20_001, "found 20,001"),
        (b"\n", "holds no records"),
    ],
)
def test_a_bad_text_file(tmp_path: Path, raw: bytes, said: str) -> None:
    assert said in only(file(tmp_path, raw, "note.txt")).sentence


def test_parquet(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    path = tmp_path / "notes.parquet"
    gold = {**EMPTY, FIRST: "melanoma"}
    rows = {
        "id": [1, 2],
        "text": ["One.", None],
        "output": [gold, gold],
        "at": [datetime(2024, 5, 1)] * 2,
        "x": [1.5, None],
    }
    pandas.DataFrame(rows).to_parquet(path)
    (note,), (refusal,) = read(path, original=True)
    assert (note.text, note.external_id, note.gold) == ("One.", "1", Extraction(TASK, gold))
    assert note.metadata == {"at": "2024-05-01T00:00:00", "x": 1.5}
    assert refusal.line == 2
    pandas.DataFrame({"note": ["One."]}).to_parquet(path)
    assert "the columns note" in only(path).found
    assert "Parquet" in only(file(tmp_path, CANARY, "notes.parquet")).expected


def test_a_folder_is_read_in_order(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    file(tmp_path / "b", "Three.", "c.txt")
    file(tmp_path, lines({"text": "Two."}), "a.jsonl")
    file(tmp_path, "One.", "A.txt")
    file(tmp_path, CANARY, ".hidden.txt")
    file(tmp_path, CANARY, "scan.pdf")
    notes, (refusal,) = read(tmp_path)
    assert [note.text for note in notes] == ["One.", "Two.", "Three."]
    assert refusal.file == "scan.pdf"
    assert "a file ending in .jsonl, .json, .csv, .parquet, .txt" in refusal.sentence


def test_what_is_not_there_or_not_a_file(tmp_path: Path) -> None:
    assert "no such file" in only(tmp_path / "absent.jsonl").found
    assert "an empty one" in only(tmp_path).found
    (tmp_path / "loop.jsonl").symlink_to("loop.jsonl")
    assert "can be read" in only(tmp_path / "loop.jsonl").expected
    os.mkfifo(tmp_path / "pipe.jsonl")
    assert "a file or a folder" in only(tmp_path / "pipe.jsonl").expected


def test_no_permission_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(prefix="notes-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        file(folder, lines({"text": "One."}), "a.jsonl").chmod(0o644)
        file(folder, lines({"text": CANARY}), "closed.jsonl").chmod(0)
        (folder / "sealed").mkdir(mode=0)
        is_root = os.geteuid() == 0
        if is_root:
            os.seteuid(65534)  # the superuser may read everything
        try:
            notes, refusals = read(folder)
        finally:
            if is_root:
                os.seteuid(0)
            (folder / "sealed").chmod(0o755)
    assert [note.text for note in notes] == ["One."]
    assert [(refusal.file, refusal.found) for refusal in refusals] == [
        ("closed.jsonl", "permission denied"),
        ("sealed", "permission denied"),
    ]


# --- anything ---------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=300), st.sampled_from([".jsonl", ".json", ".csv", ".txt"]), st.booleans())
def test_no_bytes_break_a_reader(raw: bytes, ending: str, original: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = file(Path(folder), raw, f"fuzz{ending}")
        found = list(read_notes(path, TASK, original=original))
    assert found
    for note in found:
        if isinstance(note, Note):
            json.dumps(note.metadata, allow_nan=False).encode("utf-8")
            note.text.encode("utf-8")


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
RECORDS = st.dictionaries(st.sampled_from(["text", "input", "id", "external_id", "output", *TASK.keys, "more"]), JSON)


@given(st.lists(RECORDS, max_size=5), st.booleans())
def test_every_record_is_a_note_or_a_refusal(records: list[dict[str, Any]], original: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "fuzz.jsonl")
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
        found = list(read_notes(path, TASK, original=original))
    assert len(found) == max(1, len(records))
    assert all(isinstance(one, Refusal) or one.text for one in found)
