"""Cut the power at random moments, in simulation, and look for saves that were acknowledged and are gone.

A process saves through the functions that the desk uses, with a library before the system's that logs everything it
asks of the disk. From the log the disk is rebuilt as it may be after a cut at some point
(`tests/kit/desk/power_cut.py`), and the store on it is opened and checked. `python -m tests.proofs.kills.power_cut
--points 3000` does so with the store as it is, which must lose nothing, and again with SQLite's `synchronous=NORMAL`,
which must lose something: a proof that cannot fail shows nothing. Prints the outcomes as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import event

from db.people import audit
from db.schema.errors import StoreError
from db.store.store import open_store
from tests.kit.desk.power_cut import WRITE, Entry, cuts, read_log
from tests.kit.desk.stores import add
from tests.kit.shims import shims
from tests.proofs.kills import kill9 as proof_kill9
from tests.proofs.kills.kill9 import Line

ROOT = Path(__file__).parents[3]
N_SAVES = 400
POINTS_A_LOG = 750
DATABASE, SAID = "store.db", "said"
SYNCED = "FULL"


@dataclass
class Outcome:
    """What the cuts did.

    Attributes:
        synchronous: SQLite's setting in the process that saved.
        n_points: cuts.
        n_logged: writes to the database and its log, of all processes that saved.
        n_acknowledged: saves, of the same.
        n_points_with_loss: cuts after which a save that had been acknowledged before was gone or other.
        n_lost: the most of one cut.
        n_damaged: cuts after which the store did not open, or was not sound, or something was half done.
        n_audit_breaks: cuts after which the audit trail did not fit.
    """

    synchronous: str
    n_points: int = 0
    n_logged: int = 0
    n_acknowledged: int = 0
    n_points_with_loss: int = 0
    n_lost: int = 0
    n_damaged: int = 0
    n_audit_breaks: int = 0
    seconds: int = 0

    @property
    def is_clean(self) -> bool:
        return not (self.n_points_with_loss or self.n_damaged or self.n_audit_breaks)


def save_for_ever(folder: Path, seed: str, synchronous: str) -> None:
    """Save from two threads, a line in a file of the folder after each save; ended from outside."""
    said = os.open(folder / SAID, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with open_store(folder / DATABASE) as store:
        if synchronous != SYNCED:
            event.listen(store._on.writer, "connect", lambda raw, _: raw.execute(f"PRAGMA synchronous={synchronous}"))
        with store.transaction() as session:
            add(session, proof_kill9.N_NOTES)
        proof_kill9.write_with_threads(store, said, seed)


def log_of_saves(folder: Path, seed: int, synchronous: str, n_saves: int) -> list[Entry]:
    """Let a process save, and give what it asked of the disk."""
    home = folder / f"home-{synchronous}-{seed}"
    home.mkdir()
    log = folder / f"{home.name}.log"
    library = shims.build("disk_log", folder)
    environ = {**os.environ, "LD_PRELOAD": str(library), "DISK_LOG_OF": str(home), "DISK_LOG": str(log)}
    line = [sys.executable, "-m", "tests.proofs.kills.power_cut", "--save", str(home), "--seed", str(seed)]
    process = subprocess.Popen([*line, "--synchronous", synchronous], cwd=ROOT, env=environ)
    said = home / SAID
    while not said.exists() or said.read_bytes().count(b"\n") < n_saves:
        assert process.poll() is None, "the process that saves died"
    process.kill()
    process.wait()
    return read_log(log)


def check(folder: Path, lines: list[Line], outcome: Outcome) -> None:
    """Open the store that a cut left and compare it with what was acknowledged before."""
    found = proof_kill9.Outcome()
    try:
        with open_store(folder / DATABASE) as store:
            proof_kill9.check_store(store, lines, found)
            with store.reading() as session:
                outcome.n_audit_breaks += not audit.verify(session).is_sound
    except StoreError:
        found.n_damaged += 1
    outcome.n_damaged += bool(found.n_damaged or found.n_half_done)
    n_lost = found.n_lost + found.n_wrong
    outcome.n_points_with_loss += bool(n_lost)
    outcome.n_lost = max(outcome.n_lost, n_lost)


def cut_one_log(folder: Path, seed: int, n_points: int, n_saves: int, outcome: Outcome) -> None:
    """Cut the power of one process at so many points."""
    entries = log_of_saves(folder, seed, outcome.synchronous, n_saves)
    outcome.n_logged += sum(entry.what == WRITE and entry.name.startswith(DATABASE) for entry in entries)
    begun = next(number for number, entry in enumerate(entries) if entry.name == SAID)
    first = 0 if outcome.synchronous == SYNCED else begun  # the other one may lose the whole schema before
    rng = random.Random(seed)
    points = rng.sample(range(first, len(entries)), n_points)
    disk = folder / "disk"
    disk.mkdir(exist_ok=True)
    for point, _, files in cuts(entries, points, rng):
        for old in disk.iterdir():
            old.unlink()
        for name in files.keys() & {DATABASE, f"{DATABASE}-wal", f"{DATABASE}-journal"}:
            (disk / name).write_bytes(files[name])
        said = b"".join(entry.data for entry in entries[:point] if entry.name == SAID and entry.what == WRITE)
        check(disk, [Line.parse(line) for line in said.split(b"\n")[:-1]], outcome)
        outcome.n_points += 1
    outcome.n_acknowledged += sum(entry.name == SAID and entry.what == WRITE for entry in entries)


def prove(folder: Path, n_points: int, seed: int, synchronous: str, n_saves: int = N_SAVES) -> Outcome:
    """Cut the power at so many points, of as many processes as that takes."""
    outcome, began = Outcome(synchronous), time.monotonic()
    while outcome.n_points < n_points:
        n = min(POINTS_A_LOG, n_points - outcome.n_points)
        cut_one_log(folder, seed, n, n_saves, outcome)
        seed += 1
    outcome.seconds = round(time.monotonic() - began)
    return outcome


def main() -> int:
    """Run the proof, or the process that saves, from the command line."""
    parser = argparse.ArgumentParser(description="Cut the power in simulation and look for lost saves.")
    parser.add_argument("--points", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--synchronous", default=SYNCED)
    parser.add_argument("--save", type=Path)
    chosen = parser.parse_args()
    if chosen.save:
        save_for_ever(chosen.save, f"s{chosen.seed}", chosen.synchronous)
    if why := shims.why_not():
        print(f"not run: {why}")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        kept = prove(Path(folder), chosen.points, chosen.seed, SYNCED)
        print(json.dumps(asdict(kept)), flush=True)
        careless = prove(Path(folder), max(chosen.points // 3, 1), chosen.seed, "NORMAL")
        print(json.dumps(asdict(careless)))
    return 0 if kept.is_clean and kept.n_logged and careless.n_points_with_loss else 1


if __name__ == "__main__":
    sys.exit(main())
