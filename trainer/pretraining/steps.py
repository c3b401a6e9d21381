"""Steps in a work directory: each leaves a directory with a manifest, and is skipped where that still holds.

A step's manifest names the settings that it depends on and the digests of what it read. It is written last, with the
directory renamed into its place, so a killed step leaves none; what it leaves is a draft, in which a long one finds
its checkpoint.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.storage.files import flush_to_disk, save_json, sha256_of
from trainer.pretraining.settings import Job, OutOfTime, PretrainError

MANIFEST = "step.json"
_KEY = ".identity"


@dataclass(frozen=True)
class Step:
    """One step.

    Attributes:
        name: also of its directory.
        settings: names of the settings that it depends on.
        after: names of the steps whose results it reads.
        files: what else it reads.
        run: does it: gets the job and a draft directory, in which an earlier call may have left a checkpoint, and
            returns figures for the card.
    """

    name: str
    settings: tuple[str, ...]
    after: tuple[str, ...]
    files: tuple[Path, ...]
    run: Callable[[Job, Path], Mapping[str, Any]]


def place(job: Job, name: str) -> Path:
    """Where a finished step's results are."""
    return job.work / name


def figures_of(job: Job, name: str) -> dict[str, Any]:
    """The figures of a finished step; empty where it is not done."""
    known = _read(place(job, name))
    return dict(known["figures"]) if known else {}


def perform(job: Job, steps: list[Step]) -> None:
    """Do what is not done yet of `steps`, in their order.

    Raises:
        OutOfTime: the job's minutes are over before a step begins, or within one.
        PretrainError: a step that another one needs is not done.
    """
    job.work.mkdir(parents=True, exist_ok=True)
    for step in steps:
        _check_before(job, step)
        identity = _identity(job, step)
        known = _read(place(job, step.name))
        if known and known["identity"] == identity:
            say(f"{step.name}: done before")
            continue
        check_time(job, step.name)
        say(f"{step.name}: begins")
        began = time.monotonic()
        draft = _draft(job, step, identity)
        figures = dict(step.run(job, draft))
        seconds = round(time.monotonic() - began, 1)
        manifest = {"identity": identity, "figures": {**figures, "seconds_of_last_call": seconds}}
        (draft / _KEY).unlink()
        save_json(draft / MANIFEST, {**manifest, "digest": _digest_of(draft)})
        target = place(job, step.name)
        shutil.rmtree(target, ignore_errors=True)
        os.rename(draft, target)
        flush_to_disk(target.parent)
        say(f"{step.name}: done in {seconds} s")


def say(line: str) -> None:
    """One line of progress, with the time."""
    print(f"[{time.strftime('%H:%M:%S')}] {line}", file=sys.stderr, flush=True)


def check_time(job: Job, what: str) -> None:
    """Stop where the job's minutes are over.

    Raises:
        OutOfTime: they are.
    """
    if job.deadline is not None and time.monotonic() > job.deadline:
        raise OutOfTime(f"Stopped at {what} because the minutes are over. Run the same command again to go on.")


def _check_before(job: Job, step: Step) -> None:
    for name in step.after:
        if _read(place(job, name)) is None:
            raise PretrainError(
                f"Expected a finished step {name} before {step.name} in {job.work}; there is none. Do it first, or "
                "leave --step out to do all."
            )


def _identity(job: Job, step: Step) -> dict[str, Any]:
    """What decides a step's result."""
    before = {name: (_read(place(job, name)) or {}).get("digest") for name in step.after}
    settings = {name: getattr(job.settings, name) for name in sorted(step.settings)}
    return {"settings": settings, "after": before, "files": [sha256_of(path) for path in step.files]}


def _draft(job: Job, step: Step, identity: dict[str, Any]) -> Path:
    """The step's draft directory: an earlier call's where it was for the same, else an empty one."""
    draft = job.work / f".{step.name}.draft"
    key = draft / _KEY
    told = json.dumps(identity, sort_keys=True)
    if not (key.is_file() and key.read_text(encoding="utf-8") == told):
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        key.write_text(told, encoding="utf-8")
    return draft


def _read(directory: Path) -> dict[str, Any] | None:
    try:
        known = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
        return known if {"identity", "figures", "digest"} <= set(known) else None
    except (OSError, ValueError, TypeError):
        return None


def _digest_of(directory: Path) -> str:
    """Digest over the step's files, by name and content, without what only says how it came about."""
    digest = hashlib.sha256()
    for path in sorted(path for path in directory.rglob("*") if path.is_file() and path.name != MANIFEST):
        digest.update(f"{path.relative_to(directory)}\0{sha256_of(path)}\0".encode())
    return digest.hexdigest()
