"""What an import of decisions would do, without doing it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from app.importing.columns import read_beginning
from app.importing.decisions import batch_decisions, read_and_refuse
from app.importing.load import ImportReport
from data.decisions.reading import has_decisions
from data.reading.provenance import own_keys
from data.reading.records import Columns
from data.task import Task
from data.text.figures import plural
from db.notes.identity import Known
from db.review.lifecycle.arrivals import foresee
from db.store.store import Store


def brings_decisions(path: Path) -> bool:
    """Whether a file tells who decided what and when: an export with provenance, or what another tool wrote."""
    return any(
        has_decisions(row.values) or any(one.by and one.at for one in row.decisions) for row in read_beginning(path)
    )


def name_roles(found: dict[str, Any], path: Path, task: Task, *, taken: bool) -> dict[str, Any]:
    """A preview in which the columns that tell of decisions are called so, or left out."""
    own = {key for row in read_beginning(path) for key in own_keys(task, row.values)} | ({"output"} if taken else set())
    role = "decision" if taken else "left out"
    columns = [{**one, "role": role, "becomes": role} if one["name"] in own else one for one in found["columns"]]
    return found | {"columns": columns, "has_decisions": True}


def preview_decisions(store: Store, task: Task, path: Path, columns: Columns) -> dict[str, Any]:
    """Counts of what would become of a file's decisions and their notes, and the sentences that say it.

    In bounded memory, but for what notes are known by.
    """
    report, known, counted = ImportReport(), Known(), Counter[str]()

    def count(n_read: int) -> None:
        counted["rows"] = n_read

    for batch in batch_decisions(read_and_refuse(task, [path], columns, report), count):
        with store.reading() as session:
            known.look_up(session, [decision.note for decision in batch])
            for decision in batch:
                entry, meeting = known.meet(decision.note)
                counted["new" if meeting == "new" else "here"] += 1
                counted[foresee(session, task, entry.number or None, decision)] += 1
                entry.note = None  # or all texts of the file would be held
    return {
        "n_rows": counted["rows"],
        "n_new": counted["new"],
        "n_known": counted["here"],
        "n_labelled": 0,
        "n_updated": 0,
        "updates": [],
        "n_namesakes": 0,  # a note with the id of another text is a note of its own: nothing is asked
        "n_refused": report.n_refused,
        "n_files_refused": report.n_files_refused,
        "refusals": [refusal.sentence for refusal in report.refusals],
        "n_decisions": counted["kept"],
        "n_differing": counted["differs"],
        "remarks": [*report.remarks, *_sentences(counted)],
    }


def _sentences(counted: Counter[str]) -> list[str]:
    here = f", {counted['known']:,} are here already" if counted["known"] else ""
    said = [f"{plural(counted['kept'], 'decision')} would be kept as their reviewers made them{here}."]
    if n := counted["agrees"]:
        said.append(f"{plural(n, 'note was', 'notes were')} decided alike on this desk; that decision stands.")
    if n := counted["differs"]:
        said.append(f"{plural(n, 'note was', 'notes were')} decided otherwise on this desk; that decision stands.")
    return said
