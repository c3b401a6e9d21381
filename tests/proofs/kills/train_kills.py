"""Kill a real training run with SIGKILL at random moments, resume it, and compare its end with one that ran through.

A run trains a tiny model with dropout, writes checkpoints, takes the loss on its hold-out, publishes its adapter and
compares it with the parent. Half of the kills come at a random time of its life, half right after something appeared
in or vanished from its directory, where files are half written. `python -m tests.proofs.kills.train_kills --kills 200`
prints the outcome as JSON and exits with 1 unless every run ended with the very losses, scores and weights of the
whole one.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data.snapshot import write_holdout, write_snapshot
from data.storage.files import sha256_of
from data.task import DEFAULT_TASK, load_task
from tests.kit.forks import Child, fork
from trainer.adapter.manifest import ADAPTER_CONFIG, MANIFEST, WEIGHTS, RunError, read_manifest
from trainer.run.directory import RunDir
from trainer.run.learning.checkpoints import WRITING

N_ROWS, N_HELD_OUT, BATCH_SIZE, EPOCHS = 40, 6, 4, 3
SETTINGS = {"batch_size": BATCH_SIZE, "seed": 4, "threads": 1, "log_steps": 1, "save_steps": 4}
POLL_S = 0.001
LINGER_S = 0.01
"""How long after something changed in its directory a run may go on at most."""


@dataclass
class Outcome:
    """What the kills did: a run is killed and resumed until it ends, and then compared with the whole one.

    `fell` says where the runs were when they were killed. What has `bad`, `half`, `different` or `failed` in its name
    must stay 0.
    """

    seed: int
    n_kills: int = 0
    n_resumes: int = 0
    n_runs: int = 0
    n_identical: int = 0
    n_different: int = 0
    n_bad_checkpoints: int = 0
    n_half_adapters: int = 0
    n_failed: int = 0
    fell: Counter[str] = field(default_factory=Counter)

    @property
    def is_clean(self) -> bool:
        return not (self.n_different or self.n_bad_checkpoints or self.n_half_adapters or self.n_failed)


@dataclass(frozen=True)
class Material:
    """What every run is made of."""

    base: Path
    adapter: Path
    snapshot: Path
    holdout: Path
    epochs: int


@dataclass(frozen=True)
class Life:
    """How long a whole run takes, and how often something appears in or vanishes from its directory."""

    seconds: float
    n_changes: int


def import_everything() -> None:
    """All that a run imports, so that a forked child begins at once; nothing that starts a thread."""
    import bitsandbytes
    import datasets
    import peft
    import sklearn.linear_model
    import torch.utils.tensorboard
    import transformers

    import trainer.run.learning.loop
    import trainer.run.train

    torch.set_num_threads(1)
    assert all((bitsandbytes, datasets, peft, sklearn, transformers, trainer))


def write_rows(folder: Path) -> tuple[Path, Path]:
    """A snapshot and a hold-out."""
    from tests.kit.tiny import tiny_sides

    task, (kept, held) = load_task(DEFAULT_TASK), tiny_sides(120)
    snapshot = write_snapshot(task, kept[:N_ROWS], folder / "snapshot.jsonl")
    return snapshot.path, write_holdout(task, held[:N_HELD_OUT], folder / "h.jsonl").path


def make_model(folder: Path) -> None:
    """A tiny base that can write records, and an adapter for it."""
    from tests.kit.tiny import tiny_adapter, tiny_dense, train_dense
    from trainer.model.loading import quantise_and_save, quiet_libraries

    quiet_libraries()
    dense = train_dense(tiny_dense(folder / "dense"))
    quantise_and_save(dense, folder / "base", name="tiny")
    tiny_adapter(folder / "base", folder / "adapter")


def perform(run: RunDir, material: Material, pipe: int) -> None:
    """What `python -m trainer train` does, after a look at what the start finds."""
    import trainer.run.learning.learn
    from trainer.config import make_config
    from trainer.run.train import train

    found = trainer.run.learning.learn.find_latest(run.checkpoints) if run.checkpoints.exists() else None
    say(pipe, is_bad=found is not None and not is_readable(found))
    result = train(
        run.path,
        base=material.base,
        parent_adapter=material.adapter,
        snapshot=material.snapshot,
        holdout=material.holdout,
        config=make_config(epochs=material.epochs, **SETTINGS),
        name="killed",
        device="cpu",
    )
    say(pipe, n_steps=result.n_steps)


def trust_the_library() -> None:
    """A broken way: transformers' own checkpoints, the newest directory being the one to go on from."""
    import transformers.trainer_utils

    import trainer.run.learning.learn
    import trainer.run.learning.loop

    trainer.run.learning.loop.WRITING = "."
    trainer.run.learning.loop.writing_place = lambda checkpoints: checkpoints
    trainer.run.learning.loop.complete = trainer.run.learning.loop.keep_newest = lambda *_: None
    trainer.run.learning.learn.find_latest = lambda checkpoints: (
        Path(found) if (found := transformers.trainer_utils.get_last_checkpoint(checkpoints)) else None
    )


def forget_the_dropout() -> None:
    """A broken way: a resumed run draws other random numbers than one that was never killed."""
    import transformers

    transformers.Trainer._load_rng_state = lambda *_: None


BROKEN = {"checkpoints": trust_the_library, "dropout": forget_the_dropout}


def say(pipe: int, **values: Any) -> None:
    os.write(pipe, json.dumps(values).encode() + b"\n")


def is_readable(checkpoint: Path) -> bool:
    """Whether every file of a checkpoint that counts as complete can be read to its end."""
    import torch
    from safetensors.torch import load_file

    readers: dict[str, Callable[[Path], Any]] = {
        ".json": lambda path: json.loads(path.read_text(encoding="utf-8")),
        ".safetensors": load_file,
        ".pt": lambda path: torch.load(path, weights_only=True),
    }
    try:
        read = {path.suffix: readers[path.suffix](path) for path in checkpoint.iterdir() if path.suffix in readers}
    except Exception:  # noqa: BLE001 - whatever a half file makes of its reader
        return False
    return read.keys() == readers.keys()


def listing(run: RunDir) -> set[str]:
    """Names of all that is in a run's directory, except what is replaced all the time."""
    found = {f"{at}/{name}" for at, folders, files in os.walk(run.path) for name in [*folders, *files]}
    return {path for path in found if "progress.json" not in path}


def watch(run: RunDir, child: Child, lasts_s: float, n_changes: int) -> int:
    """Wait until it has ended, lived so long, or shown so many changes; how many there were."""
    end_s, seen, n_seen = time.monotonic() + lasts_s, listing(run), 0
    while time.monotonic() < end_s and not child.has_ended():
        found = listing(run)
        n_seen += found != seen
        seen = found
        if n_seen >= n_changes:
            break
        time.sleep(POLL_S)
    return n_seen


def where(run: RunDir) -> str:
    """The part of its life in which a run is."""
    try:
        values = json.loads(run.progress.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return "starting"
    if values["state"] == "evaluating":
        return "comparing" if run.adapter.exists() else "publishing"
    if values["state"] == "training" and values["step"] == 0:
        return "first step"
    if values["state"] == "training" and any((run.checkpoints / WRITING).glob("checkpoint-*")):
        return "writing a checkpoint"
    return str(values["state"])


def end_of(run: RunDir) -> dict[str, Any]:
    """All that a finished run must have in common with one that was never killed."""
    values: dict[str, dict[int, float]] = {"loss": {}, "eval_loss": {}}
    for line in run.log.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        for name, by_step in values.items():
            if name in entry:
                by_step[entry["step"]] = entry[name]
    metrics = json.loads(run.metrics.read_text(encoding="utf-8"))
    return {**values, "weights": sha256_of(run.adapter / WEIGHTS), "metrics": metrics}


def is_half(run: RunDir) -> bool:
    """Whether an adapter is visible that lacks a file or has other weights than its manifest says."""
    if not run.adapter.exists():
        return False
    try:
        manifest = read_manifest(run.adapter)
        names = {path.name for path in run.adapter.iterdir()}
        whole = manifest is not None and manifest.weights_sha256 == sha256_of(run.adapter / WEIGHTS)
    except (RunError, OSError):
        return True
    return not (whole and {WEIGHTS, ADAPTER_CONFIG, MANIFEST} <= names)


def kill_until_it_ends(
    run: RunDir, material: Material, life: Life, rng: random.Random, outcome: Outcome, n: int
) -> None:
    """Start a run, kill it, resume it, and so on until it ends by itself, or without a kill once `n` are done."""
    run.path.mkdir(parents=True)
    for number in range(1 << 30):
        child = fork(lambda pipe: perform(run, material, pipe))
        outcome.n_resumes += number > 0
        if outcome.n_kills < n:
            if rng.random() < 0.5:
                watch(run, child, rng.uniform(0, life.seconds), 1 << 30)
            else:
                watch(run, child, 2 * life.seconds, rng.randint(1, life.n_changes))
                time.sleep(rng.uniform(0, LINGER_S))
            child.kill()
        ended = child.end()
        outcome.n_bad_checkpoints += any(json.loads(line).get("is_bad") for line in ended.said.splitlines())
        outcome.n_half_adapters += is_half(run)
        if not ended.was_killed:
            outcome.n_failed += ended.code != 0
            return
        outcome.n_kills += 1
        outcome.fell[where(run)] += 1


def prove(folder: Path, material: Material, n_kills: int, seed: int) -> Outcome:
    """Run once without a kill, and then kill runs until so many kills are done."""
    rng, outcome = random.Random(seed), Outcome(seed)
    whole = RunDir(folder / "whole" / "run")
    whole.path.mkdir(parents=True)
    began_s = time.monotonic()
    child = fork(lambda pipe: perform(whole, material, pipe))
    n_changes = watch(whole, child, 600, 1 << 30)
    life = Life(time.monotonic() - began_s, n_changes)
    assert child.end().code == 0
    expected = end_of(whole)
    assert len(expected["loss"]) == material.epochs * N_ROWS // BATCH_SIZE
    assert expected["eval_loss"]
    while outcome.n_kills < n_kills:
        run = RunDir(folder / str(outcome.n_runs) / "run")
        n_failed = outcome.n_failed
        kill_until_it_ends(run, material, life, rng, outcome, n_kills)
        outcome.n_runs += 1
        is_same = outcome.n_failed == n_failed and end_of(run) == expected
        outcome.n_identical += is_same
        outcome.n_different += not is_same
    return outcome


def main(words: Sequence[str] | None = None) -> int:
    """Run the proof from the command line."""
    parser = argparse.ArgumentParser(description="Kill training runs and compare their ends with that of a whole one.")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 30))
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="of every run")
    parser.add_argument("--broken", choices=BROKEN, help=argparse.SUPPRESS)
    parser.add_argument("--model", type=Path, help="folder with base and adapter; a tiny model is made without")
    chosen = parser.parse_args(words)
    import_everything()
    if chosen.broken:
        BROKEN[chosen.broken]()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = chosen.model or folder
        if chosen.model is None:
            assert fork(lambda _: make_model(folder)).end().code == 0
        material = Material(model / "base", model / "adapter", *write_rows(folder), chosen.epochs)
        outcome = prove(folder, material, chosen.kills, chosen.seed)
    print(json.dumps(vars(outcome)))
    return 0 if outcome.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
