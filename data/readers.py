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

from data.json_records import read_json, read_jsonl
from data.records import BOM, MAX_LINE_BYTES, Lines, Record, Refusal, foreign_byte, plain_name, refused_line

TEXT_KEYS = ("text", "input")


def read_records(path: Path, wanted: Collection[str] = TEXT_KEYS) -> Iterator[Record | Refusal]:
    """The records of a file, or of all files below a folder in the order of their names.

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
    failures: list[OSError] = []
    n_files = 0
    for folder, subfolders, names in os.walk(path, onerror=failures.append):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in sorted(name for name in names if not name.startswith(".")):
            n_files += 1
            yield from read_records(Path(folder, name), wanted)
    for failure in failures:
        yield _unreadable(Path(failure.filename), failure)
    if not n_files and not failures:
        yield Refusal(path.name, None, None, "a folder with files", "an empty one", "name another folder")


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
        if self._n_characters > MAX_LINE_BYTES:
            raise csv.Error("record too long")
        if line.trouble and not self.trouble:
            self.trouble = (self._lines.number, line.trouble)
        return line.text or "\n"


def _csv(path: Path, wanted: Collection[str]) -> Iterator[Record | Refusal]:
    with path.open("rb") as stream:
        lines = _CsvLines(stream)
        rows = csv.reader(lines, strict=True)
        header: list[str] | None = None
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
                if refusal := _bad_header(path, header, wanted):
                    yield refusal
                    return
            elif any(row):
                yield _csv_record(path, lines.first, header, row)


def _csv_row(path: Path, rows: Iterator[list[str]], lines: _CsvLines) -> list[str] | Refusal | None:
    try:
        row = next(rows, None)
    except csv.Error as error:
        found = f"a fault ({error})"  # the module's own words, which repeat nothing of the text
        return Refusal(path.name, lines.first, None, "CSV with commas and double quotes", found, "correct the quotes")
    if row is not None and lines.trouble:
        return refused_line(path, *lines.trouble)
    return row


def _bad_header(path: Path, header: list[str], wanted: Collection[str], line: int | None = 1) -> Refusal | None:
    found = "the columns " + (", ".join(plain_name(name) for name in header[:20]) or "none")
    if len(set(header)) != len(header):
        return Refusal(path.name, line, None, "columns with different names", found, "rename one of them")
    if wanted and not set(wanted) & set(header):
        columns = " or ".join(plain_name(name) for name in wanted)
        advice = f"name the notes' column {'text' if set(wanted) == set(TEXT_KEYS) else columns}"
        return Refusal(path.name, line, None, f"a column {columns}", found, advice)
    return None


def _csv_record(path: Path, line: int, header: list[str], row: list[str]) -> Record | Refusal:
    if len(row) != len(header):
        return Refusal(
            path.name, line, None, f"{len(header)} values", f"{len(row)}", "put values with commas in quotes"
        )
    return Record(path.name, line, {key: value or None for key, value in zip(header, row, strict=True)}, is_flat=True)


def _txt(path: Path, _: Collection[str]) -> Iterator[Record | Refusal]:
    with path.open("rb") as stream:
        raw = stream.read(MAX_LINE_BYTES + 1)
    if len(raw) > MAX_LINE_BYTES:
        yield refused_line(path, 1, (None, f"more than {MAX_LINE_BYTES:,} bytes"))
        return
    text = raw.decode("utf-8", "surrogateescape").removeprefix(BOM)
    for number, line in enumerate(text.split("\n"), start=1):
        if foreign := foreign_byte(line):
            yield refused_line(path, number, foreign)
            return
    if text.strip():
        yield Record(path.name, 1, {"id": path.stem, "text": text.rstrip("\r\n")})


def _parquet(path: Path, wanted: Collection[str]) -> Iterator[Record | Refusal]:
    import pyarrow
    from pyarrow import parquet

    number = 0
    try:
        with parquet.ParquetFile(path) as table:
            if refusal := _bad_header(path, table.schema_arrow.names, wanted, line=None):
                yield refusal
                return
            for batch in table.iter_batches(batch_size=64):
                for values in batch.to_pylist():
                    number += 1
                    yield Record(path.name, number, values, is_flat=True)
    except pyarrow.ArrowException:
        yield Refusal(path.name, number + 1, None, "a Parquet file", "something else", "write it anew, or as .jsonl")


_READERS: dict[str, Callable[[Path, Collection[str]], Iterator[Record | Refusal]]] = {
    ".jsonl": lambda path, _: read_jsonl(path),
    ".json": lambda path, _: read_json(path),
    ".csv": _csv,
    ".parquet": _parquet,
    ".txt": _txt,
}
