"""Kill publishing processes with SIGKILL at random moments: an adapter directory is absent or whole.

Half of the kills hit the trainer, which publishes the adapter in the run's directory, half the desk, which copies it to
where adapters live and replaces what an earlier, killed attempt left there. `python -m tests.proofs.kills.publish_kills
--kills 1000` prints the outcome as JSON and exits with 1 if half an adapter was ever visible or a draft was left.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from app.training.conclusion import copy_adapter
from tests.kit.forks import Ended, fork
from trainer.adapter.base_identity import BaseIdentity
from trainer.adapter.files import ModelError, checked_manifest, read_lora
from trainer.adapter.manifest import ADAPTER_CONFIG, MANIFEST, WEIGHTS, Manifest, publish_adapter

N_WEIGHTS = 500_000
N_WHOLE_RUNS = 7
"""Attempts that nobody kills, to learn how long one takes."""
FILES = {WEIGHTS, ADAPTER_CONFIG, MANIFEST}


@dataclass
class Outcome:
    """What the kills did. A kill that came after the work had ended is late and does not count.

    `n_half`, `n_drafts_left` and `n_failed` must stay 0; `n_in_draft` of the kills left a draft behind, which the next
    attempt that was not killed had to sweep.
    """

    seed: int
    n_kills: int = 0
    n_late: int = 0
    n_absent: int = 0
    n_whole: int = 0
    n_in_draft: int = 0
    n_half: int = 0
    n_drafts_left: int = 0
    n_failed: int = 0

    @property
    def is_clean(self) -> bool:
        return not (self.n_half or self.n_drafts_left or self.n_failed)


@dataclass(frozen=True)
class Attempt:
    """One way to publish: what to prepare each time, what is killed, and where the adapter appears."""

    target: Path
    prepare: Callable[[], None]
    work: Callable[[], object]

    def left_over(self) -> list[str]:
        """Drafts beside the target; in the run's directory also the files that were to be published."""
        names = (path.name for path in self.target.parent.iterdir())
        return [name for name in names if name.startswith(f".{self.target.name}.")]


def write_source(directory: Path) -> Path:
    """What the trainer has before it publishes: weights and the adapter's configuration."""
    directory.mkdir(parents=True)
    tensor = {"dtype": "F32", "shape": [N_WEIGHTS], "data_offsets": [0, 4 * N_WEIGHTS]}
    header = json.dumps({"base_model.model.q_proj.lora_A.weight": tensor}).encode()
    values = random.Random(0).randbytes(4 * N_WEIGHTS)
    (directory / WEIGHTS).write_bytes(len(header).to_bytes(8, "little") + header + values)
    config = {"peft_type": "LORA", "r": 16, "lora_alpha": 32, "lora_dropout": 0.1, "target_modules": ["q_proj"]}
    (directory / ADAPTER_CONFIG).write_text(json.dumps({**config, "base_model_name_or_path": "tiny"}))
    return directory


def straight(source: Path, target: Path, *_: Manifest) -> None:
    """The broken way: the files appear one after the other in the directory that readers look at."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)


def attempts(folder: Path, *, broken: bool) -> list[Attempt]:
    """The trainer's and the desk's way to publish, each in a folder of its own."""
    pristine = write_source(folder / "pristine")
    manifest = Manifest(name="run-0001", base="tiny", prompt_version=1, weights_sha256="")
    finished, source = folder / "finished" / "adapter", folder / "run" / ".adapter.new"
    shutil.copytree(pristine, source)
    publish_adapter(source, finished, manifest)
    in_run, in_home = folder / "run" / "adapter", folder / "adapters" / "run-0001"
    in_home.parent.mkdir()

    def prepare() -> None:
        for path in (in_run, source):
            shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(pristine, source, copy_function=os.link)

    if broken:
        trainer, desk = lambda: straight(finished, in_run), lambda: straight(finished, in_home)
    else:
        trainer, desk = lambda: publish_adapter(source, in_run, manifest), lambda: copy_adapter(finished, in_home)
    return [Attempt(in_run, prepare, trainer), Attempt(in_home, lambda: None, desk)]


def is_whole(directory: Path) -> bool:
    """Whether a visible adapter has all its files, and the weights that its manifest names."""
    try:
        checked_manifest(directory, BaseIdentity("tiny"))
        read_lora(directory)
    except (ModelError, OSError):
        return False
    return {path.name for path in directory.iterdir()} == FILES


def perform(attempt: Attempt, life_s: float | None) -> tuple[Ended, float]:
    """Publish in a child and kill it so long after it began, or never; how it ended, and how long it took."""

    def work(pipe: int) -> None:
        os.write(pipe, b"!")
        attempt.work()

    attempt.prepare()
    child = fork(work)
    child.read()
    began_s = time.perf_counter()
    if life_s is not None:
        time.sleep(life_s)
        child.kill()
    return child.end(), time.perf_counter() - began_s


def look(attempt: Attempt, ended: Ended, outcome: Outcome) -> None:
    """Count what is visible after an attempt."""
    is_there = attempt.target.exists()
    if is_there and not is_whole(attempt.target):
        outcome.n_half += 1
        shutil.rmtree(attempt.target)
    outcome.n_failed += not ended.was_killed and (ended.code != 0 or not is_there)
    if not ended.was_killed:
        outcome.n_drafts_left += len(attempt.left_over())
        return
    outcome.n_kills += 1
    outcome.n_absent += not is_there
    outcome.n_whole += is_there
    outcome.n_in_draft += any(name.endswith(".tmp") for name in attempt.left_over())


def prove(folder: Path, n_kills: int, seed: int, *, broken: bool = False) -> Outcome:
    """Kill until so many have been killed at work; look after each, and at the end publish once more."""
    rng, outcome = random.Random(seed), Outcome(seed)
    chosen = attempts(folder, broken=broken)
    usual_s = {a.target: statistics.median(perform(a, None)[1] for _ in range(N_WHOLE_RUNS)) for a in chosen}
    while outcome.n_kills < n_kills:
        attempt = rng.choice(chosen)
        ended, _ = perform(attempt, rng.uniform(0, 1.4 * usual_s[attempt.target]))
        outcome.n_late += not ended.was_killed
        look(attempt, ended, outcome)
    for attempt in chosen:
        look(attempt, perform(attempt, None)[0], outcome)
    return outcome


def main(words: Sequence[str] | None = None) -> int:
    """Run the proof from the command line."""
    parser = argparse.ArgumentParser(description="Kill publishing processes and look for half an adapter.")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 30))
    parser.add_argument("--broken", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as folder:
        outcome = prove(Path(folder), chosen.kills, chosen.seed, broken=chosen.broken)
    print(json.dumps(asdict(outcome)))
    return 0 if outcome.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
