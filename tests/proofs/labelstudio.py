"""Proof: Label Studio takes an export, and what it exports itself comes back with the same values, words and decisions.

    python -m tests.proofs.labelstudio [--notes 200]

A desk where people decided is exported for Label Studio, its own server imports the tasks, and its two exports of JSON
are read as an import reads them.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.exporting.choice import Choice
from app.exporting.tools.label_studio import label_config
from app.exporting.writing import export_pieces
from app.importing.decisions import import_decisions
from data.notes import Note, make_note, read_notes
from data.reading.annotators.fields import confidence_of, evidence_of, labels_of
from data.reading.readers import read_records
from data.reading.records import Record, Statement
from data.suggestion import Span, Suggestion
from data.task import Extraction, load_task
from db.notes.notes import add_notes
from db.notes.suggestions import add_suggestion
from db.review.decisions import submit
from db.store.store import Store, open_store
from tests.kit.desk.decided_records import records
from tests.kit.desk.permits import person_in, program_in
from tests.kit.servers.label_studio_server import MEMBER, label_studio

TASK = load_task()
CHOICE = Choice("label-studio", statuses=("submitted", "skipped", "flagged"))
TELLING = replace(CHOICE, with_provenance=True)
PIECES = (
    "melanoma",
    "stage IV",
    "BRAF V600E",
    "ER+, HER2-",
    "<1 %",
    "≥ 3 cm",
    "Größe",
    "👩‍⚕️",
    "🧬",
    "胃癌",
    "\n",
    "\n\n",
    '"x"',
    "\\n",
)
STATUSES = ("submitted", "submitted", "submitted", "skipped", "flagged")


def main() -> int:
    """Compare both ways, and say how many of each thing were the same."""
    parser = argparse.ArgumentParser(prog="python -m tests.proofs.labelstudio", description=__doc__)
    parser.add_argument("--notes", type=int, default=200)
    n_notes, started = parser.parse_args().notes, time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with open_store(folder / "store" / "caseloop.db") as store:
            fill(store, n_notes)
            with store.reading() as session:
                tasks, told = (b"".join(export_pieces(session, TASK, choice)) for choice in (CHOICE, TELLING))
            decided = records(store)
        (folder / "server").mkdir()
        with label_studio(folder / "server") as server:
            project = server.project(label_config(TASK, CHOICE))
            answer = server.bring(project, tasks)
            whole, short = server.export_whole(project), server.export(project, "JSON_MIN")
            telling = server.project(label_config(TASK, TELLING))
            server.bring(telling, told)
            (folder / "told.json").write_bytes(server.export(telling, "JSON"))
        (folder / "whole.json").write_bytes(whole)
        (folder / "short.json").write_bytes(short)
        same, other = compare(json.loads(tasks), json.loads(whole), folder)
        with open_store(folder / "other" / "caseloop.db") as store:
            import_decisions(store, TASK, [folder / "told.json"])
            n_back = sum(one == two for one, two in zip(decided, records(store), strict=True))
        same["decisions brought into another desk"] = n_back
        if n_back < n_notes:
            other["decisions brought into another desk"] = n_notes - n_back
    counts = {name: answer[f"{name}_count"] for name in ("task", "annotation", "prediction")}
    print(json.dumps({"taken": counts, "same": same, "other": other, "seconds": round(time.monotonic() - started, 1)}))
    return 1 if other or set(counts.values()) != {n_notes} else 0


def fill(store: Store, n_notes: int) -> None:
    """Notes with a suggestion each, of which people kept some values and changed others."""
    draw = random.Random(7)
    with store.transaction() as session:
        notes = [make_note(TASK, _text(draw, number), external_id=f"00{number}") for number in range(n_notes)]
        for note_id, note in zip(add_notes(program_in(session), notes).note_ids, notes, strict=True):
            suggested, evidence = _values(draw, note.text)
            sure = {key: round(draw.random(), 3) for key, value in suggested.items() if value is not None}
            proposal = Suggestion(Extraction(TASK, suggested), sure, "", "m-1", 1, 5, evidence)
            number = add_suggestion(program_in(session), note_id, proposal)
            kept = {
                key: value if draw.random() < 0.6 else draw.choice((None, f"other {key}"))
                for key, value in suggested.items()
            }
            submit(
                person_in(session, draw.choice(("ada", MEMBER))),
                note_id=note_id,
                status=draw.choice(STATUSES),
                extraction=Extraction(TASK, kept),
                suggestion_id=number,
                seen_revision=0,
                lead_time_ms=draw.randrange(100_000),
                token=f"token-{note_id}",
            )


def _text(draw: random.Random, number: int) -> str:
    return f"Report {number}. " + " ".join(draw.choices(PIECES, k=draw.randrange(4, 30))) + f" End {number}."


def _values(draw: random.Random, text: str) -> tuple[dict[str, str | None], dict[str, tuple[Span, ...]]]:
    """Words of the text for some fields, and where they stand."""
    values: dict[str, str | None] = dict.fromkeys(TASK.keys)
    evidence: dict[str, tuple[Span, ...]] = {}
    for key in draw.sample(TASK.keys, 4):
        words = draw.choice([word for word in text.split() if word])
        start = text.index(words)
        values[key], evidence[key] = words, (Span(start, start + len(words)),)
    return values, evidence


def compare(ours: list[Any], theirs: list[Any], folder: Path) -> tuple[dict[str, int], dict[str, int]]:
    """What is the same and what is not: results as Label Studio gives them back, and records as they are read."""
    same, other = Counter[str](), Counter[str]()

    def count(what: str, one: object, two: object) -> None:
        (same if one == two else other)[what] += 1

    back = {task["data"]["note_id"]: task for task in theirs}
    records = {
        record.values["id"]: record for record in read_records(folder / "whole.json") if isinstance(record, Record)
    }
    shorts = {
        record.values["note_id"]: record for record in read_records(folder / "short.json") if isinstance(record, Record)
    }
    notes = {
        note.external_id: note
        for note in read_notes(folder / "whole.json", TASK, original=False)
        if isinstance(note, Note)
    }
    for task in ours:
        name, text = task["data"]["note_id"], task["data"]["text"]
        found, record = back[name], records[name]
        count("tasks", task["data"], found["data"])
        count("texts", text, notes[name].text)
        for kind in ("annotations", "predictions"):
            count(kind, _plain(task[kind][0]["result"]), _plain(found[kind][0]["result"]))
        for kind, statement in (("decisions", record.decisions[0]), ("proposals", record.proposals[0])):
            mine = task["annotations" if kind == "decisions" else "predictions"][0]
            count(f"values of {kind}", _areas(mine["result"]), _said(statement))
            count(f"spans of {kind}", _spans(mine["result"]), evidence_of(statement, TASK))
        count("confidences", _scores(task["predictions"][0]["result"]), confidence_of(record.proposals[0], TASK))
        count("people", task["data"]["reviewer"], record.decisions[0].by)
        count("statuses", task["data"]["status"], record.decisions[0].status)
        count("lead times", round(task["annotations"][0]["lead_time"] * 1000), record.decisions[0].lead_time_ms)
        if name in shorts:  # it leaves out what was skipped
            count("short values", _areas(task["annotations"][0]["result"]), _said(shorts[name].decisions[0]))
            count("short spans", _spans(task["annotations"][0]["result"]), evidence_of(shorts[name].decisions[0], TASK))
    return dict(same), dict(other)


def _plain(results: list[Any]) -> list[Any]:
    return sorted(([one["from_name"], one["type"], one["value"]] for one in results), key=str)


def _areas(results: list[Any]) -> dict[str, str | None]:
    return {
        **dict.fromkeys(TASK.keys),
        **{one["from_name"]: one["value"]["text"][0] for one in results if one["type"] == "textarea"},
    }


def _said(statement: Statement) -> dict[str, str | None]:
    return labels_of(statement, TASK) or dict.fromkeys(TASK.keys)


def _marks(results: list[Any]) -> Iterator[tuple[str, tuple[int, int]]]:
    keys = {field.title: field.key for field in TASK.fields}
    for one in results:
        if one["type"] == "labels":
            yield keys[one["value"]["labels"][0]], (one["value"]["start"], one["value"]["end"])


def _spans(results: list[Any]) -> dict[str, tuple[tuple[int, int], ...]]:
    found: dict[str, set[tuple[int, int]]] = {}
    for key, place in _marks(results):
        found.setdefault(key, set()).add(place)
    return {key: tuple(sorted(places)) for key, places in found.items()}


def _scores(results: list[Any]) -> dict[str, float]:
    return {one["from_name"]: one["score"] for one in results if one["type"] == "textarea"}


if __name__ == "__main__":
    raise SystemExit(main())
