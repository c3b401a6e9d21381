"""What an import would do, without doing it: which column is what, the first notes, and what would be refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from app.importing.columns import ROLES, plan_rows, read_beginning
from app.importing.corrections import same_id_refusal
from app.importing.load import batches, describe_likenesses
from app.importing.readings import Readings
from data.limits import MAX_REFUSALS
from data.notes import ID_KEYS, Note, read_notes
from data.reading.annotators.fields import brings_labels
from data.reading.records import Columns, Record, Refusal
from data.reading.sources import TEXT_KEYS
from data.task import Task
from db.notes.identity import USUALLY, Known, Likenesses, Rules
from db.store.store import Store

N_SHOWN = 3
MAX_COLUMNS = 60
MAX_SHOWN_CHARACTERS = 400
MAX_CELL_CHARACTERS = 60


def preview(
    store: Store,
    task: Task,
    path: Path,
    *,
    chosen: Columns,
    original: bool,
    rules: Rules = USUALLY,
    on_terminal: bool = False,
) -> dict[str, Any]:
    """Read a file as an import would; nothing is written.

    Args:
        store: the notes that are there already.
        task: what labels are checked against.
        path: the file.
        chosen: what a person said about its columns, if anything.
        original: the records are to bring their labels.
        rules: what is to become of notes that are known by their text or id.
        on_terminal: whether it is read there and not in the browser.

    Returns:
        Plain JSON values: the columns with what becomes of each, the first notes and the counts.
    """
    rows = read_beginning(path, chosen.codec)
    first = [_shorten(row) for row in rows]
    plan = plan_rows(path, first, task, chosen, original=original, strict=False)
    remarks: list[str] = []
    records = read_notes(path, task, original=original, columns=plan.columns, tell=remarks.append)
    counted, likenesses, readings = _read(store, records, rules)
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
        "can_choose": len(plan.names) > 1 and set(plan.names) != {"id", "text"},
        "has_labels": plan.has_labels or brings_labels(rows, task),
        "original": original,
        **counted,
        "remarks": [
            *plan.sentences(on_terminal=on_terminal),
            *remarks,
            *describe_likenesses(likenesses),
            *readings.sentences(),
        ],
    }


def _read(store: Store, records: Any, rules: Rules) -> tuple[dict[str, Any], Likenesses, Readings]:
    """Counts and beginnings of what an import would read, which new notes are like another one, how labels were read.

    In bounded memory, but for what notes are known by.
    """
    shown: list[dict[str, Any]] = []
    refusals: list[str] = []
    known, counted, readings = Known(rules), Counter[str](), Readings()
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
            counted[meeting if meeting in ("new", "refused") else "known"] += 1
            if meeting == "refused" and len(refusals) < MAX_REFUSALS:
                refusals.append(same_id_refusal(note.place).sentence)
            counted["labelled"] += meeting == "labels" and not entry.is_new
            readings.count(note)
            entry.note = None  # or all texts of the file would be held
    counts = {
        "notes": shown,
        "n_rows": counted["rows"],
        "n_new": counted["new"],
        "n_known": counted["known"],
        "n_labelled": counted["labelled"],
        "n_updated": known.changes.n_notes,
        "updates": [_change(name, n, known.changes.examples[name]) for name, n in known.changes.by_field.most_common()],
        "n_namesakes": known.likenesses.n_namesakes + known.likenesses.n_superseding + known.likenesses.n_refused,
        "n_refused": counted["refused"],
        "n_files_refused": counted["files_refused"],
        "refusals": refusals,
    }
    return counts, known.likenesses, readings


def _change(name: str, n: int, examples: Sequence[tuple[str, Any, Any]]) -> dict[str, Any]:
    """Of how many notes a field would change, and the first values; never a word of a note."""
    shown = [{"place": place, "before": _short(before), "now": _short(now)} for place, before, now in examples]
    return {"field": name, "n": n, "examples": shown}


def _short(value: Any) -> str | None:
    if value is None:
        return None
    line = " ".join(str(value)[: 4 * MAX_CELL_CHARACTERS].split())
    return line if len(line) <= MAX_CELL_CHARACTERS else line[: MAX_CELL_CHARACTERS - 1] + "…"


def _beginning(note: Note) -> dict[str, Any]:
    text = note.text[: MAX_SHOWN_CHARACTERS + 1]
    return {
        "id": note.external_id,
        "text": text if len(text) <= MAX_SHOWN_CHARACTERS else text[:-1] + "…",
        "n_characters": len(note.text),
        "metadata": list(note.metadata),
        "labels": {key: value for key, value in (note.gold or {}).items() if value is not None},
    }


def _shorten(record: Record) -> Record:
    """A record as far as the columns are judged by it: its first ones, and of nested values how they begin."""
    names = [*islice(record.values, MAX_COLUMNS), *(name for name in (*TEXT_KEYS, *ID_KEYS) if name in record.values)]
    values = {name: _flatten(record.values[name]) for name in names}
    return Record(record.file, record.line, values, record.is_flat, record.decisions)


def _flatten(value: Any) -> Any:
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
