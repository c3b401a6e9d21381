"""Import of decisions: what people decided at another desk, from its export with provenance, into this one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from app.core.errors import InputError, Interrupted
from app.importing.load import N_TOLD, ImportReport
from data.decisions.reading import Decision, read_decisions
from data.limits import MAX_BATCH_CHARACTERS
from data.reading.records import USUAL, Columns, Refusal
from data.task import Task
from data.text.figures import plural
from db.notes.identity import USUALLY
from db.notes.imports import begin_import, end_import
from db.people.acting import OPERATOR, OPERATORS, acting
from db.review.lifecycle.arrivals import Arrivals, Difference, add_decisions
from db.store.store import Store

MAX_BATCH = 500
N_NAMED = 10
"""Notes decided otherwise that a person is told by name."""


@dataclass
class DecisionReport(ImportReport):
    """What an import of decisions did, besides what it did with the notes.

    Attributes:
        arrivals: what became of the decisions.
    """

    arrivals: Arrivals = field(default_factory=Arrivals)

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        kept = self.arrivals
        counted = {name: value for name, value in vars(kept).items() if name.startswith("n_")}
        differences = [
            {
                "note": one.note_id,
                "id": one.external_id,
                "place": one.place,
                "here": one.here,
                "there": one.there,
                "fields": list(one.fields),
            }
            for one in kept.differences
        ]
        return {**super().to_json(), "decisions": counted, "differences": differences}

    def decision_sentences(self) -> list[str]:
        """What a person should know of the decisions: how many stand, and which notes are decided otherwise here."""
        a = self.arrivals
        said = [f"{plural(a.n_kept, 'decision')} kept, {a.n_known:,} already here."]
        if a.n_agreeing:
            said.append(f"{plural(a.n_agreeing, 'note was', 'notes were')} decided here alike; that decision stands.")
        if a.n_opinions:
            said.append(f"{plural(a.n_opinions, 'decision')} kept as an opinion, as several reviewers are asked here.")
        if a.n_disputed:
            waits = plural(a.n_disputed, "note was", "notes were")
            said.append(f"{waits} decided otherwise here: see “to adjudicate” in the queue.")
        if a.n_differing:
            waits = plural(a.n_differing, "note was", "notes were")
            said.append(
                f"{waits} decided otherwise here; that decision stands. With --adjudicate a lead is asked about both."
            )
        said += [_describe(one) for one in a.differences[:N_NAMED]]
        more = a.n_differing + a.n_disputed - min(N_NAMED, len(a.differences))
        return [*said, *([f"{more:,} more differ."] if more > 0 else [])]


def import_decisions(
    store: Store,
    task: Task,
    paths: Sequence[Path],
    *,
    adjudicate: bool = False,
    columns: Columns = USUAL,
    on_read: Callable[[int], None] = lambda n_read: None,
    by: str = OPERATOR,
) -> DecisionReport:
    """Import decisions with their notes; importing the same again changes nothing.

    Args:
        store: where they go.
        task: what they are checked against.
        paths: files and folders that caseloop exported with provenance.
        adjudicate: whether a lead is asked about notes that were decided otherwise here; else these stay as they are.
        columns: where the text and the id are, if not under their usual names.
        on_read: called with the number of records read so far.
        by: who imports.

    Raises:
        InputError: a path is not there; nothing was stored.
        StoreError: the store refused; the batches before were stored.
        Interrupted: Ctrl-C; it says how many decisions were stored before.
    """
    for path in paths:
        if not path.exists():
            raise InputError(f"There is no file or folder at {path}. Check the path.")
    report, rules = DecisionReport(), USUALLY
    details: dict[str, Any] = {"files": [_printable(path.name) for path in paths[:20]], "n_files": len(paths)}
    details |= {"with_decisions": True, "adjudicate": adjudicate}
    try:
        for batch in batch_decisions(read_and_refuse(task, paths, columns, report), on_read):
            with acting(store, by, "import notes") as act:
                if rules.import_id is None:
                    rules = replace(rules, import_id=begin_import(act, **details))
                added, arrivals = add_decisions(act, task, batch, rules, adjudicate=adjudicate)
            for of_source in added:
                report._count(of_source)
            report.arrivals.add(arrivals)
        if rules.import_id is not None:
            with acting(store, by, "import notes") as act:
                end_import(act, rules.import_id, n_refused=report.n_refused)
            report.number = rules.import_id
    except KeyboardInterrupt:
        kept = plural(report.arrivals.n_kept, "decision")
        raise Interrupted(f"Interrupted: {kept} kept so far stay. Import the same files again for the rest.") from None
    return report


def read_and_refuse(
    task: Task, paths: Sequence[Path], columns: Columns, report: ImportReport
) -> Iterator[Decision | None]:
    """The decisions; None for a record that was refused."""
    for path in paths:
        for found in read_decisions(path, task, columns=columns, tell=report._remark):
            refused = found if isinstance(found, Refusal) else _nobody(found)
            if refused is not None:
                report._refuse(refused)
            yield found if isinstance(found, Decision) and refused is None else None


def _nobody(decision: Decision) -> Refusal | None:
    """The refusal of a decision that no person made: names of the program are nobody's."""
    if OPERATORS.isdisjoint({decision.reviewer, *(one.reviewer for one in decision.opinions)}):
        return None
    found, advice = "the program's", "write who it was under reviewer"
    return Refusal(decision.note.place, None, None, "a person's name as the reviewer", found, advice)


def batch_decisions(found: Iterable[Decision | None], on_read: Callable[[int], None]) -> Iterator[list[Decision]]:
    """Decisions in lists that are held at once; `on_read` hears of every hundredth record, refused or not."""
    batch: list[Decision] = []
    n_read = n_characters = 0
    for n_read, decision in enumerate(found, 1):
        if decision is not None:
            batch.append(decision)
            n_characters += len(decision.note.text)
        if len(batch) >= MAX_BATCH or n_characters >= MAX_BATCH_CHARACTERS:
            yield batch
            batch, n_characters = [], 0
        if n_read % N_TOLD == 0:
            on_read(n_read)
    if batch:
        yield batch
    on_read(n_read)


def _describe(one: Difference) -> str:
    name = f"{one.external_id} (note {one.note_id})" if one.external_id else f"Note {one.note_id}"
    where = f"in {', '.join(one.fields)}" if one.fields else "in what was done with it"
    return f"{name}: {one.here} here and {one.there} elsewhere differ {where}."


def _printable(name: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in name)
