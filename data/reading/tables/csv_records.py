"""Records of tables of text: .csv and .tsv, row by row, whatever sign stands between the columns."""

from __future__ import annotations

import csv
from collections.abc import Callable, Collection, Iterator
from typing import BinaryIO

from data.limits import MAX_RECORD_BYTES
from data.reading.encodings import open_as_utf8
from data.reading.records import BOM, Lines, Record, Refusal, bad_header, refused_line
from data.reading.sources import Encoding, Options, Source
from data.reading.tables.columns import name_columns
from data.reading.tables.csv_dialect import Dialect, dialect_of, usual_separator
from data.text.formulas import is_escaping, unescape_cell

csv.field_size_limit(MAX_RECORD_BYTES)  # of the whole process: the module has no other place for it
# The csv module's own messages speak to programmers; the first words of each, and what a person is told instead.
_FAULTS = (
    ("field larger", f"a cell of at most {MAX_RECORD_BYTES:,} characters", "a longer one", "split it"),
    ("new-line character", "a cell with a line break in quotes", "one without", "put the cell in double quotes"),
    ("line contains NUL", "printable text", "U+0000", "remove that character"),
)
_OPEN = "a quote that is opened and not closed"


def read_csv(source: Source, encoding: Encoding, options: Options) -> Iterator[Record | Refusal]:
    """The records of a table; what stands between its columns is told where its ending says something else."""
    usual = usual_separator(source.suffix.lower())
    with open_as_utf8(source, encoding) as stream:
        dialect = dialect_of(stream, usual)
    if dialect.separator != usual:
        options.tell(f"{source.name}: read with {dialect.name}s between the columns.")
    with open_as_utf8(source, encoding) as stream:
        yield from _Table(source.name, stream, dialect).records(options.wanted)


class _CsvLines:
    """Lines for the csv module, which remember what was wrong with those of the current row."""

    def __init__(self, stream: BinaryIO) -> None:
        self._lines = Lines(stream)
        self.start_row()

    def start_row(self) -> None:
        """Forget the trouble of the row before."""
        self.first = self._lines.number + 1
        self.trouble: tuple[int, tuple[int | None, str]] | None = None
        self.is_over = False
        self._n_characters = 0

    @property
    def n_lines(self) -> int:
        """Lines of the current row, so far."""
        return self._lines.number - self.first + 1

    def __iter__(self) -> _CsvLines:
        return self

    def __next__(self) -> str:
        line = self._lines.read()
        if line is None:
            self.is_over = True
            raise StopIteration
        self._n_characters += len(line.text)
        if self._n_characters > MAX_RECORD_BYTES:
            raise csv.Error("record too long")
        if line.trouble and not self.trouble:
            self.trouble = (self._lines.number, line.trouble)
        return line.text or "\n"


class _Table:
    """A table that is being read."""

    def __init__(self, name: str, stream: BinaryIO, dialect: Dialect) -> None:
        self._name = name
        self._dialect = dialect
        self._lines = _CsvLines(stream)
        self._rows = csv.reader(self._lines, delimiter=dialect.separator, strict=True)
        if dialect.is_told:
            next(self._lines)

    def records(self, wanted: Collection[str]) -> Iterator[Record | Refusal]:
        header: list[str] | None = None
        plain: Callable[[str], str] = str
        while True:
            self._lines.start_row()
            row = self._row(is_header=header is None)
            if row is None:
                return
            if isinstance(row, Refusal):
                yield row
                if header is None:
                    return
            elif not any(row):
                continue
            elif header is None:
                header = name_columns(row)
                if refusal := bad_header(self._name, header, wanted, self._lines.first):
                    yield refusal
                    return
                plain = unescape_cell if is_escaping(header) else str
            elif name_columns([cell.removeprefix(BOM) for cell in row]) == header:
                expected, found = "a record", "the names of the columns once more"
                yield Refusal(self._name, self._lines.first, None, expected, found, "remove that line")
            else:
                yield self._record(header, [plain(cell) for cell in row])

    def _row(self, *, is_header: bool) -> list[str] | Refusal | None:
        try:
            row = next(self._rows, None)
        except csv.Error as error:
            return self._fault_refusal(str(error), is_header=is_header)
        if row is not None and self._lines.trouble:
            return refused_line(self._name, *self._lines.trouble)
        return row

    def _fault_refusal(self, said: str, *, is_header: bool) -> Refusal:
        """The refusal of a row that the csv module cannot take apart.

        A quote left open takes the lines behind it along, up to the next quote or the end: then it is more than a row.
        """
        lines = self._lines
        if said.startswith(("unexpected end of data", "record too long")) or lines.is_over:
            found, advice = f"{_OPEN}, and so nothing of the {lines.n_lines:,} lines from there on", "close the quote"
            return Refusal(self._name, lines.first, None, "double quotes in pairs", found, advice, is_file=True)
        for begin, expected, found, advice in _FAULTS:
            if said.startswith(begin):
                return Refusal(self._name, lines.first, None, expected, found, advice, is_file=is_header)
        expected = f"a {self._dialect.name} or the end of the line after a quoted cell"
        found, advice = "more text", "double the quotes in the cell"
        is_long = lines.n_lines > 1
        if is_long:
            found += f", and a row of {lines.n_lines:,} lines"
            advice += ", or close the one that was left open"
        return Refusal(self._name, lines.first, None, expected, found, advice, is_file=is_header or is_long)

    def _record(self, header: list[str], row: list[str]) -> Record | Refusal:
        name, line = self._name, self._lines.first
        if len(row) != len(header):
            advice = f"put values with {self._dialect.name}s in quotes"
            return Refusal(name, line, None, f"{len(header)} values", f"{len(row)}", advice)
        return Record(name, line, {key: value or None for key, value in zip(header, row, strict=True)}, is_flat=True)
