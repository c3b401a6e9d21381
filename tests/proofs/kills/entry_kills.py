"""Kill what a person does between its writes and its entry in the audit trail: neither is kept, or both.

Each action runs in a process that sends itself SIGKILL at a chosen moment: when the entry is about to be written, when
the transaction is about to be committed, and once it was. `python -m tests.proofs.kills.entry_kills` prints the outcome
as JSON and exits with 1 if something was kept without its entry, or an entry without what it tells of. With `--broken`
each entry is written in a transaction of its own, after what it tells of: that must leave writes without entries.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Literal, get_args

import sqlalchemy as sa

from app.cli.main import main as command
from app.core.desk import Desk, open_desk
from app.core.rules import change_rules, write_guideline
from app.screens.queue.uploads import bring_in
from data.synthetic.sets.shipped import sample_notes
from db.notes.notes import add_notes
from db.notes.queue.overlap import Overlap
from db.people.acting import OPERATOR, Permit, acting, as_program
from db.review.overlap_changes import set_overlap
from db.schema.files import sqlite
from db.training.adapters import register_adapter
from db.training.runs import create_run, update_run
from tests.kit.desk.stores import adapter
from tests.kit.forks import fork
from tests.kit.people import add_people

Moment = Literal["entry", "commit", "end"]
IGNORED = {"audit", "heartbeat"}


def told(*line: str) -> Callable[[Path], object]:
    """A command; FILE is a file of notes."""
    return lambda home: command([str(home / "notes.jsonl") if word == "FILE" else word for word in line])


def on_desk(do: Callable[[Desk, Path], object]) -> Callable[[Path], None]:
    """What somebody does on a screen."""

    def act(home: Path) -> None:
        with open_desk() as desk:
            do(desk, home)

    return act


def change_settings(desk: Desk, home: Path) -> None:
    with acting(desk.store, OPERATOR, "change rules") as act:
        change_rules(act, desk.task, {"confirm": "all"})
        set_overlap(act, Overlap(0.5, 2))
        write_guideline(act, desk.task, desk.task.keys[0], "As the house writes it.")


ACTIONS: dict[str, Callable[[Path], object]] = {
    "import": told("import", "FILE"),
    "import, all or nothing": told("import", "FILE", "--strict"),
    "import on the screen": on_desk(lambda desk, home: bring_in(desk, home / "notes.jsonl", by=OPERATOR)),
    "reject": told("adapters", "reject", "run-0001", "--reason", "invents stages"),
    "settings": on_desk(change_settings),
    "a person": told("reviewers", "disable", "lee"),
    "samples": told("samples", "remove", "--yes"),
}


def prepare(home: Path) -> None:
    """A desk with a few samples and an adapter that a run made, and a file of notes beside it."""
    home.mkdir()
    lines = [json.dumps({"id": f"n-{number}", "text": f"A report {number}."}) for number in range(3)]
    (home / "notes.jsonl").write_text("\n".join(lines), encoding="utf-8")
    with open_desk(may_begin=True) as desk:
        with as_program(desk.store) as program:
            add_notes(program, sample_notes(desk.task)[:3])
            register_adapter(program, adapter("run-0001"))
        add_people(desk.store, {"kim": "admin", "lee": "reviewer"})
        with acting(desk.store, OPERATOR, "train") as act:
            run = create_run(act, config={})
            update_run(act, run.id, status="finished", adapter="run-0001", gate={"passed": False})


def state(home: Path) -> tuple[int, str]:
    """How many entries there are, and all else that the store holds."""
    with closing(sqlite.connect(home / "caseloop.db")) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        kept = {name: sorted(map(str, connection.execute(f"SELECT * FROM {name}"))) for name in names}
        return len(kept["audit"]), str({name: rows for name, rows in kept.items() if name not in IGNORED})


def die_at(moment: Moment) -> None:
    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def before_entry(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("INSERT INTO audit"):
            die()

    if moment == "entry":
        sa.event.listen(sa.Engine, "before_cursor_execute", before_entry)
    elif moment == "commit":
        sa.event.listen(sa.Engine, "commit", die)


def write_entries_apart() -> None:
    """The broken variant."""
    record = Permit.record

    def apart(permit: Permit, action: str, subject: str = "", **detail: Any) -> None:
        permit.session.commit()
        record(permit, action, subject, **detail)

    Permit.record = apart  # type: ignore[method-assign]
    from db.people.acting import Act

    del Act.record


def try_once(home: Path, name: str, moment: Moment, *, is_broken: bool) -> str:
    """Kill one action at one moment; what is wrong with what it left, empty where nothing is."""

    def work(pipe: int) -> None:
        for stream in (0, 1, 2):
            os.dup2(os.open(os.devnull, os.O_RDWR), stream)
        if is_broken:
            write_entries_apart()
        die_at(moment)
        ACTIONS[name](home)

    n_before, before = state(home)
    ended = fork(work).end()
    n_after, after = state(home)
    if ended.was_killed != (moment != "end"):
        return f"{name}: ended with {ended.code} at {moment}"
    if (n_after > n_before) != (after != before):
        return f"{name}: {n_after - n_before} entries at {moment}, and {'something' if after != before else 'nothing'}"
    if moment == "end" and after == before:
        return f"{name}: nothing was done"
    return ""


def main() -> int:
    """Kill each action at each moment."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--broken", action="store_true")
    is_broken = parser.parse_args().broken
    faults = []
    with tempfile.TemporaryDirectory(prefix="caseloop-entries-") as place:
        home, kept = Path(place) / "home", Path(place) / "kept"
        os.environ["CASELOOP_HOME"] = str(home)
        prepare(home)
        shutil.copytree(home, kept)
        for name in ACTIONS:
            for moment in get_args(Moment):
                shutil.rmtree(home)
                shutil.copytree(kept, home)
                faults.append(try_once(home, name, moment, is_broken=is_broken))
    faults = [fault for fault in faults if fault]
    print(json.dumps({"n_kills": len(ACTIONS) * (len(get_args(Moment)) - 1), "faults": faults}))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
