"""The file of an export: piece by piece to whoever reads it, or whole to a place on the disk."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from app.core.errors import InputError
from app.exporting.choice import Choice
from app.exporting.columns import dataset_archive, dataset_folder, parquet
from app.exporting.labelstudio import TEXT, label_config, label_studio
from app.exporting.metadata import metadata_columns
from app.exporting.records import OnRecord, chosen_rows, export_records, nobody
from app.exporting.text import csv_lines, json_lines, json_list
from data.task import Task
from db.store.store import Session, Store

N_SHOWN = 400
"""Characters of a note in the preview."""


def export_pieces(session: Session, task: Task, choice: Choice, on_record: OnRecord = nobody) -> Iterator[bytes]:
    """The records as pieces of a file, read from the store as they are asked for.

    Args:
        session: a reading one; it must stay open until the last piece.
        task: whose fields are written.
        choice: what is written how.
        on_record: called with the number of records written so far.
    """
    if choice.form in ("parquet", "dataset"):
        write = parquet if choice.form == "parquet" else dataset_archive
        records = export_records(session, task, choice, on_record)
        return write(task, choice, records, metadata_columns(session, choice))
    return (piece.encode() for piece in export_lines(session, task, choice, on_record))


def export_lines(session: Session, task: Task, choice: Choice, on_record: OnRecord = nobody) -> Iterator[str]:
    """The same for a format that is text; a format of columns is shown as JSON lines."""
    if choice.form == "label-studio":
        return label_studio(task, choice, chosen_rows(session, choice, on_record))
    records = export_records(session, task, choice, on_record)
    if choice.form == "csv":
        return csv_lines(task, choice, records, metadata_columns(session, choice))
    return json_list(records) if choice.form == "json" else json_lines(records)


def write_export(store: Store, task: Task, out: Path, choice: Choice, *, on_record: OnRecord = nobody) -> int:
    """Write the records to a file, or to a folder for `datasets`: the whole of it appears, or the old one stays.

    The labelling configuration for Label Studio is written beside its tasks, as `OUT.xml`.

    Args:
        on_record: called with the number of records written so far.

    Returns:
        The number of records.

    Raises:
        InputError: the file cannot be made there.
        OSError: the disk is full.
    """
    is_folder = check_place(out, choice)
    counted = 0

    def count(n_records: int) -> None:
        nonlocal counted
        counted = n_records
        on_record(n_records)

    draft = _draft(out)
    try:
        with store.reading() as session:
            if is_folder:
                records = export_records(session, task, choice, count)
                dataset_folder(task, choice, records, draft, metadata_columns(session, choice))
            else:
                _write(draft / "file", export_pieces(session, task, choice, count))
        if is_folder:
            _sync(draft)
            if out.is_dir():  # it is empty
                out.rmdir()
            draft.replace(out)
        else:
            if choice.form == "label-studio":
                _write(draft / "config", iter([label_config(task, choice).encode()]))
                (draft / "config").replace(config_path(out))
            (draft / "file").replace(out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return counted


def config_path(out: Path) -> Path:
    """Where the labelling configuration of tasks for Label Studio is written."""
    return out.with_name(f"{out.name}.xml") if out.suffix == ".xml" else out.with_suffix(".xml")


def preview(session: Session, task: Task, choice: Choice) -> str:
    """How the file begins, as a person reads it; empty without any record.

    For CSV the heading and the first line; for the others the first record, with the note's text cut where it is long.
    """
    if choice.form == "csv":
        lines = list(islice(export_lines(session, task, choice), 2))
        return "".join(lines) if len(lines) > 1 else ""
    if choice.form == "label-studio":
        pieces = list(islice(export_lines(session, task, choice), 2))
        first = pieces[1].strip() if len(pieces) > 1 else "]"
    else:
        first = next(json_lines(export_records(session, task, choice)), "]")
    if first.startswith("]"):
        return ""
    return json.dumps(_cut(json.loads(first)), ensure_ascii=False, indent=2)


def _cut(record: dict[str, Any]) -> dict[str, Any]:
    """The record with the note's text cut: what else there is must be seen without turning pages."""
    holder, key = (record["data"], TEXT) if "data" in record else (record, "input")
    if len(holder.get(key, "")) > N_SHOWN:
        holder[key] = f"{holder[key][:N_SHOWN]} … ({len(holder[key]):,} characters)"
    return record


def check_place(out: Path, choice: Choice) -> bool:
    """Whether the export is a folder.

    Raises:
        InputError: it cannot be made there.
    """
    is_folder = choice.form == "dataset" and out.suffix.lower() != ".zip"
    if not out.absolute().parent.is_dir():
        found = "no such folder"
    elif is_folder and out.exists() and not (out.is_dir() and not any(out.iterdir())):
        found = "something of that name"
    elif not is_folder and out.is_dir():
        found = "a folder of that name"
    else:
        return is_folder
    raise InputError(f"Cannot export to {out}: {found}. Choose another name.")


def _draft(out: Path) -> Path:
    """A folder of its own beside the place, readable by its owner only."""
    try:
        return Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.absolute().parent))
    except PermissionError as error:
        raise InputError(f"Cannot write to {out}: permission denied. Choose another place.") from error


def _write(path: Path, pieces: Iterator[bytes]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        for piece in pieces:
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    for path in folder.iterdir():
        path.chmod(0o600)
        with path.open("rb") as file:
            os.fsync(file.fileno())
