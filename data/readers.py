"""Readers: a file or a folder, one record at a time, with what was wrong with the others.

Whatever a file holds, memory stays bounded and nothing but a `Refusal` comes of a bad record.
"""

from __future__ import annotations

import csv
import os
import stat
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import BinaryIO

from data.formulas import is_escaping, unescaped
from data.json_records import read_json, read_jsonl
from data.limits import MAX_CELL_CHARACTERS, MAX_FOLDER_DEPTH, MAX_RECORD_BYTES
from data.parquet_records import read_parquet
from data.records import BOM, Lines, Record, Refusal, bad_character, bad_header, decoded, refused_line

TEXT_KEYS = ("text", "input")
csv.field_size_limit(MAX_CELL_CHARACTERS)  # of the whole process: the module has no other place for it


def read_records(path: Path, wanted: Collection[str] = TEXT_KEYS) -> Iterator[Record | Refusal]:
    """The records of a file, or of all files below a folder in the order of their names.

    A link in a folder is followed to a file below the same folder, and nowhere else.

    Args:
        wanted: a table without any of these columns is refused as a whole; none at all takes every table.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        yield _unreadable(path, error)
        return
    if stat.S_ISDIR(mode):
        yield from _folder(path, wanted)
    elif stat.S_ISREG(mode):
        yield from _file(path, wanted)
    else:
        yield Refusal(path.name, None, None, "a file or a folder", "something else", "copy it into a file")


def _folder(path: Path, wanted: Collection[str]) -> Iterator[Record | Refusal]:
    n_found = 0
    for found in _files(path):
        n_found += 1
        if isinstance(found, Refusal):
            yield found
        else:
            yield from read_records(found, wanted)
    if not n_found:
        yield Refusal(path.name, None, None, "a folder with files", "an empty one", "name another folder")


def _files(path: Path) -> Iterator[Path | Refusal]:
    """The files below a folder, and what is not looked into; hidden ones are passed over."""
    failures: list[OSError] = []
    root = os.path.realpath(path)
    for folder, subfolders, names in os.walk(path, onerror=failures.append):
        is_deepest = len(Path(folder).relative_to(path).parts) >= MAX_FOLDER_DEPTH
        seen = sorted(name for name in subfolders if not name.startswith("."))
        subfolders[:] = [] if is_deepest else seen
        for name in seen:
            if _leads_out(Path(folder, name), root):
                yield _outside(name)
            elif is_deepest:
                expected = f"folders at most {MAX_FOLDER_DEPTH} deep"
                yield Refusal(name, None, None, expected, "more", "import that folder by itself")
        for name in sorted(name for name in names if not name.startswith(".")):
            yield _outside(name) if _leads_out(Path(folder, name), root) else Path(folder, name)
    for failure in failures:
        yield _unreadable(Path(failure.filename), failure)


def _leads_out(path: Path, root: str) -> bool:
    return path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(root)


def _outside(name: str) -> Refusal:
    found = "a link to somewhere else"
    return Refusal(name, None, None, "files that are in the folder", found, "copy the file there, or import it by name")


def _file(path: Path, wanted: Collection[str]) -> Iterator[Record | Refusal]:
    read = _READERS.get(path.suffix.lower())
    if read is None:
        expected = f"a file ending in {', '.join(_READERS)}"
        yield Refusal(path.name, None, None, expected, "another ending", "convert or rename it")
        return
    n_records = 0
    try:
        for record in read(path, wanted):
            n_records += 1
            yield record
    except OSError as error:
        yield _unreadable(path, error)
    else:
        if not n_records:
            found = "a file that holds no records"
            yield Refusal(path.name, None, None, "at least one record", found, "check that it is the right one")


def _unreadable(path: Path, error: OSError | ValueError) -> Refusal:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else "a fault in it"
    expected = "a file or folder that can be read"
    return Refusal(path.name, None, None, expected, reason.lower(), "check its path and permissions")


class _CsvLines:
    """Lines for the csv module, which remember what was wrong with those of the current row."""

    def __init__(self, stream: BinaryIO) -> None:
        self._lines = Lines(stream)
        self.start_row()

    def start_row(self) -> None:
        """Forget the trouble of the row before."""
        self.first = self._lines.number + 1
        self.trouble: tuple[int, tuple[int | None, str]] | None = None
        self._n_characters = 0

    def __iter__(self) -> _CsvLines:
        return self

    def __next__(self) -> str:
        line = self._lines.read()
        if line is None:
            raise StopIteration
        self._n_characters += len(line.text)
        if self._n_characters > MAX_RECORD_BYTES:
            raise csv.Error("record too long")
        if line.trouble and not self.trouble:
            self.trouble = (self._lines.number, line.trouble)
        return line.text or "\n"


def _csv(path: Path, wanted: Collection[str]) -> Iterator[Record | Refusal]:
    with path.open("rb") as stream:
        lines = _CsvLines(stream)
        rows = csv.reader(lines, strict=True)
        header: list[str] | None = None
        plain: Callable[[str], str] = str
        while True:
            lines.start_row()
            row = _csv_row(path, rows, lines)
            if row is None:
                return
            if isinstance(row, Refusal):
                yield row
                if header is None:
                    return
            elif header is None:
                header = [name.strip() for name in row]
                if refusal := bad_header(path, header, wanted):
                    yield refusal
                    return
                plain = unescaped if is_escaping(header) else str
            elif any(row):
                yield _csv_record(path, lines.first, header, [plain(cell) for cell in row])


def _csv_row(path: Path, rows: Iterator[list[str]], lines: _CsvLines) -> list[str] | Refusal | None:
    try:
        row = next(rows, None)
    except csv.Error as error:
        found = f"a fault ({error})"  # the module's own words, which repeat nothing of the text
        return Refusal(path.name, lines.first, None, "CSV with commas and double quotes", found, "correct the quotes")
    if row is not None and lines.trouble:
        return refused_line(path, *lines.trouble)
    return row


def _csv_record(path: Path, line: int, header: list[str], row: list[str]) -> Record | Refusal:
    if len(row) != len(header):
        return Refusal(
            path.name, line, None, f"{len(header)} values", f"{len(row)}", "put values with commas in quotes"
        )
    return Record(path.name, line, {key: value or None for key, value in zip(header, row, strict=True)}, is_flat=True)


def _txt(path: Path, _: Collection[str]) -> Iterator[Record | Refusal]:
    with path.open("rb") as stream:
        raw = stream.read(MAX_RECORD_BYTES + 1)
    if len(raw) > MAX_RECORD_BYTES:
        yield refused_line(path, 1, (None, f"more than {MAX_RECORD_BYTES:,} bytes"))
        return
    text = decoded(raw).removeprefix(BOM)
    for number, line in enumerate(text.split("\n"), start=1):
        if bad := bad_character(line):
            yield refused_line(path, number, bad)
            return
    if text.strip():
        yield Record(path.name, 1, {"id": path.stem, "text": text.rstrip("\r\n")})


_READERS: dict[str, Callable[[Path, Collection[str]], Iterator[Record | Refusal]]] = {
    ".jsonl": lambda path, _: read_jsonl(path),
    ".json": lambda path, _: read_json(path),
    ".csv": _csv,
    ".parquet": read_parquet,
    ".txt": _txt,
}
