"""What an import would do, without doing it: which column is what, the first notes, and what would be refused."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from app.importing.corrections import same_id_refusal
from app.importing.load import batches, describe_likenesses, names_of, read_beginning
from data.limits import MAX_REFUSALS
from data.notes import DERIVED_KEYS, GOLD_KEY, ID_KEYS, Note, read_notes
from data.reading.records import Columns, Record, Refusal
from data.reading.sources import TEXT_KEYS
from data.task import Task
from db.notes.identity import USUALLY, Known, Likenesses, Rules
from db.store.store import Store

N_SHOWN = 3
MAX_COLUMNS = 60
MAX_SHOWN_CHARACTERS = 400
MAX_CELL_CHARACTERS = 60
LONG = 40
"""Characters on average from which a column may be the notes."""
_ID_NAME = re.compile(r"(^|.*[_\W])(id|nr|no|number|case|key|pmid|pmcid|doi|uid|name)$", re.IGNORECASE)


def preview(
    store: Store, task: Task, path: Path, *, chosen: Columns, original: bool, rules: Rules = USUALLY
) -> dict[str, Any]:
    """Read a file as an import would; nothing is written.

    Args:
        store: the notes that are there already.
        task: what labels are checked against.
        path: the file.
        chosen: what a person said about its columns, if anything.
        original: the records are to bring their labels.
        rules: what is to become of notes that are known by their text or id.

    Returns:
        Plain JSON values: the columns with what becomes of each, the first notes and the counts.
    """
    first = [_shorten(row) for row in read_beginning(path, chosen.codec)]
    names = names_of(first)[:MAX_COLUMNS]
    columns = Columns(
        chosen.text if chosen.text in names else guess_text(names, first),
        chosen.id if chosen.id in names else None,
    )
    if columns.id is None and chosen.id is None:
        columns = Columns(columns.text, guess_id(names, first, columns.text))
    has_labels = GOLD_KEY in names or all(key in names for key in task.keys)
    remarks: list[str] = []
    roles = [(name, role(name, columns, task, original=original)) for name in names]
    records = read_notes(path, task, original=original, columns=columns, tell=remarks.append)
    counted, likenesses = _read(store, records, rules)
    return {
        "file": path.name,
        "columns": [{"name": name, "role": said, "holds": _example(name, first)} for name, said in roles],
        "text": columns.text or next((name for name in TEXT_KEYS if name in names), None),
        "id": columns.id or next((name for name in ID_KEYS if name in names), None),
        "is_guessed": columns.text is not None and columns.text != chosen.text,
        "can_choose": len(names) > 1 and set(names) != {"id", "text"},
        "has_labels": has_labels,
        "original": original,
        **counted,
        "remarks": remarks + describe_likenesses(likenesses),
    }


def guess_text(names: Sequence[str], rows: Sequence[Record]) -> str | None:
    """The column that is most likely the notes, where none has a usual name; None where one has, or none is likely."""
    if any(name in TEXT_KEYS for name in names):
        return None
    lengths = {name: _mean_length(name, rows) for name in names if name not in (GOLD_KEY, *DERIVED_KEYS)}
    longest = max(lengths, key=lambda name: lengths[name], default=None)
    return longest if longest is not None and lengths[longest] >= LONG else None


def guess_id(names: Sequence[str], rows: Sequence[Record], text: str | None) -> str | None:
    """The column that is most likely the ids, where none has a usual name: one named so, each value once."""
    if any(name in ID_KEYS for name in names):
        return None
    for name in names:
        values = [row.values.get(name) for row in rows]
        is_plain = all(isinstance(value, (str, int)) and not isinstance(value, bool) for value in values)
        if name != text and _ID_NAME.fullmatch(name) and is_plain and len(set(values)) == len(values):
            return name
    return None


def role(name: str, columns: Columns, task: Task, *, original: bool) -> str:
    """What becomes of a column: "text", "id", "label", "ignored label", "left out" or "metadata"."""
    if name == columns.text or (columns.text is None and name in TEXT_KEYS):
        return "text"
    if name == columns.id or (columns.id is None and name in ID_KEYS):
        return "id"
    if name == GOLD_KEY or name in task.keys:
        return "label" if original else "ignored label"
    return "left out" if name in DERIVED_KEYS else "metadata"


def _read(store: Store, records: Any, rules: Rules) -> tuple[dict[str, Any], Likenesses]:
    """Counts and beginnings of what an import would read, and which new notes are like another one.

    In bounded memory, but for what notes are known by.
    """
    shown: list[dict[str, Any]] = []
    refusals: list[str] = []
    known, counted = Known(rules), Counter[str]()
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
    return counts, known.likenesses


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
    return Record(record.file, record.line, values, record.is_flat)


def _flatten(value: Any) -> Any:
    return value if value is None or isinstance(value, (str, int, float)) else str(value)[: 4 * MAX_CELL_CHARACTERS]


def _mean_length(name: str, rows: Sequence[Record]) -> float:
    lengths = [len(value) for row in rows if isinstance(value := row.values.get(name), str)]
    return sum(lengths) / len(rows) if lengths else 0.0


def _example(name: str, rows: Sequence[Record]) -> str:
    """How the column's first value begins, on one line."""
    value = next((row.values[name] for row in rows if row.values.get(name) is not None), "")
    line = " ".join(str(value)[: 4 * MAX_CELL_CHARACTERS].split())
    return line if len(line) <= MAX_CELL_CHARACTERS else line[: MAX_CELL_CHARACTERS - 1] + "…"
