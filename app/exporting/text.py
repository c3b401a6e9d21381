"""The formats that are text: JSON lines, JSON and CSV, piece by piece."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

from app.exporting.choice import Choice
from app.exporting.records import Record
from data.reading import provenance
from data.reading.records import BOM
from data.task import Task
from data.text.formulas import escape_cell

_as_json = json.JSONEncoder(ensure_ascii=False).encode


def json_lines(records: Iterable[Record]) -> Iterator[str]:
    """One record a line."""
    return (f"{_as_json(record)}\n" for record in records)


def json_list(records: Iterable[Record]) -> Iterator[str]:
    """One list, a record a line."""
    yield "[\n"
    separator = ""
    for record in records:
        yield separator + _as_json(record)
        separator = ",\n"
    yield "\n]\n"


def csv_lines(task: Task, choice: Choice, records: Iterable[Record], separator: str = ",") -> Iterator[str]:
    """A heading, then a line for each record; the mark in front tells a spreadsheet that it is UTF-8."""
    yield BOM + csv_line(list_columns(task, choice), separator)
    for record in records:
        yield csv_line(list_cells(task, choice, record), separator)


def list_columns(task: Task, choice: Choice) -> list[str]:
    """The columns of a table."""
    keys = choice.keys(task)
    behind = provenance.list_columns(keys, is_marked=choice.is_marked, with_provenance=choice.with_provenance)
    metadata = [column.plain for column in choice.columns]
    return ["id", *(["input"] if choice.with_text else []), *keys, *behind, *metadata]


def list_cells(task: Task, choice: Choice, record: Record) -> list[Any]:
    """The cells of a record, under these columns."""
    keys, output = choice.keys(task), record["output"] or {}
    first = [record["id"], *([record["input"]] if choice.with_text else []), *(output.get(key) for key in keys)]
    return [*first, *provenance.list_cells(record, keys), *(column.plain_cell(record) for column in choice.columns)]


def csv_line(cells: Iterable[Any], separator: str = ",") -> str:
    """A line of a CSV file, safe to open in a spreadsheet."""
    return format_plain_line([_safe_cell(cell) for cell in cells], separator)


def format_plain_line(cells: Iterable[Any], separator: str = ",") -> str:
    """A line of a CSV file for a database, which runs nothing: each cell as it is."""
    line = io.StringIO(newline="")
    csv.writer(line, delimiter=separator, lineterminator="\r\n").writerow(cells)
    return line.getvalue()


def _safe_cell(cell: Any) -> Any:
    """A cell that no spreadsheet takes for a formula; a null is empty."""
    return escape_cell(cell) if isinstance(cell, str) else cell
