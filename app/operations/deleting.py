"""Deleting notes: what the store keeps of them and then every file of the home, until no word is left.

The rows go in one transaction, so that a deletion is begun or not. What follows can be done again: a process that was
killed in the middle leaves a deletion unfinished, and the next start finishes it. Backups and adapters are not changed;
the report names them.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.core.desk import Desk
from app.core.errors import DeskError
from app.operations.run_files import count_rows_deleted, take_rows_out
from app.training.requests import run_name, training_lock
from data.text.figures import plural
from db.people.acting import acting, as_program
from db.people.audit import entries_of
from db.review.bulk import Many
from db.review.lifecycle.deletion import Deletion, delete_notes, deletions, finish_deletion
from db.schema.errors import StoreError
from db.store.store import Session
from db.training.adapters import list_adapters
from db.training.runs import get_run, list_runs

N_BACKUPS = 20
"""Of the newest backups that a report names."""
UPLOADS = "import-*"


@dataclass(frozen=True)
class Deleted:
    """What became of a deletion.

    Attributes:
        n_notes: notes that are gone; 0 where there were none.
        number: of the deletion, as the audit trail has it.
        n_rows: rows that were taken out of the files of training runs.
        adapters: those that learned from one of the notes, as their runs' files say; they are unchanged.
        backups: name and day of the newest backups; they are unchanged.
        why_unfinished: what is in the way of its end; empty once it is finished.
    """

    n_notes: int
    number: int = 0
    n_rows: int = 0
    adapters: tuple[str, ...] = ()
    backups: tuple[tuple[str, str], ...] = ()
    why_unfinished: str = field(default="")

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return {
            "n_deleted": self.n_notes,
            "deletion": self.number or None,
            "n_rows_in_runs": self.n_rows,
            "adapters": list(self.adapters),
            "backups": [{"name": name, "day": day} for name, day in self.backups],
            "unfinished": self.why_unfinished or None,
        }

    def sentences(self) -> list[str]:
        """The report for a person."""
        if not self.n_notes:
            return ["There are no such notes; nothing was deleted."]
        said = [f"{plural(self.n_notes, 'note')} deleted, with all that was said about {_them(self.n_notes)}."]
        if self.n_rows:
            said.append(f"{plural(self.n_rows, 'row')} taken out of the files of training runs.")
        if self.adapters:
            said.append(f"Trained on {_them(self.n_notes)}, and unchanged: {', '.join(self.adapters)}.")
        if self.backups:
            named = ", ".join(f"{name} ({day})" for name, day in self.backups)
            said.append(f"Backups from before may still hold {_them(self.n_notes)}: {named}.")
        if self.why_unfinished:
            said.append(f"Not finished: {self.why_unfinished} The next start of caseloop serve finishes it.")
        return said


def _them(n: int) -> str:
    return "it" if n == 1 else "them"


def delete(desk: Desk, many: Many, *, by: str, reason: str, expected: int | None = None) -> Deleted:
    """Delete notes for good, and every word of them in the home's files.

    Args:
        desk: whose.
        many: which notes.
        by: who asks.
        reason: kept in the audit trail.
        expected: see `db.review.lifecycle.deletion.delete_notes`.

    Raises:
        DeskError: a training run is under way, which reads their texts. Nothing was deleted.
        NotAllowed: whoever asks is no lead.
        StoreError: see `delete_notes`; nothing was deleted.
    """
    with training_lock(desk.settings) as lock:
        if lock is None:
            raise DeskError(
                "A training run is under way and may read these notes. Stop it, or delete when it has ended."
            )
        with acting(desk.store, by, "delete notes") as act:
            begun = delete_notes(act, many, reason, expected=expected)
        if begun is None:
            return Deleted(0)
        done = _finish(desk, begun)
        with desk.store.reading() as session:
            left = deletions(session, unfinished=True)
        for other in left:  # of a process that was killed
            if other.id != begun.id:
                _finish(desk, other)
        return done


def finish_deletions(desk: Desk) -> list[Deleted]:
    """Finish what a killed process began; nothing where a training run is under way, which may have begun before.

    Raises:
        StoreError: the store cannot be read.
    """
    with desk.store.reading() as session:
        found = deletions(session, unfinished=True)
    if not found:
        return []
    with training_lock(desk.settings) as lock:
        return [] if lock is None else [_finish(desk, one) for one in found]


def _finish(desk: Desk, deletion: Deletion) -> Deleted:
    """Take its notes out of every file."""
    with desk.store.reading() as session:
        is_finished = {run_name(run.id): run.status == "finished" for run in list_runs(session, limit=1_000_000)}
    why = ""
    try:
        for directory in sorted(desk.settings.runs.glob("run-*")):
            take_rows_out(directory, deletion, is_finished=is_finished.get(directory.name, False))
        _remove_uploads(desk.settings.home / "tmp")
        if not desk.store.scrub():
            why = "somebody has been reading the store all the time."
        else:
            with as_program(desk.store) as program:
                finish_deletion(program, deletion.id)
            desk.store.scrub()  # its hashes have just gone
    except (OSError, StoreError) as error:
        why = str(error) if isinstance(error, StoreError) else f"a file could not be changed ({error.strerror})."
    with desk.store.reading() as session:
        learned = _adapters(session, desk, deletion)
        backups = [(str(entry.detail.get("name", "")), entry.at.date().isoformat()) for entry in _backups(session)]
    n_rows = sum(sum(count_rows_deleted(path, deletion.id).values()) for path in desk.settings.runs.glob("run-*"))
    return Deleted(deletion.n_notes, deletion.id, n_rows, tuple(learned), tuple(backups), why)


def _backups(session: Session) -> Any:
    return entries_of(session, "backed up", limit=N_BACKUPS)


def _adapters(session: Session, desk: Desk, deletion: Deletion) -> list[str]:
    """Adapters that learned from one of the notes: by a run's rows, or by going on from one that had."""
    named = list_adapters(session)
    taught = {
        row.name
        for row in named
        if row.run_id is not None
        and count_rows_deleted(desk.settings.runs / run_name(row.run_id), deletion.id).get("snapshot.jsonl")
    }
    while True:
        more = {
            row.name
            for row in named
            if row.run_id is not None
            and row.name not in taught
            and row.parent in taught
            and _is_warm(session, row.run_id)
        }
        if not more:
            return sorted(taught)
        taught |= more


def _is_warm(session: Session, run_id: int) -> bool:
    return bool(get_run(session, run_id).config.get("mode") == "warm")


@contextmanager
def hold_directory(directory: Path) -> Iterator[None]:
    """Say that a directory of uploads is in use, for as long as this process lives."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def _remove_uploads(tmp: Path) -> None:
    """Remove what an import that was killed has left of its files."""
    for directory in tmp.glob(UPLOADS):
        with suppress(OSError):
            descriptor = os.open(directory, os.O_RDONLY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(directory, ignore_errors=True)
            finally:
                os.close(descriptor)


def unfinished_sentence(session: Session) -> str:
    """What is to be said of deletions that are not finished; empty where all are."""
    found = deletions(session, unfinished=True)
    if not found:
        return ""
    numbers = ", ".join(json.dumps(one.id) for one in found)
    return f"not finished: {numbers}. Start caseloop serve, or delete again, to finish"
