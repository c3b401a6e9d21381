"""Import: files into the store, in batches that are kept, or as a whole or not at all."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from app.core.errors import InputError, Interrupted
from app.importing.columns import Plan, plan_file
from app.importing.corrections import describe_changes, same_id_refusal
from app.importing.readings import Readings
from data.limits import MAX_BATCH_CHARACTERS, MAX_BATCH_NOTES, MAX_REFUSALS
from data.notes import Note, read_notes
from data.reading.records import USUAL, Columns, Refusal
from data.reading.sources import Tell
from data.task import Task
from db.notes.identity import USUALLY, Changes, Likenesses, Rules
from db.notes.imports import begin_import, end_import
from db.notes.notes import AddReport, add_notes
from db.people.acting import OPERATOR, LeadAct, acting
from db.store.store import Store

N_TOLD = 100
N_NAMED_PLACES = 5
"""Places that a sentence lists."""
MAX_NAMED = 20
"""Files that the audit trail names."""
_SOON_S, _USUAL_S = 5e-5, sys.getswitchinterval()


@dataclass
class ImportReport:
    """What an import did.

    Attributes:
        n_added: notes that are new in the store.
        n_known: notes that were there already: the same id and exactly the same text, see `db.notes.identity`.
        n_labelled: of the known ones, those that had no labels before.
        likenesses: of the new ones, those that have another note's text, or another note's id.
        changes: what was put right in notes that were there already.
        number: of the import, as `caseloop imports list` has it; 0 where nothing was stored.
        n_originals: notes that came with labels, new or known.
        n_refused: records that could not be read.
        n_files_refused: of these, how many stand for a whole file, or for all of one from some place on.
        refusals: the first of them, with file, line, column and advice.
        remarks: a sentence about each of the first files that were not read in the usual way.
        readings: how labels were read that were not written as usual.
        is_kept: whether anything was stored; False after a strict import that met a refusal.
    """

    n_added: int = 0
    n_known: int = 0
    n_originals: int = 0
    n_labelled: int = 0
    likenesses: Likenesses = field(default_factory=Likenesses)
    changes: Changes = field(default_factory=Changes)
    number: int = 0
    n_refused: int = 0
    n_files_refused: int = 0
    refusals: list[Refusal] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    readings: Readings = field(default_factory=Readings)
    is_kept: bool = True

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        names = ("file", "line", "column", "expected", "found", "advice")
        return {
            "n_added": self.n_added,
            "n_known": self.n_known,
            "n_originals": self.n_originals,
            "n_labelled": self.n_labelled,
            "n_updated": self.changes.n_notes,
            "updated": dict(self.changes.by_field),
            "n_superseded": self.likenesses.n_superseding,
            "import": self.number or None,
            "n_copies": self.likenesses.n_copies,
            "n_namesakes": self.likenesses.n_namesakes,
            "copies": self.likenesses.copies,
            "namesakes": self.likenesses.namesakes,
            "n_refused": self.n_refused,
            "n_files_refused": self.n_files_refused,
            "kept": self.is_kept,
            "refusals": [{name: getattr(refusal, name) for name in names} for refusal in self.refusals],
            "remarks": self.remarks,
            "n_placeholders": self.readings.n_placeholders,
            "missing_fields": dict(self.readings.missing),
        }

    def sentences(self) -> list[str]:
        """For a person: how files were read, the first refusals in full, then how many more there are."""
        said = [refusal.sentence for refusal in self.refusals]
        more = self.n_refused - len(said)
        return [*self.remarks, *said, *([f"{more} more were refused."] if more else [])]

    def likeness_sentences(self) -> list[str]:
        """What a person should know of the notes that were read: which are like another one, and where they stood; how
        their labels were read."""
        said = [*describe_changes(self.changes, "was corrected"), *describe_likenesses(self.likenesses)]
        return [*said, *self.readings.sentences()]

    def _refuse(self, refusal: Refusal) -> None:
        self.n_refused += 1
        self.n_files_refused += refusal.is_file
        if len(self.refusals) < MAX_REFUSALS:
            self.refusals.append(refusal)

    def _remark(self, sentence: str) -> None:
        if len(self.remarks) < MAX_REFUSALS:
            self.remarks.append(sentence)

    def _count(self, added: AddReport) -> None:
        self.n_added += added.n_added
        self.n_known += added.n_known
        self.n_originals += added.n_originals
        self.n_labelled += added.n_labelled
        self.likenesses.add(added.likenesses)
        self.changes.add(added.changes)
        self._refuse_same_ids(added)

    def _refuse_same_ids(self, added: AddReport) -> None:
        for place in added.likenesses.refused:
            self._refuse(same_id_refusal(place))
        self.n_refused += added.n_refused - len(added.likenesses.refused)


def describe_likenesses(likenesses: Likenesses) -> list[str]:
    """The sentences about notes that are like another one; none where there are none."""
    said = []
    if n := likenesses.n_copies:
        have, ids = ("note has", "another id") if n == 1 else ("notes have", "other ids")
        said.append(f"{n:,} new {have} the text of another note, under {ids}: {_places(likenesses.copies, n)}.")
    if n := likenesses.n_superseding:
        are = "note is a new version of one" if n == 1 else "notes are new versions of others"
        said.append(f"{n:,} {are} with the same id: {_places(likenesses.superseding, n)}.")
    if n := likenesses.n_namesakes:
        have = "note has an id" if n == 1 else "notes have ids"
        said.append(f"{n:,} new {have} that another text has: {_places(likenesses.namesakes, n)}.")
    return said


def _printable(name: str) -> str:
    """A file's name as a line of text holds it, and the store too: it may be of bytes that are no UTF-8."""
    return "".join(sign if sign.isprintable() else "?" for sign in name)


def _places(places: Sequence[str], n: int) -> str:
    named = [_printable(place) for place in places[:N_NAMED_PLACES]]
    more = [f"and {n - len(named):,} more"] if n > len(named) else []
    return ", ".join([*named, *more])


class _Refused(Exception):  # noqa: N818 - never leaves this module: it rolls a transaction back
    """A strict import met a record that it cannot read."""


def import_files(  # noqa: PLR0913 - what a person chose, all by keyword
    store: Store,
    task: Task,
    paths: Sequence[Path],
    *,
    original: bool = False,
    strict: bool = False,
    columns: Columns = USUAL,
    plans: Sequence[Plan] | None = None,
    rules: Rules = USUALLY,
    on_read: Callable[[int], None] = lambda n_read: None,
    by: str = OPERATOR,
) -> ImportReport:
    """Import files and folders; importing the same again changes nothing.

    The audit trail gets an entry with every batch, in its transaction: whatever ends an import, what is stored is told.

    Args:
        store: where the notes go.
        task: what their labels are checked against.
        paths: files, see `data.reading.formats`, and folders of them.
        original: the records carry labels.
        strict: all or nothing, in one transaction; otherwise the records that can be read are kept.
        columns: where the text and the id are, if not under their usual names.
        plans: what becomes of the columns of each path, where somebody has been told of it already.
        rules: what becomes of notes that are known by their text or id.
        on_read: called with the number of records read so far, every hundredth time and at the end, in any thread.
        by: who imports.

    Raises:
        InputError: a path is not there, or lacks a column that was named; nothing was stored.
        StoreError: the store refused; with `strict` nothing was stored, otherwise the batches before were.
        Interrupted: Ctrl-C; it says how many notes were stored before.
    """
    report = ImportReport()
    if plans is None:
        plans = plan_files(task, paths, original=original, columns=columns)
        for sentence in [sentence for plan in plans for sentence in plan.sentences()]:
            report._remark(sentence)
    records = _count_records(_records(task, plans, original, report._remark), on_read)
    bringing = _Bringing(paths, rules, with_labels=original)
    # Closed here, and not whenever it is collected: that may be in the thread that it would wait for.
    with closing(_read_ahead(batches(records))) as ahead:
        try:
            if strict:
                _import_strictly(store, by, ahead, report, bringing)
            else:
                _import_by_batches(store, by, ahead, report, bringing)
        except KeyboardInterrupt:
            raise Interrupted(_describe_interruption(report)) from None
    return report


Batches = Iterator[list[Note | Refusal]]


def _import_by_batches(store: Store, by: str, ahead: Batches, report: ImportReport, bringing: _Bringing) -> None:
    for batch in ahead:
        notes = _sift(batch, report)
        if notes:
            with acting(store, by, "import notes") as act:
                added = bringing.bring(act, notes)
            report._count(added)
            report.number = bringing.number
    if report.number:
        with acting(store, by, "import notes") as act:
            end_import(act, report.number, n_refused=report.n_refused)


def _import_strictly(store: Store, by: str, ahead: Batches, report: ImportReport, bringing: _Bringing) -> None:
    try:
        with acting(store, by, "import notes") as act:
            added = []
            for batch in ahead:
                added.append(bringing.bring(act, _all_of(batch, report)))
                if added[-1].n_refused:
                    report._refuse_same_ids(added[-1])
                    raise _Refused
            if bringing.number:
                end_import(act, bringing.number, n_refused=0)
    except _Refused:
        # Rolled back, and others may write again; the rest is only read, so that every refusal is reported at once.
        for batch in ahead:
            _sift(batch, report)
        report.is_kept = False
        return
    report.number = bringing.number
    for of_batch in added:
        report._count(of_batch)


def _describe_interruption(report: ImportReport) -> str:
    if not report.n_added + report.n_labelled:
        return "Interrupted: nothing was imported."
    notes = f"{report.n_added:,} note{'' if report.n_added == 1 else 's'}"
    return f"Interrupted: {notes} had been added and will stay. Import the same files again for the rest."


class _Bringing:
    """An import in the store: it is there once there is something to bring."""

    def __init__(self, paths: Sequence[Path], rules: Rules, *, with_labels: bool) -> None:
        self._rules = rules
        self._files = [_printable(path.name) for path in paths[:MAX_NAMED]]
        self._n_files = len(paths)
        self._options: dict[str, Any] = {"with_labels": with_labels, "update": rules.update, "same_id": rules.same_id}

    @property
    def number(self) -> int:
        """Of the import; 0 before there is one."""
        return self._rules.import_id or 0

    def bring(self, act: LeadAct, notes: Sequence[Note]) -> AddReport:
        """Add notes in the transaction that is open."""
        if not self.number:
            told: dict[str, Any] = {"files": self._files, "n_files": self._n_files, "source": self._rules.source}
            self._rules = replace(self._rules, import_id=begin_import(act, **told, **self._options))
        return add_notes(act, notes, self._rules)


def plan_files(task: Task, paths: Sequence[Path], *, original: bool, columns: Columns = USUAL) -> list[Plan]:
    """What becomes of the columns of each file or folder.

    Raises:
        InputError: a path is not there, or lacks a column that was named.
    """
    for path in paths:
        if not path.exists():
            raise InputError(f"There is no file or folder at {path}. Check the path.")
    return [plan_file(path, task, columns, original=original) for path in paths]


def _records(task: Task, plans: Sequence[Plan], original: bool, tell: Tell) -> Iterator[Note | Refusal]:
    for plan in plans:
        yield from read_notes(plan.path, task, original=original, columns=plan.columns, tell=tell)


def _count_records(records: Iterator[Note | Refusal], on_read: Callable[[int], None]) -> Iterator[Note | Refusal]:
    n_read = 0
    for n_read, record in enumerate(records, start=1):
        yield record
        if n_read % N_TOLD == 0:
            on_read(n_read)
    on_read(n_read)


def batches(records: Iterable[Note | Refusal]) -> Iterator[list[Note | Refusal]]:
    """Records in lists that are held at once: neither too many nor too long together."""
    batch: list[Note | Refusal] = []
    n_characters = 0
    for record in records:
        batch.append(record)
        n_characters += len(record.text) if isinstance(record, Note) else 0
        if len(batch) >= MAX_BATCH_NOTES or n_characters >= MAX_BATCH_CHARACTERS:
            yield batch
            batch, n_characters = [], 0
    if batch:
        yield batch


def _read_ahead(stream: Batches) -> Generator[list[Note | Refusal], None, None]:
    """The same lists; the next one is read in a thread while SQLite, which needs no Python for it, stores this one.

    SQLite lets go of Python's lock ten times a batch and would get it back after 5 ms each time, which made an import
    a third slower; meanwhile whoever holds the lock is asked for it a hundred times sooner.
    """
    with ThreadPoolExecutor(1, "read-ahead") as pool:
        sys.setswitchinterval(_SOON_S)
        try:
            following = pool.submit(next, stream, None)
            while (batch := following.result()) is not None:
                following = pool.submit(next, stream, None)
                yield batch
        finally:
            sys.setswitchinterval(_USUAL_S)


def _all_of(batch: list[Note | Refusal], report: ImportReport) -> list[Note]:
    """The notes of a batch in which nothing may be refused.

    Raises:
        _Refused: something is, here or before.
    """
    notes = _sift(batch, report)
    if report.n_refused:
        raise _Refused
    return notes


def _sift(batch: list[Note | Refusal], report: ImportReport) -> list[Note]:
    """The notes of a batch; its refusals go into the report."""
    for record in batch:
        if isinstance(record, Refusal):
            report._refuse(record)
        else:
            report.readings.count(record)
    return [record for record in batch if isinstance(record, Note)]
