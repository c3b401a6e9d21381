"""Finished runs for the tests of the desk: labelled notes of the hold-out, and what two adapters answered for them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from app.core.adapters import WEIGHTS
from app.training.requests import run_name
from data.gate.gate import judge
from data.notes import Note, make_note
from data.task import Extraction
from db.notes.notes import add_notes
from db.store.store import Store
from db.training.adapters import register_adapter
from db.training.runs import create_run, update_run
from tests.kit.desk.desk_store import ADAPTER, COLON, COLON_VALUES, TASK
from tests.kit.desk.permits import person_in, program_in
from tests.kit.desk.stores import adapter

Changes = Mapping[str, str | None]
PARENT = ADAPTER

# What each adapter's answer changes of the gold record of one note.
GOT_WORSE: tuple[Changes, Changes] = ({}, {"stage": "IV"})
GOT_BETTER: tuple[Changes, Changes] = ({"stage": "II"}, {})
BOTH_WRONG: tuple[Changes, Changes] = ({"treatment": "CAPOX"}, {"treatment": "radiotherapy"})
ALIKE: tuple[Changes, Changes] = ({}, {})


def holdout_notes(n_notes: int, text: str = COLON, first: int = 0) -> list[Note]:
    """Labelled notes that fall into the hold-out by their text."""
    gold = Extraction(TASK, COLON_VALUES)
    made = (make_note(TASK, f"{text} Patient {n}.", external_id=f"held-{n}", gold=gold) for n in count(first))
    held = (note for note in made if note.split == "holdout")
    return [next(held) for _ in range(n_notes)]


def put_finished_run(
    store: Store, home: Path, plan: Sequence[tuple[Changes, Changes] | None], text: str = COLON, **gate: Any
) -> list[int]:
    """Put a finished run into a store, one note for each entry of the plan; None: the new reply cannot be read.

    Args:
        store: where.
        home: gets the run's and the adapter's files.
        plan: what the old and the new answer change of each note's gold record.
        text: begins every note.
        gate: changes of the verdict; with `outcome=None` only what was kept before there were outcomes.

    Returns:
        The notes' numbers, in the order of the plan.
    """
    gold = Extraction(TASK, COLON_VALUES)
    pairs = [({}, None) if entry is None else entry for entry in plan]
    old = [Extraction(TASK, {**gold, **changes}) for changes, _ in pairs]
    new = [None if changes is None else Extraction(TASK, {**gold, **changes}) for _, changes in pairs]
    with store.transaction() as session:
        run = create_run(person_in(session, "tests"), config={"parent": PARENT})
        name = run_name(run.id)
        notes = holdout_notes(len(plan), text, first=1000 * run.id)
        ids = add_notes(program_in(session), notes).note_ids
        register_adapter(program_in(session), adapter(name, path=f"./adapters/{name}", run_id=run.id))
        verdict = judge(TASK, [gold] * len(plan), old, new, old_name=PARENT, new_name=name).to_json() | gate
        if verdict["outcome"] is None:
            verdict = {key: verdict[key] for key in ("passed", "sentence", "old", "new", "n_notes")}
        update_run(program_in(session), run.id, status="finished", adapter=name, gate=verdict)
    for directory, file in ((home / "adapters" / name, WEIGHTS), (home / "runs" / name, "predictions.jsonl")):
        directory.mkdir(parents=True)
        (directory / file).touch()
    lines = [
        {
            "content_hash": note.content_hash,
            "gold": gold.as_dict(),
            "old": before.as_dict(),
            "new": None if after is None else after.as_dict(),
        }
        for note, before, after in zip(notes, old, new, strict=True)
    ]
    file = home / "runs" / name / "predictions.jsonl"
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    return list(ids)
