"""Checkpoints: complete or invisible, checked before they are used, and no more of them than asked for.

transformers' Trainer writes a checkpoint file by file and takes the newest directory for a good one, whatever is in
it. Here it writes into a directory that nothing reads; when everything is there, a manifest with every file's digest
is written last and the directory is renamed to where `find_latest` looks.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from data.storage.files import flush_to_disk, save_json, sha256_of
from trainer.adapter.manifest import WEIGHTS

WRITING = ".writing"
"""Below the checkpoints: where an unfinished one is."""
CHECKPOINT_MANIFEST = "checkpoint.json"
_NAME = re.compile(r"checkpoint-(\d+)")


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint.

    Attributes:
        step: optimiser steps done.
        eval_loss: on rows that are not learned, taken at this step; None where it was not.
    """

    path: Path
    step: int
    eval_loss: float | None


def writing_place(checkpoints: Path) -> Path:
    """Where the Trainer writes; what a crash left there is gone."""
    place = checkpoints / WRITING
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    return place


def complete(checkpoints: Path, step: int, eval_loss: float | None) -> Checkpoint:
    """Make the checkpoint of `step`, all of whose files are written, visible.

    Raises:
        OSError: a file cannot be read or written.
    """
    name = f"checkpoint-{step}"
    draft, target = checkpoints / WRITING / name, checkpoints / name
    (draft / CHECKPOINT_MANIFEST).unlink(missing_ok=True)  # of an attempt that failed
    files = {path.name: sha256_of(path) for path in sorted(draft.iterdir())}
    for path in draft.iterdir():
        flush_to_disk(path)
    save_json(draft / CHECKPOINT_MANIFEST, {"step": step, "eval_loss": eval_loss, "files": files})
    shutil.rmtree(target, ignore_errors=True)
    os.rename(draft, target)
    flush_to_disk(checkpoints)
    return Checkpoint(target, step, eval_loss)


def list_complete(checkpoints: Path) -> list[Checkpoint]:
    """Every complete checkpoint, oldest first."""
    found = []
    for path in checkpoints.glob("checkpoint-*"):
        try:
            told = json.loads((path / CHECKPOINT_MANIFEST).read_text(encoding="utf-8"))
            found.append(Checkpoint(path, int(told["step"]), told["eval_loss"]))
        except (OSError, ValueError, KeyError):
            continue  # somebody else's, or from a version that marked them otherwise
    return sorted(found, key=lambda checkpoint: checkpoint.step)


def find_latest(checkpoints: Path) -> Path | None:
    """The newest checkpoint whose files are what they were written as; what is not is deleted."""
    for path in checkpoints.glob("checkpoint-*"):
        if _NAME.fullmatch(path.name) and not (path / CHECKPOINT_MANIFEST).is_file():
            shutil.rmtree(path, ignore_errors=True)
    for checkpoint in reversed(list_complete(checkpoints)):
        if _is_whole(checkpoint.path):
            return checkpoint.path
        shutil.rmtree(checkpoint.path, ignore_errors=True)
    return None


def _is_whole(path: Path) -> bool:
    files = json.loads((path / CHECKPOINT_MANIFEST).read_text(encoding="utf-8"))["files"]
    return WEIGHTS in files and all((path / name).is_file() and sha256_of(path / name) == files[name] for name in files)


def find_best(checkpoints: Path) -> Checkpoint | None:
    """The checkpoint with the lowest loss on rows that are not learned, the earliest of equals."""
    measured = [checkpoint for checkpoint in list_complete(checkpoints) if checkpoint.eval_loss is not None]
    return min(measured, key=lambda checkpoint: (checkpoint.eval_loss, checkpoint.step), default=None)


def keep_newest(checkpoints: Path, n_kept: int) -> None:
    """Delete all but the newest `n_kept` and the best."""
    best = find_best(checkpoints)
    for checkpoint in list_complete(checkpoints)[:-n_kept]:
        if best is None or checkpoint.path != best.path:
            shutil.rmtree(checkpoint.path, ignore_errors=True)
