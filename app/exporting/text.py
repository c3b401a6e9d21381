"""The formats that are text: JSON lines, JSON and CSV, piece by piece."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from app.exporting.choice import Choice
from app.exporting.metadata import Column
from app.exporting.records import Record
from data.task import Task
from data.text.formulas import escape_cell

_PROVENANCE_COLUMNS = (
    "reviewer",
    "submitted_at",
    "revision",
    "adapter",
    "prompt_version",
    "lead_time_ms",
    "comment",
    "content_hash",
)
_PER_FIELD = {
    "suggested": "suggestion",
    "confidence": "confidence",
    "grounding": "grounding",
    "rule": "rules",
    "correction": "corrections",
    "state": "states",
}
_as_json = json.JSONEncoder(ensure_ascii=False).encode
_SHOWN = ("as", "seeded_field", "seeded_value", "is_seeded_kept")


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


def csv_lines(task: Task, choice: Choice, records: Iterable[Record], metadata: Sequence[Column] = ()) -> Iterator[str]:
    """A heading, then a line for each record.

    Args:
        metadata: the columns of what came with the notes.
    """
    keys = choice.keys(task)
    columns = ["id", *(["input"] if choice.with_text else []), *keys]
    if choice.is_marked:
        columns += ["status", *(f"set_aside_{key}" for key in keys)]
    if choice.with_provenance:
        columns += _PROVENANCE_COLUMNS
        columns += [f"{column}_{key}" for column in _PER_FIELD for key in keys]
        columns += ["shown_as", *_SHOWN[1:], "opinions"]
    yield csv_line([*columns, *(column.plain for column in metadata)])
    for record in records:
        cells = [record["id"], *([record["input"]] if choice.with_text else []), *_values(record["output"], keys)]
        if choice.is_marked:
            cells += [record["status"], *_values(record["set_aside"], keys)]
        cells += _csv_provenance(record.get("provenance"), keys)
        yield csv_line([*cells, *(column.plain_cell(record) for column in metadata)])


def csv_line(cells: Iterable[Any]) -> str:
    """A line of a CSV file, safe to open in a spreadsheet."""
    line = io.StringIO(newline="")
    csv.writer(line, lineterminator="\r\n").writerow([_safe_cell(cell) for cell in cells])
    return line.getvalue()


def _values(found: Mapping[str, Any] | None, keys: Iterable[str]) -> list[Any]:
    return [(found or {}).get(key) for key in keys]


def _csv_provenance(provenance: Record | None, keys: tuple[str, ...]) -> list[Any]:
    if provenance is None:
        return []
    cells = [provenance[column] for column in _PROVENANCE_COLUMNS]
    for what in _PER_FIELD.values():
        cells += _values(provenance[what], keys)
    opinions = _as_json(provenance["opinions"]) if provenance["opinions"] else None
    return [*cells, *_values(provenance["shown"], _SHOWN), opinions]


def _safe_cell(cell: Any) -> Any:
    """A cell that no spreadsheet takes for a formula; a null is empty."""
    return escape_cell(cell) if isinstance(cell, str) else cell
