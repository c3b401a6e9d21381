"""Snapshots: the exact rows of a training run, as JSON lines with a fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from data.accepted import Accepted, AcceptedError, read_accepted
from data.identity import text_hash
from data.notes import NoteError, Split, content_hash, labelled_note, split_of
from data.reading.json.records import read_jsonl
from data.reading.records import Record, Refusal, plain_type
from data.storage.files import write_whole
from data.task import Extraction, Task

Source = Literal["original", "annotation"]


class SnapshotError(ValueError):
    """Rows that must not be trained on, or a file that does not hold rows; the message says what to do."""


@dataclass(frozen=True)
class Row:
    """One labelled note.

    Attributes:
        text: the note.
        extraction: its label.
        source: whether the label came with the note or from a reviewer.
        content_hash: the note's hash, see `data.notes.content_hash`.
        corrected: whether a reviewer's label differs from what the reviewer started from, see
            `data.corrections.is_corrected`; a reviewer's label that does not is an accepted one.
        line: where the row stands in the file that it was read from, from 1; None where it comes from no file.
        is_new: whether it is known that the adapter that a run may go on from has not learned it.
        accepted: other values that count as right where the form is scored; see `data.evaluation.accepted`.
        n_placeholders: values that only said that there is none, such as "N/A", and are null in `extraction`.
    """

    text: str = field(repr=False)
    extraction: Extraction
    source: Source
    content_hash: str
    corrected: bool = False
    line: int | None = field(default=None, compare=False)
    is_new: bool = field(default=False, compare=False)
    accepted: Accepted = field(default_factory=dict, compare=False, repr=False)
    n_placeholders: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Snapshot:
    """A written file of rows.

    Attributes:
        path: the file.
        fingerprint: 64 hexadecimal digits over the rows, independent of their order.
        n_rows: rows in the file.
        n_originals: rows whose label came with the note.
        n_annotations: rows whose label is a reviewer's.
        n_corrected: of these, rows whose label is not what the reviewer started from.
    """

    path: Path
    fingerprint: str
    n_rows: int
    n_originals: int
    n_annotations: int
    n_corrected: int


def write_snapshot(task: Task, rows: Iterable[Row], path: Path) -> Snapshot:
    """Write training rows: one a text and label, a reviewer's label before the note's own, in their hashes' order.

    The file appears whole or not at all and is readable by its owner only. `read_notes(original=True)` reads it too.

    Raises:
        SnapshotError: a row is on the hold-out side or is labelled for another task; nothing is written.
        OSError: the file cannot be written.
    """
    return _write(task, rows, path, "train")


def write_holdout(task: Task, rows: Iterable[Row], path: Path) -> Snapshot:
    """Write hold-out rows, as `write_snapshot` does training rows.

    Raises:
        SnapshotError: a row is on the training side or is labelled for another task; nothing is written.
        OSError: the file cannot be written.
    """
    return _write(task, rows, path, "holdout")


def write_judges(task: Task, held_out: Sequence[Row], fresh: Sequence[Row], path: Path) -> Snapshot:
    """Write hold-out rows together with rows of the training side that a run sets apart to be judged by.

    Raises:
        SnapshotError: a row is on the other side than said, or is labelled for another task; nothing is written.
        OSError: the file cannot be written.
    """
    for row in fresh:
        _check(task, row, "train")
    for row in held_out:
        _check(task, row, "holdout")
    return _write(task, [*held_out, *fresh], path, None)


def write_rows(task: Task, rows: Iterable[Row], path: Path) -> None:
    """Write labelled rows as they are and in their order, whichever side of the split they are on.

    For a measurement that has its own hold-out; what the desk learns from is written by `write_snapshot`.

    Raises:
        OSError: the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, [_line(task, row).encode("utf-8") + b"\n" for row in rows])


def read_rows(task: Task, path: Path) -> list[Row]:
    """Read the rows of a snapshot, or of any file of labelled notes with one JSON object a line.

    A line needs the note under "input" (or "text") and the label under "output"; its hash is computed anew. "source"
    and "corrected" say where the label comes from; without them it came with the note. "accept" may hold other values
    that count as right, a list for each field.

    Raises:
        SnapshotError: the file cannot be read, holds no rows, or a line is not a labelled note.
    """
    rows = []
    try:
        for record in read_jsonl(path):
            if isinstance(record, Refusal):
                raise SnapshotError(record.sentence)
            rows.append(_row(task, record))
    except OSError as error:
        raise SnapshotError(
            f"Expected a file of labelled notes at {path}; it cannot be read ({error.strerror})."
        ) from error
    if not rows:
        raise SnapshotError(
            f"{path.name}: expected at least one labelled note; found none; check that it is the right file."
        )
    return rows


def _row(task: Task, record: Record) -> Row:
    try:
        note = labelled_note(record, task)
    except NoteError as error:
        refusal = Refusal(record.file, record.line, None, error.expected, error.found, error.advice)
        raise SnapshotError(refusal.sentence) from error
    source = record.values.get("source", "original")
    if source not in ("original", "annotation") or note.gold is None:
        expected, found = 'the source "original" or "annotation"', plain_type(source)
        raise SnapshotError(
            Refusal(record.file, record.line, None, expected, f"another, {found}", "correct it").sentence
        )
    corrected = record.values.get("corrected", False)
    if not isinstance(corrected, bool) or (corrected and source != "annotation"):
        expected = 'true in "corrected" of a reviewer\'s label only'
        raise SnapshotError(
            Refusal(record.file, record.line, None, expected, plain_type(corrected), "correct it").sentence
        )
    is_new = record.values.get("new") is True
    try:
        accepted = read_accepted(task, record.values.get("accept"))
    except AcceptedError as error:
        refusal = Refusal(record.file, record.line, None, error.expected, error.found, "correct it or leave it out")
        raise SnapshotError(refusal.sentence) from error
    return Row(note.text, note.gold, source, note.content_hash, corrected, record.line, is_new, accepted)


def _write(task: Task, rows: Iterable[Row], path: Path, side: Split | None) -> Snapshot:
    ordered = _sort_distinct(task, rows, side)
    fingerprint = hashlib.sha256()
    lines = [_line(task, row).encode("utf-8") + b"\n" for row in ordered]
    for line in lines:
        fingerprint.update(line)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, lines)
    n_originals = sum(row.source == "original" for row in ordered)
    return Snapshot(
        path=path,
        fingerprint=fingerprint.hexdigest(),
        n_rows=len(ordered),
        n_originals=n_originals,
        n_annotations=len(ordered) - n_originals,
        n_corrected=sum(row.corrected for row in ordered),
    )


def _sort_distinct(task: Task, rows: Iterable[Row], side: Split | None) -> list[Row]:
    """The rows in a repeatable order, none twice.

    Of a text that stands under several ids, reviewers' labels go before those that it came with; labels that differ
    are rows of their own, copies with the same one are one.

    Raises:
        SnapshotError: see `write_snapshot`.
    """
    of_text: dict[str, dict[Extraction, Row]] = {}
    for row in rows:
        _check(task, row, side)
        labelled = of_text.setdefault(text_hash(row.text), {})
        known = labelled.get(row.extraction)
        if known is None or _rank(task, row) < _rank(task, known):
            labelled[row.extraction] = row
    kept = []
    for labelled in of_text.values():
        source = min(row.source for row in labelled.values())  # "annotation" sorts before "original"
        kept += [row for row in labelled.values() if row.source == source]
    return sorted(kept, key=lambda row: (row.content_hash, _line(task, row)))


def _rank(task: Task, row: Row) -> tuple[str, str]:
    return row.source, _line(task, row)


def _check(task: Task, row: Row, side: Split | None) -> None:
    if content_hash(row.text) != row.content_hash:
        raise SnapshotError(
            f"Expected each row to carry its own note's hash; found {row.content_hash[:12]} on another note. "
            "Compute it again."
        )
    if side is not None and split_of(row.content_hash) != side:
        wanted = "training rows only" if side == "train" else "hold-out rows only"
        raise SnapshotError(
            f"Expected {wanted}; found the note {row.content_hash[:12]} of the other side of the split. Leave it out."
        )
    if tuple(row.extraction) != task.keys:
        raise SnapshotError(
            f"Expected labels with the fields {', '.join(task.keys)}; found those of another task on the note "
            f"{row.content_hash[:12]}. Label it again."
        )


def _line(task: Task, row: Row) -> str:
    values: dict[str, Any] = {
        "instruction": task.instruction,
        "input": row.text,
        "output": row.extraction.as_dict(),
        "source": row.source,
        "content_hash": row.content_hash,
    }
    if row.corrected:
        values["corrected"] = True
    if row.is_new:
        values["new"] = True
    return json.dumps(values, ensure_ascii=False)
