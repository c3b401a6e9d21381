"""Notes from text, Parquet and folders; and no file, whatever it holds, breaks a reader."""

from __future__ import annotations

import json
import os
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.limits import MAX_FOLDER_DEPTH, MAX_RECORD_BYTES
from data.notes import Note, read_notes
from data.reading.records import Refusal
from data.task import Extraction
from tests.kit.note_files import CANARY, EMPTY, FIRST, TASK, file, lines, only, read

# --- text, Parquet, folders -------------------------------------------------------------------------------------------


def test_a_text_file_is_one_note(tmp_path: Path) -> None:
    (note,), refusals = read(file(tmp_path, "\ufeffOne.\r\nTwo.\r\n", "case-7.TXT"))
    assert not refusals
    assert (note.text, note.external_id) == ("One.\nTwo.", "case-7")
    assert "labels" in only(file(tmp_path, CANARY, "note.txt"), original=True).expected


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"One.\nt\x81", "line 2, column 2: expected text in UTF-8, UTF-16 or an encoding that can be told"),
        (b"x" * (MAX_RECORD_BYTES + 1), "more than 4,194,304 bytes"),
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
    file(tmp_path, CANARY, "scan.dat")
    notes, (refusal,) = read(tmp_path)
    assert [note.text for note in notes] == ["One.", "Two.", "Three."]
    assert refusal.file == "scan.dat"
    assert "a table, JSON, a document or an archive of them; found another ending, .dat" in refusal.sentence
    assert refusal.is_file


def test_what_is_not_there_or_not_a_file(tmp_path: Path) -> None:
    assert "no such file" in only(tmp_path / "absent.jsonl").found
    assert "an empty one" in only(tmp_path).found
    (tmp_path / "loop.jsonl").symlink_to("loop.jsonl")
    assert "can be read" in only(tmp_path / "loop.jsonl").expected
    os.mkfifo(tmp_path / "pipe.jsonl")
    assert "a file or a folder" in only(tmp_path / "pipe.jsonl").expected


def test_links_lead_nowhere_out_of_a_folder(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    for place in (outside, folder, folder / "a"):
        place.mkdir()
    secret = file(outside, lines({"text": CANARY}), "secret.jsonl")
    own = file(folder / "a", lines({"text": "One."}), "own.jsonl")
    (folder / "b.jsonl").symlink_to(own)
    (folder / "c.jsonl").symlink_to(secret)
    (folder / "d.jsonl").symlink_to(folder / "c.jsonl")  # by way of another link
    (folder / "e").symlink_to(outside)
    (folder / "f").symlink_to(folder)
    (folder / "g.jsonl").symlink_to(folder / ".." / "folder" / "a" / "own.jsonl")
    notes, refusals = read(folder)
    assert [note.text for note in notes] == ["One."] * 3
    assert [refusal.file for refusal in refusals] == ["e", "c.jsonl", "d.jsonl"]
    assert {refusal.found for refusal in refusals} == {"a link to somewhere else"}
    (tmp_path / "named").symlink_to(folder)
    assert len(read(tmp_path / "named")[0]) == 3  # whoever names a link means what it leads to


def test_folders_in_folders_without_end(tmp_path: Path) -> None:
    place = tmp_path
    for _ in range(MAX_FOLDER_DEPTH + 900):
        place /= "d"
        place.mkdir()
    file(place, lines({"text": CANARY}))
    file(tmp_path, lines({"text": "One."}))
    (note,), (refusal,) = read(tmp_path)
    assert note.text == "One."
    assert "at most 32 deep" in refusal.sentence


def test_a_name_that_cannot_be_printed(tmp_path: Path) -> None:
    (tmp_path / "a\x1b[2Jb\nc.pdf").write_bytes(b"x")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/t\xe9.pdf")).write_bytes(b"x")
    assert [refusal.file for refusal in read(tmp_path)[1]] == ["a?[2Jb?c.pdf", "t?.pdf"]


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
