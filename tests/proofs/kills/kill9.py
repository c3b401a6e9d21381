"""Kill writers with SIGKILL, again and again, and check that every save they acknowledged is there and whole.

Writers open the store, save through the functions that the desk uses, and write one line on a pipe after each
transaction has ended. At a random moment each is killed. `python -m tests.proofs.kills.kill9 --kills 2000` prints the
outcome as JSON and exits with 1 if anything was lost, half done or damaged.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import select
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, get_args

from sqlalchemy import text
from sqlalchemy.orm import Session

from data.limits import MAX_VALUE_CHARACTERS
from db.notes.suggestions import add_suggestion
from db.review.decisions import open_review, submit
from db.review.drafts import save_draft
from db.review.reviewed import Status
from db.review.revisions import Conflict, Saved
from db.store.store import Store, open_store
from tests.kit.desk.permits import person_in, program_in
from tests.kit.desk.stores import FIRST, TASK, add, extraction, suggestion

N_NOTES = 40
N_WRITERS = 2
N_THREADS = 2
MAX_LIFE_S = 0.25
START_S = 60.0


@dataclass
class Outcome:
    """What the kills did. All but the first three must stay 0; a silent writer died before its first save."""

    n_kills: int = 0
    n_rounds: int = 0
    n_acknowledged: int = 0
    n_lost: int = 0
    n_wrong: int = 0
    n_half_done: int = 0
    n_damaged: int = 0
    n_silent: int = 0

    @property
    def is_clean(self) -> bool:
        return not (self.n_lost or self.n_wrong or self.n_half_done or self.n_damaged or self.n_silent)


@dataclass
class Writer:
    """A writing process, seen from outside: its lines, and when it dies."""

    pid: int
    pipe: int
    life_s: float
    started_s: float = field(default_factory=time.monotonic)
    spoke_s: float | None = None
    lines: bytes = b""

    def is_due(self, now_s: float) -> bool:
        if self.spoke_s is None:
            return now_s - self.started_s > START_S
        return now_s - self.spoke_s > self.life_s


@dataclass(frozen=True)
class Line:
    """One acknowledged save."""

    kind: str
    name: str
    note_id: int
    token: str
    version: int
    kept: str

    def format(self) -> bytes:
        return f"{self.kind} {self.name} {self.note_id} {self.token} {self.version} {self.kept}\n".encode()

    @classmethod
    def parse(cls, line: bytes) -> Line:
        kind, name, note_id, token, version, kept = line.decode().split()
        return cls(kind, name, int(note_id), token, int(version), kept)


def digest(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8")).hexdigest()[:16]


def write(store: Store, pipe: int, name: str) -> None:
    """Save for ever, one line on the pipe after each save."""
    rng = random.Random(name)
    for number in range(1 << 30):
        token, note_id = f"{name}-{number}", rng.randint(1, N_NOTES)
        value = rng.choice("abcdefgh") * rng.choice([10, MAX_VALUE_CHARACTERS])
        kind = rng.choice(["submit", "submit", "draft", "suggest"])
        version = 0
        try:
            with store.transaction() as session:
                if kind == "suggest":
                    add_suggestion(program_in(session), note_id, suggestion(token, first=value))
                else:
                    version = save(session, kind, note_id, name, value, token).draft_version or 0
        except Conflict:
            continue
        # Shorter than what a pipe takes in one piece, so that the lines of two threads never mix.
        os.write(pipe, Line(kind, name, note_id, token, version, digest(value)).format())


def save(session: Session, kind: str, note_id: int, name: str, value: str, token: str) -> Saved:
    """Open the note as the page does, and send a draft or a decision."""
    review = open_review(session, note_id, name)
    common: dict[str, Any] = {
        "note_id": note_id,
        "extraction": extraction(**dict.fromkeys(TASK.keys, value)),
        "seen_revision": review.revision,
        "suggestion_id": review.suggestion.id if review.suggestion else None,
    }
    if kind == "draft":
        return save_draft(person_in(session, name), **common)
    status: Status = random.Random(token).choice(get_args(Status))
    return submit(person_in(session, name), **common, status=status, token=token)


def be_writer(path: Path, pipe: int, name: str) -> None:
    write_with_threads(open_store(path), pipe, name)


def write_with_threads(store: Store, pipe: int, name: str) -> None:
    """Save for ever, from as many threads as the proof has."""
    threads = [
        threading.Thread(target=write, args=(store, pipe, f"{name}t{number}"), daemon=True)
        for number in range(N_THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def start(path: Path, name: str, life_s: float) -> Writer:
    """Fork a writer. This process has no connection open then, and no thread: SQLite's must not cross a fork."""
    out, into = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(out)
        try:
            be_writer(path, into, name)
        finally:
            os._exit(1)
    os.close(into)
    return Writer(pid=pid, pipe=out, life_s=life_s)


def kill_in_turn(writers: list[Writer]) -> None:
    """Read what the writers say and kill each when its time has come; the others go on."""
    alive = list(writers)
    while alive:
        ready, _, _ = select.select([writer.pipe for writer in alive], [], [], 0.005)
        now_s = time.monotonic()
        for writer in list(alive):
            if writer.pipe in ready:
                writer.lines += os.read(writer.pipe, 1 << 16)
                writer.spoke_s = writer.spoke_s or now_s
            if writer.is_due(now_s):
                os.kill(writer.pid, signal.SIGKILL)
                os.waitpid(writer.pid, 0)
                while rest := os.read(writer.pipe, 1 << 16):
                    writer.lines += rest
                os.close(writer.pipe)
                alive.remove(writer)


HALF_DONE = (
    # revisions without a gap, as many as the note says, and the state that the last one gave it
    """SELECT count(*) FROM note LEFT JOIN (
        SELECT note_id, count(*) AS n, max(revision) AS last FROM annotation GROUP BY note_id
       ) AS kept ON kept.note_id = note.id
       WHERE note.revision <> coalesce(kept.n, 0) OR note.revision <> coalesce(kept.last, 0)""",
    """SELECT count(*) FROM note JOIN annotation ON annotation.note_id = note.id
       AND annotation.revision = note.revision WHERE annotation.status <> note.state""",
    """SELECT count(*) FROM note WHERE state IN ('todo', 'draft')
       AND (state = 'draft') <> EXISTS (SELECT 1 FROM draft WHERE draft.note_id = note.id)""",
    "SELECT count(*) FROM note WHERE is_suggested <> EXISTS (SELECT 1 FROM suggestion WHERE note_id = note.id)",
)
VALUE = f"extraction ->> '$.{FIRST}'"
DECIDED = f"SELECT token, {VALUE}, note_id, name FROM annotation JOIN reviewer ON reviewer.id = reviewer_id"
PROPOSED = f"SELECT adapter, {VALUE} FROM suggestion"
DRAFTS = f"SELECT note_id, name, {VALUE}, version FROM draft JOIN reviewer ON reviewer.id = reviewer_id"


def check(path: Path, lines: Sequence[Line], outcome: Outcome) -> None:
    """Compare the store with what was acknowledged."""
    with open_store(path) as store:
        check_store(store, lines, outcome)


def check_store(store: Store, lines: Sequence[Line], outcome: Outcome) -> None:
    """The same with a store that is open."""
    outcome.n_damaged += len(store.problems())
    with store.reading() as session:
        decided = {row[0]: row for row in session.execute(text(DECIDED))}
        proposed = {row[0]: row for row in session.execute(text(PROPOSED))}
        drafts = {(row[0], row[1]): row for row in session.execute(text(DRAFTS))}
        outcome.n_half_done += sum(session.execute(text(query)).scalar_one() for query in HALF_DONE)
    for line in lines:
        if line.kind != "draft":
            row = (decided if line.kind == "submit" else proposed).get(line.token)
            outcome.n_lost += row is None
            outcome.n_wrong += row is not None and digest(row[1]) != line.kept
    said = {line.token for line in lines}
    unheard = {(row[2], row[3]) for token, row in decided.items() if token not in said}
    for (note_id, name), line in {(line.note_id, line.name): line for line in lines if line.kind != "suggest"}.items():
        if line.kind == "draft":
            # A later save, done but not acknowledged, may have taken the draft's place: a newer draft or a decision.
            row = drafts.get((note_id, name))
            outcome.n_lost += row[3] < line.version if row else (note_id, name) not in unheard
            outcome.n_wrong += row is not None and row[3] == line.version and digest(row[2]) != line.kept


def prove(path: Path, n_kills: int, seed: int) -> Outcome:
    """Run writers and kill them until `n_kills` are dead; check each round, and everything again at the end."""
    rng = random.Random(seed)
    outcome = Outcome()
    everything: list[Line] = []
    with open_store(path) as store, store.transaction() as session:
        add(session, N_NOTES)
    while outcome.n_kills < n_kills:
        outcome.n_rounds += 1
        names = [f"r{outcome.n_rounds}w{number}" for number in range(N_WRITERS)]
        writers = [start(path, name, rng.uniform(0, MAX_LIFE_S)) for name in names]
        kill_in_turn(writers)
        outcome.n_kills += len(writers)
        outcome.n_silent += sum(writer.spoke_s is None for writer in writers)
        lines = [Line.parse(line) for writer in writers for line in writer.lines.split(b"\n")[:-1]]
        check(path, lines, outcome)
        everything += lines
    check(path, everything, outcome)
    outcome.n_acknowledged = len(everything)
    return outcome


def main() -> int:
    """Run the proof from the command line."""
    parser = argparse.ArgumentParser(description="Kill writers and look for lost saves.")
    parser.add_argument("--kills", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = prove(Path(folder) / "store.db", chosen.kills, chosen.seed)
    print(json.dumps(asdict(outcome)))
    return 0 if outcome.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
