"""Packed files are unpacked as they are read; what would unpack without end is refused."""

from __future__ import annotations

import gzip
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from data.reading.archives import packed
from tests.kit.documents import letter, zipped
from tests.kit.note_files import CANARY, file, lines, only, read

LINES = lines({"id": 1, "text": "One."}, {"id": 2, "text": "Größe."})
TABLE = "id;text\n3;Größe.\n".encode("cp1252")


def test_gzip_of_anything(tmp_path: Path) -> None:
    notes, refusals = read(file(tmp_path, gzip.compress(LINES.encode()), "a.jsonl.gz"))
    assert not refusals
    assert [note.place for note in notes] == ["a.jsonl.gz line 1", "a.jsonl.gz line 2"]
    assert read(file(tmp_path, gzip.compress(TABLE), "b.csv.gz"))[0][0].text == "Größe."
    assert read(file(tmp_path, gzip.compress(b"One."), "c.txt.gz"))[0][0].external_id == "c"
    assert read(file(tmp_path, gzip.compress(letter("One.")), "d.gz"))[0][0].text.startswith("Clinic, ward 7")
    assert len(read(file(tmp_path, gzip.compress(LINES.encode()), "misnamed.jsonl"))[0]) == 2


def test_a_zip_archive_is_a_folder(tmp_path: Path) -> None:
    members = {
        "b/table.csv": TABLE,
        "a/note.txt": "One.",
        "a/lines.json": LINES,
        "a/letter.docx": letter("One."),
        "__MACOSX/a/._note.txt": "junk",
        ".hidden.txt": CANARY,
        "../../up.txt": "Up.",
        "c/part-0.jsonl": lines({"text": "Spark."}),
        "c/_SUCCESS": "",
    }
    notes, refusals = read(file(tmp_path, zipped(members), "all.zip"))
    assert not refusals
    assert sorted(note.external_id or "" for note in notes) == ["", "1", "2", "3", "letter", "note", "up"]
    assert {note.place for note in notes} > {"note.txt in all.zip line 1", "table.csv in all.zip line 2"}
    assert not (tmp_path.parent.parent / "up.txt").exists()


def test_faults_in_an_archive_are_told_with_their_file(tmp_path: Path) -> None:
    inner = zipped({"x.txt": CANARY})
    members = {"bad.jsonl": "{", "in.zip": inner, "in.gz": gzip.compress(b"x"), "ok.txt": "One.", "x.dat": CANARY}
    notes, refusals = read(file(tmp_path, zipped(members), "all.zip"))
    assert [note.text for note in notes] == ["One."]
    bad = ("bad.jsonl", "in.gz", "in.zip", "x.dat")
    assert [refusal.file for refusal in refusals] == [f"{name} in all.zip" for name in bad]
    assert "unpack the outer one first" in refusals[1].sentence


@pytest.mark.parametrize(
    "raw",
    [
        gzip.compress(LINES.encode())[:-9],
        gzip.compress(LINES.encode())[:-6] + b"xxxxxx",
        zipped({"a.jsonl": LINES * 99})[:-30],
        zipped({"a.jsonl": LINES * 99}).replace(b"\xcb", b"\xcc", 1)[:200],
        zipped({"a.zip": zipped({"b.txt": CANARY}, zipfile.ZIP_STORED)}, zipfile.ZIP_STORED)[:-60],
    ],
    ids=range(5),
)
def test_a_broken_archive_is_refused_whole(tmp_path: Path, raw: bytes) -> None:
    refusal = only(file(tmp_path, raw, "a.zip"))
    assert "expected a whole archive" in refusal.sentence
    assert refusal.is_file


def test_a_damaged_member_is_refused_whole(tmp_path: Path) -> None:
    raw = bytearray(zipped({"a.jsonl": LINES}, zipfile.ZIP_STORED))
    raw[raw.index(b"One.")] ^= 1
    assert "a whole archive" in only(file(tmp_path, bytes(raw), "a.zip")).expected


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("a.jsonl.gz", gzip.compress(b'{"text":"x"}\n' * 2_000_000)),
        ("a.zip", zipped({"a.txt": b"\0" * 20_000_000})),
        ("a.docx", zipped({"word/document.xml": b" " * 20_000_000})),
        ("a.xlsx", zipped({"xl/workbook.xml": b" " * 20_000_000})),
    ],
    ids=["gzip", "zip", "docx", "xlsx"],
)
def test_a_bomb_is_refused_in_little_memory(tmp_path: Path, name: str, raw: bytes) -> None:
    path = file(tmp_path, raw, name)
    tracemalloc.start()
    refusal = only(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "unpacks to at most 4,096 MB, and 200 times its size" in refusal.expected
    assert peak < 4_000_000


def test_what_unpacks_to_too_much_in_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "MAX_UNPACKED_BYTES", 1000)
    many = {f"{number}.txt": f"Note {number}: {number * 7919}" for number in range(99)}
    assert "at most 0 MB" in only(file(tmp_path, zipped(many), "a.zip")).expected
    assert "at most 0 MB" in only(file(tmp_path, gzip.compress(LINES.encode() * 50), "a.jsonl.gz")).expected
    monkeypatch.setattr(packed, "MAX_ZIP_DIRECTORY_BYTES", 100)
    assert "too many to list" in only(file(tmp_path, zipped(many), "a.zip")).found


def test_an_archive_with_a_password_is_named(tmp_path: Path) -> None:
    raw = bytearray(zipped({"a.txt": CANARY}, zipfile.ZIP_STORED))
    raw[6] |= 1  # in the member's own header, and in the directory
    raw[raw.index(b"PK\1\2") + 8] |= 1
    assert "an encrypted one" in only(file(tmp_path, bytes(raw), "a.zip")).found
