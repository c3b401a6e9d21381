"""Export: what people decided, as JSON lines (also training input), JSON or CSV."""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args

from app.failures import InputError
from data.corrections import compare
from data.task import Extraction, Task
from db.annotations import ReviewedRow, reviewed
from db.session import Session, Store

Format = Literal["jsonl", "json", "csv"]
FORMATS: tuple[Format, ...] = get_args(Format)
MEDIA_TYPES: Mapping[Format, str] = {"jsonl": "application/x-ndjson", "json": "application/json", "csv": "text/csv"}

# A spreadsheet runs a cell that begins with one of these as a formula; an apostrophe in front makes it text.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
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


def format_of(out: str, chosen: str | None) -> Format:
    """The format that was chosen, or else the one that the name's ending says, or else JSON lines.

    Raises:
        InputError: there is no such format.
    """
    wanted = chosen or Path(out).suffix.lower().lstrip(".")
    for form in FORMATS:
        if wanted == form:
            return form
    if chosen is not None:
        raise InputError(f"Expected one of {', '.join(FORMATS)} as the format; found {chosen!r}.")
    return "jsonl"


def export_lines(session: Session, task: Task, form: Format, *, with_provenance: bool = False) -> Iterator[str]:
    """The reviewed records as pieces of a file, read from the store as they are asked for.

    Args:
        session: a reading one; it must stay open until the last piece.
        task: whose fields are written.
        form: `jsonl`, `json` or `csv`.
        with_provenance: who decided when, and what had been suggested.
    """
    records = (export_record(task, row, with_provenance=with_provenance) for row in reviewed(session))
    if form == "csv":
        return _csv(task, records, with_provenance)
    return _json(records) if form == "json" else (f"{json.dumps(record, ensure_ascii=False)}\n" for record in records)


def export_record(task: Task, row: ReviewedRow, *, with_provenance: bool = False) -> dict[str, Any]:
    """One reviewed note as the JSON formats hold it: training input, with its id."""
    record: dict[str, Any] = {
        "instruction": task.instruction,
        "input": row.note.text,
        "output": Extraction(task, row.annotation.extraction).as_dict(),
        "id": row.note.external_id or str(row.note.id),
    }
    if with_provenance:
        record["provenance"] = _provenance(task, row)
    return record


def write_export(
    store: Store,
    task: Task,
    out: Path,
    form: Format,
    *,
    with_provenance: bool = False,
    on_record: Callable[[int], None] = lambda n_records: None,
) -> int:
    """Write all reviewed records to a file: the whole file appears, or the old one stays.

    Args:
        on_record: called with the number of pieces written so far.

    Returns:
        The number of records.

    Raises:
        InputError: the file cannot be made there.
        OSError: the disk is full.
    """
    if out.is_dir() or not out.absolute().parent.is_dir():
        found = "a folder of that name" if out.is_dir() else "no such folder"
        raise InputError(f"Expected a place for the export at {out}; found {found}. Choose another name.")
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{out.name}.", dir=out.absolute().parent)
    except PermissionError as error:
        raise InputError(
            f"Expected to be able to write to {out}; found no permission. Choose another place."
        ) from error
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file, store.reading() as session:
            n_pieces = 0
            for n_pieces, piece in enumerate(export_lines(session, task, form, with_provenance=with_provenance), 1):
                file.write(piece)
                on_record(n_pieces)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(out)
    finally:
        draft.unlink(missing_ok=True)
    # JSON has a line before and after the records, CSV one before.
    return n_pieces - {"jsonl": 0, "json": 2, "csv": 1}[form]


def _provenance(task: Task, row: ReviewedRow) -> dict[str, Any]:
    decided, suggestion = row.annotation, row.suggestion
    suggested = Extraction(task, suggestion.extraction) if suggestion else None
    return {
        "reviewer": decided.reviewer,
        "submitted_at": decided.submitted_at.isoformat(),
        "revision": decided.revision,
        "adapter": suggestion.adapter if suggestion else None,
        "prompt_version": suggestion.prompt_version if suggestion else None,
        "suggestion": suggested.as_dict() if suggested else None,
        "confidence": dict(suggestion.confidence) if suggestion else None,
        "grounding": {key: str(kind) for key, kind in suggestion.grounding.items()} if suggestion else None,
        "corrections": dict(compare(task, suggested, Extraction(task, decided.extraction))),
        "lead_time_ms": decided.lead_time_ms,
        "comment": decided.comment,
        "content_hash": row.note.content_hash,
    }


def _json(records: Iterable[dict[str, Any]]) -> Iterator[str]:
    yield "[\n"
    separator = ""
    for record in records:
        yield separator + json.dumps(record, ensure_ascii=False)
        separator = ",\n"
    yield "\n]\n"


def _csv(task: Task, records: Iterable[dict[str, Any]], with_provenance: bool) -> Iterator[str]:
    columns = ["id", "input", *task.keys]
    if with_provenance:
        columns += _PROVENANCE_COLUMNS
        columns += [
            f"{what}_{key}" for what in ("suggested", "confidence", "grounding", "correction") for key in task.keys
        ]
    yield _csv_line(columns)
    for record in records:
        yield _csv_line([record["id"], record["input"], *record["output"].values(), *_csv_provenance(task, record)])


def _csv_provenance(task: Task, record: Mapping[str, Any]) -> list[Any]:
    if "provenance" not in record:
        return []
    provenance = record["provenance"]
    cells = [provenance[column] for column in _PROVENANCE_COLUMNS]
    for what in ("suggestion", "confidence", "grounding", "corrections"):
        cells += [(provenance[what] or {}).get(key) for key in task.keys]
    return cells


def _csv_line(cells: Iterable[Any]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow([_safe_cell(cell) for cell in cells])
    return line.getvalue()


def _safe_cell(cell: Any) -> Any:
    """A cell that no spreadsheet takes for a formula; a null is empty."""
    if isinstance(cell, str) and cell.startswith(_FORMULA):
        return f"'{cell}"
    return "" if cell is None else cell
