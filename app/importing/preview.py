"""What an import would do, without doing it: which column is what, the first notes, and what would be refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from app.importing.columns import ROLES, beginning, plan_rows
from app.importing.load import batches, describe_likenesses
from app.importing.readings import Readings
from data.limits import MAX_REFUSALS
from data.notes import ID_KEYS, Note, read_notes
from data.reading.readers import TEXT_KEYS
from data.reading.records import Columns, Record, Refusal
from data.task import Task
from db.notes.identity import Known, Likenesses
from db.store.store import Store

N_SHOWN = 3
MAX_COLUMNS = 60
MAX_SHOWN_CHARACTERS = 400
MAX_CELL_CHARACTERS = 60


def preview(
    store: Store, task: Task, path: Path, *, chosen: Columns, original: bool, on_terminal: bool = False
) -> dict[str, Any]:
    """Read a file as an import would; nothing is written.

    Args:
        store: the notes that are there already.
        task: what labels are checked against.
        path: the file.
        chosen: what a person said about its columns, if anything.
        original: the records are to bring their labels.
        on_terminal: whether it is read there and not in the browser.

    Returns:
        Plain JSON values: the columns with what becomes of each, the first notes and the counts.
    """
    first = [_small(row) for row in beginning(path)]
    plan = plan_rows(path, first, task, chosen, original=original, strict=False)
    remarks: list[str] = []
    notes = read_notes(path, task, original=original, columns=plan.columns, tell=remarks.append)
    counted, likenesses, readings = _read(store, notes)
    return {
        "file": path.name,
        "columns": [
            {"name": name, "role": plan.roles[name], "becomes": ROLES[plan.roles[name]], "holds": _example(name, first)}
            for name in plan.names[:MAX_COLUMNS]
        ],
        "text": plan.text,
        "id": plan.id,
        "is_guessed": "text" in plan.guessed,
        "is_id_guessed": "id" in plan.guessed,
        "is_id_repeated": plan.is_repeated,
        "can_choose": path.suffix.lower() != ".txt" and len(plan.names) > 1,
        "has_labels": plan.has_labels,
        "original": original,
        **counted,
        "remarks": [
            *plan.sentences(on_terminal=on_terminal),
            *remarks,
            *describe_likenesses(likenesses),
            *readings.sentences(),
        ],
    }


def _read(store: Store, records: Any) -> tuple[dict[str, Any], Likenesses, Readings]:
    """Counts and beginnings of what an import would read, which new notes are like another one, how labels were read.

    In bounded memory, but for what notes are known by.
    """
    shown: list[dict[str, Any]] = []
    refusals: list[str] = []
    known, counted, readings = Known(), Counter[str](), Readings()
    for batch in batches(records):
        counted["rows"] += len(batch)
        notes = [record for record in batch if isinstance(record, Note)]
        refused = [record for record in batch if isinstance(record, Refusal)]
        counted["refused"] += len(refused)
        counted["files_refused"] += sum(refusal.is_file for refusal in refused)
        refusals += [refusal.sentence for refusal in refused[: MAX_REFUSALS - len(refusals)]]
        shown += [_beginning(note) for note in notes[: N_SHOWN - len(shown)]]
        with store.reading() as session:
            known.look_up(session, notes)
        for note in notes:
            entry, meeting = known.meet(note)
            counted["new" if meeting == "new" else "known"] += 1
            counted["labelled"] += meeting == "labels" and not entry.is_new
            readings.count(note)
            entry.note = None  # or all texts of the file would be held
    counts = {
        "notes": shown,
        "n_rows": counted["rows"],
        "n_new": counted["new"],
        "n_known": counted["known"],
        "n_labelled": counted["labelled"],
        "n_refused": counted["refused"],
        "n_files_refused": counted["files_refused"],
        "refusals": refusals,
    }
    return counts, known.likenesses, readings


def _beginning(note: Note) -> dict[str, Any]:
    text = note.text[: MAX_SHOWN_CHARACTERS + 1]
    return {
        "id": note.external_id,
        "text": text if len(text) <= MAX_SHOWN_CHARACTERS else text[:-1] + "…",
        "n_characters": len(note.text),
        "metadata": list(note.metadata),
        "labels": {key: value for key, value in (note.gold or {}).items() if value is not None},
    }


def _small(record: Record) -> Record:
    """A record as far as the columns are judged by it: its first ones, and of nested values how they begin."""
    names = [*islice(record.values, MAX_COLUMNS), *(name for name in (*TEXT_KEYS, *ID_KEYS) if name in record.values)]
    values = {name: _flat(record.values[name]) for name in names}
    return Record(record.file, record.line, values, record.is_flat)


def _flat(value: Any) -> Any:
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, Mapping):  # its keys tell whether these are labels
        return {name: str(one)[:MAX_CELL_CHARACTERS] for name, one in islice(value.items(), MAX_COLUMNS)}
    return str(value)[: 4 * MAX_CELL_CHARACTERS]


def _example(name: str, rows: Sequence[Record]) -> str:
    """How the column's first value begins, on one line."""
    value = next((row.values[name] for row in rows if row.values.get(name) is not None), "")
    line = " ".join(str(value)[: 4 * MAX_CELL_CHARACTERS].split())
    return line if len(line) <= MAX_CELL_CHARACTERS else line[: MAX_CELL_CHARACTERS - 1] + "…"
