"""How fast notes come in and records go out: the real commands, each a process of its own, with its time and memory."""

from __future__ import annotations

import json
import os
import platform
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.core.errors import DeskError
from app.processes.child import own_modules
from data.grounding.evidence import ground
from data.suggestion import Suggestion
from data.synthetic.corpus import generate_one
from data.synthetic.example import Example
from data.task import Extraction, Task, load_task
from db.notes.suggestions import add_suggestion
from db.people.acting import Program, as_program, let_in
from db.review.decisions import submit
from db.store.store import open_store
from db.training.adapters import AdapterRow, register_adapter
from tests.bench.desk import stage
from tests.bench.desk.stage import ADAPTER, SEED

N_TEXTS = 600
"""Synthetic texts to choose from."""
TEXTS_A_NOTE = 3
"""So many make a note of the length of a case report; one alone has the length of the notes people label for models."""
N_REVIEWED = 300
"""Notes that are suggested for and reviewed one by one; the others are given the like of them."""
EXPORTS = {
    "jsonl": ("reviewed.jsonl",),
    "jsonl, with provenance": ("reviewed.jsonl", "--with-provenance"),
    "csv": ("reviewed.csv",),
    "csv, with provenance": ("reviewed.csv", "--with-provenance"),
    "json": ("reviewed.json",),
    "parquet": ("reviewed.parquet",),
    "dataset": ("reviewed.zip", "--format", "dataset"),
    "label-studio": ("tasks.json", "--format", "label-studio"),
}


def run_store(n_notes: int, *, say: Callable[[str], None] = lambda line: None) -> dict[str, Any]:
    """Measure import and export on synthetic notes of about 1,250 characters, and import of ones of about 430.

    Args:
        n_notes: how many.
        say: told what is being done.

    Returns:
        For each command: notes or records a second, seconds from its start to its end, seconds of processor time, and
        the most memory that it had, in MiB; and the machine in words.

    Raises:
        DeskError: a command fails.
    """
    result: dict[str, Any] = {"machine": machine(), "n_notes": n_notes}
    with tempfile.TemporaryDirectory(prefix="caseloop-bench-") as place:
        home = Path(place)
        file = home / "notes.jsonl"
        say(f"writing {n_notes:,} notes")
        result["file_mb"] = round(write_notes(file, n_notes) / 1e6, 1)
        for name in ("import", "the same again"):
            say(name)
            result[name] = timed(home, n_notes, "import", str(file))
        say("import of short notes")
        result["short_file_mb"] = round(write_notes(file, n_notes, n_texts=1) / 1e6, 1)
        result["import of short notes"] = timed(home / "short", n_notes, "import", str(file))
        say("reviewing them")
        review_all(home, n_notes)
        result["export"] = {}
        for name, (out, *options) in EXPORTS.items():
            say(f"export: {name}")
            path = home / out
            result["export"][name] = timed(home, n_notes, "export", str(path), *options)
            result["export"][name]["file_mb"] = round(path.stat().st_size / 1e6, 1)
            path.unlink()
    return result


def machine() -> str:
    """This machine in words; with the load, since others may be at work on it."""
    from db.schema.files import sqlite

    versions = f"Python {platform.python_version()}, SQLite {sqlite.sqlite_version}"
    load = f"load {os.getloadavg()[0]:.1f} when it began"
    return f"{stage.machine()}, {versions}, {load}"


def write_notes(file: Path, n_notes: int, *, n_texts: int = TEXTS_A_NOTE) -> int:
    """Write a JSON lines file of notes of so many texts, each once; its bytes."""
    rng = random.Random(SEED)
    texts = [generate_one(SEED, index).text for index in range(min(N_TEXTS, TEXTS_A_NOTE * n_notes))]
    with file.open("w", encoding="utf-8") as out:
        for number in range(n_notes):
            text = f"Case {number}. {' '.join(rng.choice(texts) for _ in range(n_texts))}"
            record = {"id": f"bench-{number}", "text": text, "ward": "B"}
            out.write(json.dumps(record, ensure_ascii=False) + "\n")
    return file.stat().st_size


# A small process between this one and the command: the most memory of a process counts what its parent had before it.
_STOPWATCH = """
import json, os, sys, time
started = time.perf_counter()
pid = os.posix_spawn(sys.executable, [sys.executable, "-P", "-m", "app.cli.main", *sys.argv[1:]], os.environ)
_, status, used = os.wait4(pid, 0)
seconds = time.perf_counter() - started
print(json.dumps([os.waitstatus_to_exitcode(status), seconds, used.ru_utime + used.ru_stime, used.ru_maxrss]))
"""


def timed(home: Path, n_records: int, *command: str) -> dict[str, float]:
    """Run a command on a home and measure its process.

    Raises:
        DeskError: it fails.
    """
    environ = own_modules(os.environ | {"CASELOOP_HOME": str(home / "home")})
    line = [sys.executable, "-P", "-c", _STOPWATCH, *command]
    done = subprocess.run(line, capture_output=True, text=True, check=True, env=environ)
    code, seconds, cpu_s, peak_kib = json.loads(done.stdout.splitlines()[-1])
    if code:
        raise DeskError(f"Expected caseloop {command[0]} to succeed; it ended with {code}. Try it alone.")
    return {
        "per_s": round(n_records / seconds),
        "seconds": round(seconds, 2),
        "cpu_s": round(cpu_s, 2),
        "per_cpu_s": round(n_records / cpu_s),
        "peak_mib": round(peak_kib / (1 << 10), 1),
    }


def review_all(home: Path, n_notes: int) -> None:
    """Give every note a suggestion and a submitted annotation that corrects one field in seven notes of ten."""
    task, rng = load_task(), random.Random(SEED)
    examples = [generate_one(SEED, index) for index in range(min(N_REVIEWED, n_notes))]
    with open_store(home / "home" / "caseloop.db") as store, as_program(store) as program:
        register_adapter(program, AdapterRow(ADAPTER, "adapters/bench", "embedded", None, 1, "0" * 64))
        for note_id, example in enumerate(examples, start=1):
            _review(program, task, rng, note_id, example)
        statement = program.session.connection().exec_driver_sql
        for copy in _COPIES:
            statement(copy, (len(examples), len(examples)))


def _review(program: Program, task: Task, rng: random.Random, note_id: int, example: Example) -> None:
    values = Extraction(task, example.output)
    found = ground(task, example.text, values)
    suggestion = Suggestion(
        extraction=values,
        confidence={key: rng.uniform(0.5, 1.0) for key in task.keys},
        raw_reply=json.dumps(values.as_dict()),
        adapter=ADAPTER,
        prompt_version=1,
        latency_ms=100,
        evidence={key: one.spans for key, one in found.items()},
        grounding={key: one.grounding for key, one in found.items()},
    )
    corrected = {rng.choice(task.keys): "corrected"} if rng.random() < 0.7 else {}
    submit(
        let_in(program.session, "bench", "review"),
        note_id=note_id,
        status="submitted",
        extraction=Extraction(task, {**values, **corrected}),
        suggestion_id=add_suggestion(program, note_id, suggestion),
        seen_revision=0,
        settled=task.keys,
        lead_time_ms=30_000,
        comment="as discussed" if rng.random() < 0.1 else "",
        token=f"bench-{note_id}",
    )


# Saving a note by itself takes a few milliseconds, most of it for things that an export does not read.
_COPIES = (
    """INSERT INTO suggestion (note_id, adapter, prompt_version, extraction, confidence, min_confidence, evidence,
           alternatives, raw_reply, latency_ms, created_at, raw_confidence, grounding, times_longest,
           legibility)
       SELECT note.id, s.adapter, s.prompt_version, s.extraction, s.confidence, s.min_confidence, s.evidence,
           s.alternatives, s.raw_reply, s.latency_ms, s.created_at, s.raw_confidence, s.grounding, s.times_longest,
           s.legibility
       FROM note JOIN suggestion AS s ON s.note_id = 1 + (note.id - 1) % ? WHERE note.id > ?""",
    """INSERT INTO annotation (note_id, revision, reviewer_id, status, extraction, settled, comment, suggestion_id,
           lead_time_ms, token, submitted_at)
       SELECT note.id, 1, a.reviewer_id, a.status, a.extraction, a.settled, a.comment, own.id,
           a.lead_time_ms, 'bench-' || note.id, a.submitted_at
       FROM note JOIN suggestion AS own ON own.note_id = note.id
       JOIN annotation AS a ON a.note_id = 1 + (note.id - 1) % ? WHERE note.id > ?""",
    """UPDATE note SET (state, revision, reviewer_id, suggested_by, is_suggested, min_confidence, n_changed) =
           (SELECT state, revision, reviewer_id, suggested_by, is_suggested, min_confidence, n_changed
            FROM note AS model WHERE model.id = 1 + (note.id - 1) % ?) WHERE id > ?""",
)
