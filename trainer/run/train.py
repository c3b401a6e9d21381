"""A training run, top to bottom: check, load, train, publish, compare with the adapter that is in use."""

from __future__ import annotations

import errno
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from data.evaluation.calibration import read_curves
from data.evaluation.scoring import Score
from data.snapshot import SnapshotError, read_rows
from data.storage.files import save_json, sha256_of, write_whole
from data.suggestion import Suggestion
from data.task import DEFAULT_TASK, Task, load_task
from trainer.adapter.files import ModelError, checked_calibration
from trainer.adapter.manifest import Manifest, RunError, add_metrics
from trainer.config import ConfigError, TrainConfig, read_config
from trainer.engine import Engine
from trainer.engine.api import EngineError
from trainer.engine.suited import unsuited_base
from trainer.evaluation.calibrate import fit_or_keep, is_enough, judge, keep_measured, write_calibration
from trainer.evaluation.evaluate import answer_rows, score_answers, write_predictions
from trainer.model.loading import choose_device, compute_dtype, load_adapter, load_for_serving
from trainer.run.directory import RunDir, trainer_lock
from trainer.run.job import Job, check_settings
from trainer.run.leakage import check_no_leak
from trainer.run.learning.learn import learn
from trainer.run.learning.ranks import join
from trainer.run.model_card import write_card
from trainer.run.progress import DiskFull, Interrupted, OutOfMemory, Progress, Stop, TrainError

__all__ = ["TrainResult", "train"]


@dataclass(frozen=True)
class TrainResult:
    """What a finished run left.

    Attributes:
        adapter: directory of the new adapter.
        manifest: of the new adapter.
        n_steps: optimiser steps; 0 where the adapter was there before this call.
        loss: last training loss; None where no step was logged in this call.
        seconds: time the call took.
        old: score of the parent adapter on the hold-out as JSON, None without a parent or a hold-out.
        new: score of the new adapter on the hold-out as JSON, None without a hold-out.
        n_notes: hold-out notes that both were scored on.
        left_out: how many rows were too long to learn from, and for which limit; empty where nobody counted.
    """

    adapter: Path
    manifest: Manifest
    n_steps: int
    loss: float | None
    seconds: float
    old: dict[str, Any] | None
    new: dict[str, Any] | None
    n_notes: int
    left_out: dict[str, int] = field(default_factory=dict)


def train(  # noqa: PLR0913 - all by keyword
    run_dir: Path,
    *,
    base: str | Path,
    parent_adapter: str | Path | None,
    snapshot: Path,
    holdout: Path | None,
    config: TrainConfig | None = None,
    name: str | None = None,
    device: str | None = None,
    allow_hub: bool = False,
    task: Task | None = None,
) -> TrainResult:
    """Train an adapter on a snapshot and score it, and its parent, on the hold-out.

    The same call on the same directory goes on where an earlier one was stopped.

    Args:
        run_dir: directory of the run; see `RunDir`.
        base: directory of the base, or its name on the hub with `allow_hub`.
        parent_adapter: the adapter to compare with, and to continue from in warm mode.
        snapshot: training rows as JSON lines.
        holdout: rows to score on.
        config: settings; None for those in the run directory's `config.json`, or else the defaults.
        name: of the new adapter; None for the directory's name.
        device: None takes the GPU where there is one.

    Raises:
        TrainError: the run cannot start or go on, was interrupted, diverged or ran out of disk or memory.
        ModelError, RunError, ConfigError, SnapshotError: what it was given does not fit.
    """
    run, ranks = RunDir(Path(run_dir)), join(device)
    run.path.mkdir(parents=True, exist_ok=True)
    stop, progress = Stop(), Progress(run, writes=ranks.is_main)
    # The first of several processes holds the lock for all: the launcher ends the others with it.
    lock = trainer_lock(run.path.parent) if ranks.is_main else nullcontext()
    with lock, stop.listen(), record_ending(run, progress):
        if ranks.is_main:
            run.error.unlink(missing_ok=True)
        progress.tell("loading")
        used = task or load_task(DEFAULT_TASK)
        rows = sorted(read_rows(used, snapshot), key=lambda row: row.content_hash)
        job = Job(
            run=run,
            task=used,
            base=str(base),
            parent=Path(parent_adapter) if parent_adapter else None,
            rows=rows,
            held_out=read_rows(used, holdout) if holdout else [],
            config=config or (read_config(run.config) if run.config.exists() else TrainConfig()),
            name=name or run.path.name,
            fingerprint=sha256_of(snapshot),
            holdout_fingerprint=sha256_of(holdout) if holdout else None,
            device=ranks.device(device),
            allow_hub=allow_hub,
            ranks=ranks,
        )
        return _perform(job, progress, stop)


def _perform(job: Job, progress: Progress, stop: Stop) -> TrainResult:
    """Do of the run what is not done yet."""
    began, run = time.monotonic(), job.run
    _check_job(job)
    job.ranks.wait()  # before this, the directory may still be another's
    n_steps, loss = (0, None) if run.adapter.exists() else learn(job, progress, stop)
    job.ranks.leave()
    if job.ranks.is_main:
        run.sweep()
    stop.check()
    old, new = _compare(job, progress, stop) if job.ranks.is_main else (None, None)
    manifest = add_metrics(run.adapter, new)
    if job.ranks.is_main:
        write_card(run, job.task, job.config, job.rows)
    progress.tell("finished", message="")
    seconds = round(time.monotonic() - began, 1)
    left_out = json.loads(run.left_out.read_text(encoding="utf-8")) if run.left_out.exists() else {}
    return TrainResult(run.adapter, manifest, n_steps, loss, seconds, old, new, len(job.held_out), left_out)


@contextmanager
def record_ending(run: RunDir, progress: Progress) -> Iterator[None]:
    """Leave one sentence in the run directory about whatever ends the run early."""
    try:
        yield
    except Interrupted as error:
        _leave_word(run, progress, "interrupted", str(error))
        raise
    except Exception as error:
        known = _name_error(run, error)
        if known is not None:
            _leave_word(run, progress, "failed", str(known))
            raise known from error
        _leave_word(run, progress, "failed", str(error) if isinstance(error, _OURS) else _unexpected_words(error))
        raise
    finally:
        progress.close()


_OURS = (TrainError, ModelError, RunError, ConfigError, SnapshotError, EngineError)


def _name_error(run: RunDir, error: Exception) -> TrainError | None:
    """What a library's error means for the run, where that is known."""
    if isinstance(error, torch.OutOfMemoryError):
        return OutOfMemory("The batch does not fit the GPU's memory. Set a smaller batch size.")
    if _is_disk_full(error):
        return DiskFull(f"The disk is full: no room for the files of the run in {run.path}. Free some space.")
    return None


def _leave_word(run: RunDir, progress: Progress, state: Any, message: str) -> None:
    with suppress(OSError):  # a full disk may refuse even this; the exit code still tells
        if state == "failed":
            write_whole(run.error, message + "\n")
    with suppress(OSError):
        progress.tell(state, message=message)


def _unexpected_words(error: BaseException) -> str:
    return f"Training stopped at an unexpected {type(error).__name__}; the end of its output says where."


def _is_disk_full(error: BaseException) -> bool:
    """Whether writing failed for lack of room: the system's errors, and what torch and safetensors make of them."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return True
    text = str(error)
    written = "inline_container" in text or "PytorchStreamWriter" in text or "file write failed" in text
    return written or "No space left" in text or "File too large" in text


def _check_job(job: Job) -> None:
    """Refuse early what cannot work, and a directory that belongs to another run."""
    if not job.rows:
        raise TrainError("Expected at least one row in the snapshot; found none. Import labelled notes or review some.")
    on_gpu = choose_device(job.device).type == "cuda"
    has_bf16 = on_gpu and compute_dtype(choose_device(job.device)) is torch.bfloat16
    is_learned = job.run.adapter.exists()
    unsuited = [] if is_learned else unsuited_base(job.base, job.task, allow_hub=job.allow_hub)
    check_settings(job.config, on_gpu=on_gpu, has_bf16=has_bf16, n_ranks=job.ranks.size, unsuited=unsuited)
    if job.config.mode == "warm" and job.parent is None:
        raise TrainError("Warm mode needs a parent adapter; there is none. Use mode full.")
    check_no_leak(job.rows, job.held_out)
    told = {
        "name": job.name,
        "base": job.base,
        "parent": str(job.parent) if job.parent else None,
        "snapshot_fingerprint": job.fingerprint,
        "holdout_fingerprint": job.holdout_fingerprint,
        "config": job.config.model_dump(mode="json"),
        "n_ranks": job.ranks.size,
    }
    if not job.ranks.is_main:
        return
    if not job.run.config.exists():
        write_whole(job.run.config, job.config.model_dump_json(indent=1) + "\n")
    if not job.run.identity.exists():
        save_json(job.run.identity, told)
        return
    before = json.loads(job.run.identity.read_text(encoding="utf-8"))
    changed = [key for key, value in told.items() if before.get(key) != value]
    if changed:
        raise TrainError(
            f"Expected the settings that the run in {job.run.path} began with; {', '.join(changed)} changed. "
            "Start a new run in an empty directory."
        )


def _compare(job: Job, progress: Progress, stop: Stop) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Score parent and new adapter on the hold-out, with what serves them; write metrics and answers."""
    if not job.held_out:
        _keep_calibration(job)
        return None, None
    if job.run.metrics.exists():
        known = json.loads(job.run.metrics.read_text(encoding="utf-8"))
        return known["old"], known["new"]
    gold, earlier = [row.extraction for row in job.held_out], None
    answers: dict[str, Sequence[Suggestion | None] | None] = {"old": None, "new": None}
    scores: dict[str, Score] = {}
    engine: Engine | None = None
    for key, adapter in (("old", job.parent), ("new", job.run.adapter)):
        if adapter is None:
            continue
        if engine is None or not engine.takes_others:
            engine = None  # let the old model go before the new one is loaded
            loaded = load_for_serving(job.base, adapter, device=job.device, allow_hub=job.allow_hub)
            engine = Engine(loaded, job.task)
        else:
            loaded = load_adapter(engine.loaded, adapter, allow_hub=job.allow_hub)
            engine = engine.share_base(loaded)

        def report(n_done: int, n_notes: int, key: str = key) -> None:
            stop.check()
            progress.tell("evaluating", force=n_done == n_notes, adapter=key, n_done=n_done, n_notes=n_notes)

        found = answer_rows(engine, job.held_out, report)
        if key == "old":
            earlier = read_curves(job.run.parent_curves) or loaded.calibration
            if is_enough(found) and loaded.manifest is not None:
                kept = fit_or_keep(job.task, gold, found, loaded.name, earlier)
                keep_measured(job.run.old_curves, loaded.manifest.weights_sha256, kept)
        else:  # before the metrics, which say that the comparison is done
            write_calibration(job.run.adapter, fit_or_keep(job.task, gold, found, job.name, earlier))
        answers[key], source = judge(job.task, gold, found, earlier)
        scores[key] = score_answers(job.held_out, answers[key] or [], job.task, source=source)
    write_predictions(job.run.predictions, job.held_out, answers)
    metrics = {key: scores[key].to_json() if key in scores else None for key in ("old", "new")}
    save_json(job.run.metrics, {**metrics, "n_notes": len(job.held_out)})
    return metrics["old"], metrics["new"]


def _keep_calibration(job: Job) -> None:
    """Without a hold-out, what the parent's confidence is made by is the best guess."""
    if job.parent is not None and job.parent.is_dir():
        write_calibration(job.run.adapter, checked_calibration(job.parent))
