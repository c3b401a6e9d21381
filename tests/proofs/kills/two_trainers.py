"""Start two trainings at the same moment, again and again: never are both at work.

Half of the tries start the trainer itself on two runs of one directory, half the desk's way to a run in one home. In
some the one that got in is killed with SIGKILL, and the next must get in at once: a dead process holds no lock. Who is
inside leaves a mark there that only one can make, and says when it came and went. `python -m
tests.proofs.kills.two_trainers
--tries 200` prints the outcome as JSON and exits with 1 if two were ever inside together or a dead one kept others out.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import app.training.runner
import trainer.run.train
from app.core.desk import Desk
from app.core.errors import DeskError
from app.core.settings import Settings, load_settings, prepare_home
from data.synthetic.sets.shipped import LABELLED
from data.task import load_task
from db.store.store import open_store
from tests.kit.forks import Child, fork
from trainer.adapter.manifest import RunError

WAKE_S = 0.004
"""From the word that all are ready to the moment at which they begin."""
HOLD_S = 0.05
KILL_EVERY = 4
READY, MOMENT_BYTES = b".", 32
SLOW_DISK_S = 0.003


@dataclass
class Outcome:
    """What the tries did. In a contested one the second was refused while the first was inside.

    The last four must stay 0: two inside together, kept out by a dead process, nobody inside, and any other failure.
    """

    seed: int
    n_tries: int = 0
    n_contested: int = 0
    n_inside: int = 0
    n_kills: int = 0
    n_overlaps: int = 0
    n_held_by_the_dead: int = 0
    n_nobody: int = 0
    n_failed: int = 0

    @property
    def is_clean(self) -> bool:
        return not (self.n_overlaps or self.n_held_by_the_dead or self.n_nobody or self.n_failed)


@dataclass(frozen=True)
class Place:
    """Where trainings compete, and the mark of the one that is inside."""

    settings: Settings
    snapshot: Path

    @property
    def mark(self) -> Path:
        return self.settings.home / "inside"


@dataclass
class Visit:
    """What one process told: whether it was refused, when it came and went, and whose mark it met."""

    pid: int
    was_refused: bool = False
    came_s: float | None = None
    went_s: float | None = None
    met: int | None = None
    was_disturbed: bool = False

    @classmethod
    def told(cls, pid: int, said: bytes) -> Visit:
        visit = cls(pid)
        for line in said.splitlines():
            for name, value in json.loads(line).items():
                setattr(visit, name, value)
        return visit

    def overlaps(self, other: Visit) -> bool:
        if self.came_s is None or other.came_s is None or self.went_s is None or other.went_s is None:
            return False
        return self.came_s < other.went_s and other.came_s < self.went_s


class Inside:
    """What a training does here in place of training: it shows that it is inside, and stays for a while."""

    def __init__(self, place: Place, pipe: int, hold_s: float) -> None:
        self._mark, self._pipe, self._hold_s = place.mark, pipe, hold_s

    def __call__(self, *_: Any) -> Any:
        came_s, met, mine = time.monotonic(), None, str(os.getpid())
        try:
            self._mark.symlink_to(mine)  # made as a whole or not at all, with what it says
        except FileExistsError:
            met = self._met()
            self._mark.unlink(missing_ok=True)
            self._mark.symlink_to(mine)
        say(self._pipe, came_s=came_s, met=met)
        time.sleep(self._hold_s)
        was_disturbed = self._met() != int(mine)
        self._mark.unlink(missing_ok=True)
        say(self._pipe, went_s=time.monotonic(), was_disturbed=was_disturbed)

    def _met(self) -> int:
        with contextlib.suppress(FileNotFoundError):
            return int(os.readlink(self._mark))
        return 0


def say(pipe: int, **values: Any) -> None:
    os.write(pipe, json.dumps(values).encode() + b"\n")


class Gate:
    """Lets the processes that are ready begin at the same moment."""

    def __init__(self) -> None:
        self._out, self._into = os.pipe()

    def wait(self, pipe: int) -> None:
        """Say that this one is ready, and wait for the moment; awake at its end, so that none is late."""
        os.write(pipe, READY)
        moment_s = float(os.read(self._out, MOMENT_BYTES))
        while time.monotonic() < moment_s:
            pass

    def open(self, children: Sequence[Child]) -> None:
        """Wait until all are ready and let them go."""
        for child in children:
            assert child.read() == READY
        moment_s = f"{time.monotonic() + WAKE_S:.9f}".rjust(MOMENT_BYTES).encode()
        os.write(self._into, moment_s * len(children))
        os.close(self._into)
        os.close(self._out)


def start_trainer(place: Place, name: str, inside: Inside, ready: Callable[[], None], pipe: int) -> None:
    """What `python -m trainer train` does, up to the work itself."""
    trainer.run.train._perform = inside
    ready()
    try:
        trainer.run.train.train(
            place.settings.runs / name, base="", parent_adapter=None, snapshot=place.snapshot, holdout=None
        )
    except RunError:
        say(pipe, was_refused=True)


def start_desk(place: Place, _: str, inside: Inside, ready: Callable[[], None], pipe: int) -> None:
    """What `caseloop train` does, up to the choice of the run."""

    class LookedAround(Exception):  # noqa: N818 - named for what happened
        pass

    def run_id() -> int:
        inside()
        raise LookedAround

    with open_store(place.settings.store) as store:
        desk = Desk(place.settings, load_task(), store)
        ready()
        try:
            app.training.runner.train_now(desk, run_id)
        except LookedAround:
            return
        except (DeskError, RunError):
            say(pipe, was_refused=True)


WAYS: Sequence[Callable[[Place, str, Inside, Callable[[], None], int], None]] = (start_trainer, start_desk)


def start(place: Place, way: int, name: str, hold_s: float, gate: Gate) -> Child:
    return fork(lambda pipe: WAYS[way](place, name, Inside(place, pipe, hold_s), lambda: gate.wait(pipe), pipe))


def compete(place: Place, rng: random.Random, outcome: Outcome) -> None:
    """One try: two at the same moment; in some the one inside is killed, and a third must get in."""
    way, is_kill, gate = outcome.n_tries % 2, rng.randrange(KILL_EVERY) == 0, Gate()
    two = [start(place, way, name, HOLD_S, gate) for name in ("a", "b")]
    gate.open(two)
    killed: set[int] = set()
    kill_s = 0.0
    heard = [b"", b""]
    if is_kill:
        heard = [child.read() for child in two]
        first = next((child for child, said in zip(two, heard, strict=True) if b"came_s" in said), None)
        if first is not None:
            time.sleep(rng.uniform(0, HOLD_S))
            kill_s = time.monotonic()
            first.kill()
    visits = []
    for child, said in zip(two, heard, strict=True):
        ended = child.end()
        visit = Visit.told(child.pid, said + ended.said)
        if ended.was_killed:
            visit.went_s = kill_s
            killed.add(child.pid)
        outcome.n_failed += ended.code != 0 and not ended.was_killed
        visits.append(visit)
    judge(visits, killed, outcome)
    if is_kill:
        gate = Gate()
        third = start(place, way, "c", 0, gate)
        gate.open([third])
        after = Visit.told(third.pid, third.end().said)
        outcome.n_held_by_the_dead += after.came_s is None
    place.mark.unlink(missing_ok=True)


def judge(visits: Sequence[Visit], killed: set[int], outcome: Outcome) -> None:
    """Count what a try showed. A mark may be met only of one that was killed."""
    came = [visit for visit in visits if visit.came_s is not None]
    outcome.n_tries += 1
    outcome.n_kills += len(killed)
    outcome.n_inside += len(came)
    outcome.n_nobody += not came
    outcome.n_contested += len(came) == 1 and any(visit.was_refused for visit in visits)
    met_living = any(visit.met is not None and visit.met not in killed for visit in came)
    disturbed = any(visit.was_disturbed for visit in came)
    outcome.n_overlaps += met_living or disturbed or (len(came) == 2 and came[0].overlaps(came[1]))


@contextlib.contextmanager
def lock_by_pid(directory: Path) -> Iterator[int]:
    """A broken way: look whether the file names a living process, and write one's own id if not."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "pid"
    with contextlib.suppress(OSError, ValueError):
        os.kill(int(path.read_text()), 0)
        raise RunError("Expected no other training; one is under way.")
    time.sleep(SLOW_DISK_S)
    path.write_text(str(os.getpid()))
    yield 0
    path.unlink(missing_ok=True)


@contextlib.contextmanager
def lock_by_file(directory: Path) -> Iterator[int]:
    """A broken way: the file that only one can make is the lock, and stays when its maker is killed."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "locked"
    try:
        path.touch(exist_ok=False)
    except FileExistsError as error:
        raise RunError("Expected no other training; one is under way.") from error
    yield 0
    path.unlink(missing_ok=True)


BROKEN = {"pid": lock_by_pid, "file": lock_by_file}


def prove(folder: Path, n_tries: int, seed: int) -> Outcome:
    """Try so many times."""
    rng, outcome = random.Random(seed), Outcome(seed)
    place = Place(load_settings({"CASELOOP_HOME": str(folder / "home")}), folder / "snapshot.jsonl")
    prepare_home(place.settings)
    with LABELLED.open(encoding="utf-8") as file:
        place.snapshot.write_text(next(file), encoding="utf-8")
    made = fork(lambda _: open_store(place.settings.store).close()).end()
    assert made.code == 0
    while outcome.n_tries < n_tries:
        compete(place, rng, outcome)
    return outcome


def main(words: Sequence[str] | None = None) -> int:
    """Run the proof from the command line."""
    parser = argparse.ArgumentParser(description="Start two trainings at once and look whether both are at work.")
    parser.add_argument("--tries", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 30))
    parser.add_argument("--broken", choices=BROKEN, help=argparse.SUPPRESS)
    chosen = parser.parse_args(words)
    if chosen.broken:
        lock = BROKEN[chosen.broken]
        trainer.run.train.trainer_lock = lock
        app.training.runner.training_lock = lambda settings: lock(settings.home)
    with tempfile.TemporaryDirectory() as folder:
        outcome = prove(Path(folder), chosen.tries, chosen.seed)
    print(json.dumps(asdict(outcome)))
    return 0 if outcome.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
