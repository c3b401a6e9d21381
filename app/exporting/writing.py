"""The file of an export: piece by piece to whoever reads it, or whole to a place on the disk."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

from app.core.errors import InputError
from app.exporting.choice import Choice
from app.exporting.columns import dataset_archive, dataset_folder, features, parquet
from app.exporting.folders import Files, write_files, zip_files
from app.exporting.formats import FOLDERS, MAPPED, TABLES, Format
from app.exporting.metadata import with_columns
from app.exporting.records import OnRecord, Record, chosen_rows, export_records, ignore_count, read_rows_and_records
from app.exporting.registries.fhir import write_bundle
from app.exporting.registries.mapping import RegistryMapping, load_mapping
from app.exporting.registries.naaccr import write_naaccr
from app.exporting.registries.omop import mention_rows, note_rows
from app.exporting.sheets import write_sheet
from app.exporting.text import csv_lines, json_lines, json_list
from app.exporting.tools.brat import brat_files
from app.exporting.tools.label_studio import TEXT, label_config, label_studio
from app.exporting.tools.spacy_docs import write_doc_bin
from app.exporting.training import alpaca, messages
from data.reading.records import BOM
from data.task import Task
from db.review.reviewed import ReviewedRow
from db.store.store import Session, Store

BINARY: Mapping[Format, Callable[[Task, Choice, Iterable[Record]], Iterator[bytes]]] = {
    "parquet": parquet,
    "dataset": dataset_archive,
    "xlsx": write_sheet,
    "spacy": write_doc_bin,
}
SEVERAL: frozenset[Format] = frozenset(["brat", "omop"])
CHATS: Mapping[Format, Callable[[Task, Choice, Iterable[Record]], Iterator[str]]] = {
    "alpaca": alpaca,
    "messages": messages,
}
REGISTRIES: Mapping[Format, Callable[[Task, Choice, RegistryMapping, Iterable[ReviewedRow]], Iterator[str]]] = {
    "fhir": write_bundle,
    "naaccr": write_naaccr,
}
N_SHOWN = 400
"""Characters of a note in the preview."""
N_FILES, N_LINES = 3, 3


def export_pieces(session: Session, task: Task, choice: Choice, on_record: OnRecord = ignore_count) -> Iterator[bytes]:
    """The records as pieces of a file, read from the store as they are asked for.

    Args:
        session: a reading one; it must stay open until the last piece.
        task: whose fields are written.
        choice: what is written how.
        on_record: called with the number of records written so far.
    """
    choice = with_columns(session, choice)
    if choice.form in SEVERAL:
        return zip_files(_files(session, task, choice, on_record))
    if choice.form in BINARY:
        return BINARY[choice.form](task, choice, export_records(session, task, choice, on_record))
    return (piece.encode() for piece in export_lines(session, task, choice, on_record))


def _files(session: Session, task: Task, choice: Choice, on_record: OnRecord) -> Files:
    """The files of a format that has several."""
    if choice.form == "brat":
        yield from brat_files(task, choice, export_records(session, task, choice, on_record))
        return
    mapping = load_mapping(task, choice.mapping, choice.form)
    for name, table, told in (("note", note_rows, ignore_count), ("note_nlp", mention_rows, on_record)):
        rows = read_rows_and_records(session, task, choice, told)
        yield f"{name}.csv", (line.encode() for line in table(task, choice, mapping, rows))


def export_lines(session: Session, task: Task, choice: Choice, on_record: OnRecord = ignore_count) -> Iterator[str]:
    """The same for a format that is text; any other is shown as JSON lines."""
    if choice.form == "label-studio":
        return label_studio(task, choice, read_rows_and_records(session, task, choice, on_record))
    if choice.form in REGISTRIES:
        mapping = load_mapping(task, choice.mapping, choice.form)
        return REGISTRIES[choice.form](task, choice, mapping, chosen_rows(session, choice, on_record))
    choice = with_columns(session, choice)
    records = export_records(session, task, choice, on_record)
    if choice.form in TABLES:
        return csv_lines(task, choice, records, "\t" if choice.form == "tsv" else ",")
    if choice.form in CHATS:
        return CHATS[choice.form](task, choice, records)
    return json_list(records) if choice.form == "json" else json_lines(records)


def write_export(store: Store, task: Task, out: Path, choice: Choice, *, on_record: OnRecord = ignore_count) -> int:
    """Write the records to a file, or to a folder for `datasets`: the whole of it appears, or the old one stays.

    The labelling configuration for Label Studio is written beside its tasks, as `OUT.xml`, and the types of JSON lines
    beside them, as `OUT.features.json`.

    Args:
        on_record: called with the number of records written so far.

    Returns:
        The number of records.

    Raises:
        InputError: the file cannot be made there.
        OSError: the disk is full.
    """
    is_folder = check_place(out, choice)
    out = out.resolve() if out.is_symlink() else out  # a link stays one, and leads to what is new
    counted = 0

    def count(n_records: int) -> None:
        nonlocal counted
        counted = n_records
        on_record(n_records)

    draft = _draft(out)
    try:
        with store.reading() as session:
            if choice.form in SEVERAL and is_folder:
                write_files(_files(session, task, choice, count), draft)
            elif is_folder:
                choice = with_columns(session, choice)
                dataset_folder(task, choice, export_records(session, task, choice, count), draft)
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
            if choice.form == "jsonl":
                _write(draft / "features", iter([json.dumps(features(task, choice), indent=2).encode()]))
                (draft / "features").replace(features_path(out))
            (draft / "file").replace(out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return counted


def config_path(out: Path) -> Path:
    """Where the labelling configuration of tasks for Label Studio is written."""
    return out.with_name(f"{out.name}.xml") if out.suffix == ".xml" else out.with_suffix(".xml")


def features_path(out: Path) -> Path:
    """Where the types of records in JSON lines are written."""
    return out.with_suffix(".features.json")


def check_needs(task: Task, choice: Choice) -> None:
    """Refuse a format that lacks something, before anything is written.

    Raises:
        InputError: the mapping file has a fault, or a package is not installed.
    """
    if choice.form in MAPPED:
        load_mapping(task, choice.mapping, choice.form)
    elif choice.mapping is not None:
        raise InputError(f"Expected --mapping with {', '.join(sorted(MAPPED))}; found {choice.form}. Leave it out.")
    if choice.form == "spacy" and find_spec("spacy") is None:
        raise InputError(
            'Expected the package spacy for this format; found none. Install it: pip install "caseloop[spacy]".'
        )


def preview(session: Session, task: Task, choice: Choice) -> str:
    """How the file begins, as a person reads it; empty without any record.

    For CSV the heading and the first line; for the others the first record, with the note's text cut where it is long.
    """
    if choice.form in TABLES:
        lines = list(islice(export_lines(session, task, choice), 2))
        return "".join(lines).removeprefix(BOM) if len(lines) > 1 else ""
    if choice.form in SEVERAL:
        return _first_lines(_files(session, task, choice, ignore_count))
    if choice.form == "naaccr":
        return "".join(islice(export_lines(session, task, choice), 3))
    if choice.form in ("label-studio", "fhir"):
        place = 2 if choice.form == "fhir" else 1
        first = next(islice(export_lines(session, task, choice), place, None), "]").strip()
    else:
        first = next(json_lines(export_records(session, task, choice)), "]")
    if first.startswith("]"):
        return ""
    return json.dumps(_cut(json.loads(first)), ensure_ascii=False, indent=2)


def _first_lines(files: Files) -> str:
    """The names of the first files, and how each begins."""
    said = []
    for name, pieces in islice(files, N_FILES):
        beginning = b"".join(islice(pieces, N_LINES)).decode()[:N_SHOWN]
        said.append(f"{name}:\n{beginning}")
    return "\n\n".join(said)


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
    is_folder = choice.form in FOLDERS and out.suffix.lower() != ".zip"
    if not out.absolute().parent.is_dir():
        found = "no such folder"
    elif is_folder and out.exists() and not (out.is_dir() and not any(out.iterdir())):
        found = "something of that name"
    elif not is_folder and out.is_dir():
        found = "a folder of that name"
    elif out.exists() and not out.is_file() and not is_folder:
        found = "a device or a pipe, which the file would replace"
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
