"""Workbooks of Excel (.xlsx): the rows of the sheets that hold notes, one at a time.

Read with openpyxl rather than python-calamine, which makes a cell for every place up to the last one: a file of
kilobytes with something in the last place ends the process.
"""

from __future__ import annotations

import datetime
import re
import warnings
from collections.abc import Iterator
from itertools import islice
from typing import Any

from data.limits import MAX_PARQUET_COLUMNS, MAX_RECORD_BYTES
from data.reading.archives.office import open_office
from data.reading.archives.packed import PackedError
from data.reading.records import Record, Refusal, bad_header, refused_file, refused_line, wanted_names
from data.reading.sources import TEXT_KEYS, Encoding, Head, Options, Source
from data.reading.tables.columns import name_columns
from data.text.formulas import is_escaping, unescape_cell

_N_TITLES = 10
"""Rows that may stand above the names of the columns."""
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_PART_BYTES, _PREFIX_BYTES = 1 << 18, 20
_NO_RESULT = re.compile(
    rb'<(?:\w+:)?c\s(?![^<>]*\bt="str")[^<>]*>\s*<(?:\w+:)?f\b(?:[^<>]*/|[^<>]*>[^<]*</(?:\w+:)?f)>\s*'
    rb"(?:<(?:\w+:)?v\s*(?:/|>\s*</(?:\w+:)?v)>\s*)?</(?:\w+:)?c>"
)
_ZEROS = re.compile("0{2,}")
_MAX_WHOLE = 1e15
_Row = tuple[int, list[Any]]


def is_workbook(head: Head) -> bool:
    """Whether it is a ZIP archive with a workbook in it."""
    return any(name.startswith("xl/workbook") for name in head.members)


def read_workbook(source: Source, _: Encoding, options: Options) -> Iterator[Record | Refusal]:
    """The records of a workbook, or its refusal as a whole."""
    number = 0
    try:
        with open_office(source):
            pass  # what its parts unpack to is bounded
        with source.open("rb") as stream:
            for found in _read(source, stream, options):
                yield found
                number = found.line or number
    except PackedError as error:
        yield error.refusal(source.name)
    except Exception:  # noqa: BLE001 - whatever the parser stumbles over, the workbook is what it stumbles over
        line = number + 1 if number else None
        advice = "open it in Excel and save it again, or as CSV"
        yield Refusal(source.name, line, None, "a whole workbook", "a fault in it", advice, is_file=True)


def _read(source: Source, stream: Any, options: Options) -> Iterator[Record | Refusal]:
    import openpyxl

    warnings.filterwarnings("ignore", module="openpyxl")  # they are for programmers
    workbook = openpyxl.load_workbook(stream, read_only=True, data_only=True, keep_links=False)
    try:
        sheets = [sheet for sheet in workbook.worksheets if sheet.sheet_state == "visible"]
        headers = [(sheet, header) for sheet in sheets if (header := _find_header(sheet, options)) is not None]
        wanted = options.wanted or TEXT_KEYS
        chosen = [(sheet, header) for sheet, header in headers if wanted_names(header[1], wanted)] or headers[:1]
        if not chosen:
            return
        if len(headers) > len(chosen):
            options.tell(f"{source.name}: read {len(chosen)} of its {len(headers)} sheets, those with notes.")
        if any(_lacks_results(workbook, sheet) for sheet, _ in chosen):
            advice = "open it in Excel, save it, and import it again"
            found = "formulas without them"
            yield refused_file(source.name, "a workbook with the results of its formulas", found, advice)
            return
        for sheet, header in chosen:
            yield from _read_records(source, sheet, header, options)
    finally:
        workbook.close()


def _lacks_results(workbook: Any, sheet: Any) -> bool:
    """Whether a formula's cell is empty because nobody computed it; one whose result is no text says that it is one."""
    with workbook._archive.open(sheet._worksheet_path) as part:
        rest = b""
        while raw := part.read(_PART_BYTES):
            rest += raw
            if _NO_RESULT.search(rest):
                return True
            begin = max(rest.rfind(b"<c "), rest.rfind(b":c ") - _PREFIX_BYTES, len(rest) - _PART_BYTES, 0)
            rest = rest[begin:]
    return False


def _find_header(sheet: Any, options: Options) -> _Row | None:
    """Row and names of the columns: the first row with a name that is wanted, else the first with several."""
    best: _Row | None = None
    for number, cells in islice(_read_rows(sheet), _N_TITLES):
        names = name_columns([str(cell) if cell is not None else "" for cell in cells])
        if wanted_names(names, options.wanted or TEXT_KEYS):
            return number, names
        if best is None or len(best[1]) == 1 < len(names):  # a title above the table fills one cell
            best = number, names
    return best


def _read_rows(sheet: Any) -> Iterator[_Row]:
    """The rows that are not empty, with their numbers."""
    sheet.reset_dimensions()  # some programs write wrong ones
    for number, row in enumerate(sheet.iter_rows(), start=1):
        cells = [_read_value(cell) for cell in row]
        while cells and cells[-1] is None:
            cells.pop()
        if cells:
            yield number, cells


def _read_records(source: Source, sheet: Any, header: _Row, options: Options) -> Iterator[Record | Refusal]:
    first, names = header
    if len(names) > MAX_PARQUET_COLUMNS:
        yield refused_file(
            source.name, f"at most {MAX_PARQUET_COLUMNS:,} columns", f"{len(names):,}", "split the sheet"
        )
        return
    if refusal := bad_header(source.name, names, options.wanted, first):
        yield refusal
        return
    is_ours = is_escaping(names)
    for number, cells in _read_rows(sheet):
        if number <= first:
            continue
        if len(cells) > len(names):
            found, advice = f"{len(cells):,}", "name the columns of the others, or remove them"
            yield Refusal(source.name, number, None, f"{len(names):,} values", found, advice)
        elif sum(len(cell) for cell in cells if isinstance(cell, str)) > MAX_RECORD_BYTES:
            yield refused_line(source.name, number, (None, f"more than {MAX_RECORD_BYTES:,} bytes"))
        else:
            plain = [unescape_cell(cell) if is_ours and isinstance(cell, str) else cell for cell in cells]
            values = dict(zip(names, plain + [None] * (len(names) - len(plain)), strict=True))
            yield Record(source.name, number, values, is_flat=True)


def _read_value(cell: Any) -> Any:
    """What a cell shows, as JSON can hold it."""
    value = cell.value
    if isinstance(value, str):
        return _unescape(value) if value and cell.data_type != "e" else None
    if isinstance(value, float) and value.is_integer() and abs(value) < _MAX_WHOLE:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and _ZEROS.fullmatch(cell.number_format):
        return str(value).zfill(len(cell.number_format))  # an id that begins with zeros
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        value = value.date()
    return value.isoformat() if isinstance(value, (datetime.date, datetime.time)) else value


def _unescape(value: str) -> str:
    """Text as it is shown: signs that XML cannot hold are written as numbers in it."""
    return _ESCAPED.sub(lambda found: chr(int(found.group(1), 16)), value) if "_x" in value else value
