"""A training run, top to bottom: check, load, train, publish, compare with the adapter that is in use."""

from __future__ import annotations

import errno
import gc
import json
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from data.prompt import load_prompt
from data.scoring import Score
from data.snapshot import Row, SnapshotError, read_rows
from data.suggestion import Suggestion
from data.task import DEFAULT_TASK, Task, load_task
from trainer.adapters import checked_calibration
from trainer.calibrate import fit_or_keep, judge, write_calibration
from trainer.config import ConfigError, TrainConfig, read_config
from trainer.engine import Engine, EngineError
from trainer.evaluate import answer_rows, score_answers, write_predictions
from trainer.examples import Encoded, encode_rows
from trainer.model import Loaded, ModelError, load_adapter, load_for_serving, load_model, save_lora
from trainer.progress import (
    DiskFull,
    Diverged,
    Interrupted,
    OutOfMemory,
    Progress,
    Stop,
    TrainError,
    latest_complete,
)
from trainer.rundir import (
    Manifest,
    RunDir,
    RunError,
    add_metrics,
    check_disk_space,
    now,
    publish_adapter,
    read_manifest,
    sha256_of,
    trainer_lock,
    write_atomic,
    write_json,
)

__all__ = ["DiskFull", "Diverged", "Interrupted", "OutOfMemory", "TrainError", "TrainResult", "train"]

_SPARE_BYTES = 64_000_000


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
    """

    adapter: Path
    manifest: Manifest
    n_steps: int
    loss: float | None
    seconds: float
    old: dict[str, Any] | None
    new: dict[str, Any] | None
    n_notes: int


@dataclass(frozen=True)
class _Job:
    """Everything that one run needs to know."""

    run: RunDir
    task: Task
    base: str
    parent: Path | None
    rows: Sequence[Row]
    held_out: Sequence[Row]
    config: TrainConfig
    name: str
    fingerprint: str
    holdout_fingerprint: str | None
    device: str | None
    allow_hub: bool


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
        parent_adapter: the adapter to compare with, and in warm mode to go on from.
        snapshot: training rows as JSON lines.
        holdout: rows to score on.
        config: settings; None for those in the run directory's `config.json`, or else the defaults.
        name: of the new adapter; None for the directory's name.
        device: None takes the GPU where there is one.

    Raises:
        TrainError: the run cannot start or go on, was interrupted, diverged or ran out of disk or memory.
        ModelError, RunError, ConfigError, SnapshotError: what it was given does not fit.
    """
    run = RunDir(Path(run_dir))
    run.path.mkdir(parents=True, exist_ok=True)
    stop, progress = Stop(), Progress(run)
    with trainer_lock(run.path.parent), stop.listening(), _recorded(run, progress):
        run.error.unlink(missing_ok=True)
        progress.tell("loading")
        used = task or load_task(DEFAULT_TASK)
        rows = sorted(read_rows(used, snapshot), key=lambda row: row.content_hash)
        job = _Job(
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
            device=device,
            allow_hub=allow_hub,
        )
        return _perform(job, progress, stop)


def _perform(job: _Job, progress: Progress, stop: Stop) -> TrainResult:
    """Do of the run what is not done yet."""
    began, run = time.monotonic(), job.run
    _check_job(job)
    n_steps, loss = (0, None) if run.adapter.exists() else _train_adapter(job, progress, stop)
    stop.check()
    old, new = _compare(job, progress, stop)
    manifest = add_metrics(run.adapter, new)
    progress.tell("finished", message="")
    seconds = round(time.monotonic() - began, 1)
    return TrainResult(run.adapter, manifest, n_steps, loss, seconds, old, new, len(job.held_out))


@contextmanager
def _recorded(run: RunDir, progress: Progress) -> Iterator[None]:
    """Leave one sentence in the run directory about whatever ends the run early."""
    try:
        yield
    except Interrupted as error:
        _leave_word(run, progress, "interrupted", str(error))
        raise
    except Exception as error:
        known = _named(run, error)
        if known is not None:
            _leave_word(run, progress, "failed", str(known))
            raise known from error
        _leave_word(run, progress, "failed", str(error) if isinstance(error, _OURS) else _unexpected(error))
        raise
    finally:
        progress.close()


_OURS = (TrainError, ModelError, RunError, ConfigError, SnapshotError, EngineError)


def _named(run: RunDir, error: Exception) -> TrainError | None:
    """What a library's error means for the run, where that is known."""
    if isinstance(error, torch.OutOfMemoryError):
        return OutOfMemory("Expected the batch to fit the GPU's memory; it does not. Set a smaller batch size.")
    if _is_disk_full(error):
        return DiskFull(f"Expected room for the files of the run in {run.path}; the disk is full. Free some space.")
    return None


def _leave_word(run: RunDir, progress: Progress, state: Any, message: str) -> None:
    with suppress(OSError):  # a full disk may refuse even this; the exit code still tells
        if state == "failed":
            write_atomic(run.error, message + "\n")
    with suppress(OSError):
        progress.tell(state, message=message)


def _unexpected(error: BaseException) -> str:
    return f"Training stopped at an unexpected {type(error).__name__}; the end of its output says where."


def _is_disk_full(error: BaseException) -> bool:
    """Whether writing failed for lack of room: the system's errors, and what torch and safetensors make of them."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return True
    text = str(error)
    written = "inline_container" in text or "PytorchStreamWriter" in text or "file write failed" in text
    return written or "No space left" in text or "File too large" in text


def _check_job(job: _Job) -> None:
    """Refuse early what cannot work, and a directory that belongs to another run."""
    if not job.rows:
        raise TrainError("Expected at least one row in the snapshot; found none. Import labelled notes or review some.")
    if job.config.mode == "warm" and job.parent is None:
        raise TrainError("Expected a parent adapter to go on from in warm mode; found none. Use mode full.")
    both = {row.content_hash for row in job.rows} & {row.content_hash for row in job.held_out}
    if both:
        raise TrainError(
            f"Expected no note in both the snapshot and the hold-out; found {len(both)}. Write the snapshot again."
        )
    told = {
        "name": job.name,
        "base": job.base,
        "parent": str(job.parent) if job.parent else None,
        "snapshot_fingerprint": job.fingerprint,
        "holdout_fingerprint": job.holdout_fingerprint,
        "config": job.config.model_dump(mode="json"),
    }
    if not job.run.config.exists():
        write_atomic(job.run.config, job.config.model_dump_json(indent=1) + "\n")
    if not job.run.identity.exists():
        write_json(job.run.identity, told)
        return
    before = json.loads(job.run.identity.read_text(encoding="utf-8"))
    changed = [key for key, value in told.items() if before.get(key) != value]
    if changed:
        raise TrainError(
            f"Expected the settings that the run in {job.run.path} began with; {', '.join(changed)} changed. "
            "Start a new run in an empty directory."
        )


def _train_adapter(job: _Job, progress: Progress, stop: Stop) -> tuple[int, float | None]:
    """Train and publish; steps and the last loss."""
    from trainer.loop import run_loop

    if job.config.threads:
        torch.set_num_threads(job.config.threads)
    torch.manual_seed(job.config.seed)  # the fresh adapter's weights are drawn from here
    warm_from = job.parent if job.config.mode == "warm" else None
    loaded = load_model(
        job.base, warm_from, device=job.device, for_training=True, allow_hub=job.allow_hub, lora=job.config.lora
    )
    config = job.config.resolved(loaded.n_parameters)
    examples, held_out = _encoded(job, loaded, config)
    before = {key: p.detach().cpu().clone() for key, p in loaded.model.named_parameters() if p.requires_grad}
    n_bytes = sum(tensor.numel() * 4 for tensor in before.values())
    check_disk_space(job.run.path, 4 * 3 * n_bytes + _SPARE_BYTES)  # four checkpoints of weights and two moments
    stop.check()
    job.run.checkpoints.mkdir(exist_ok=True)
    resume = latest_complete(job.run.checkpoints)
    rows = (examples.examples, held_out.examples)
    n_done, n_steps, loss = run_loop(loaded, config, rows, job.run.checkpoints, resume, (progress, stop))
    if n_done < n_steps:
        raise Interrupted(stop.signal_number or 15)
    _check_learned(loaded, before)
    progress.tell("evaluating", step=n_done, n_steps=n_steps, n_left_out=examples.n_too_long + examples.n_refused)
    _publish(job, loaded, len(examples.examples), config)
    shutil.rmtree(job.run.checkpoints, ignore_errors=True)
    loaded.model = None
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return n_steps, loss


def _encoded(job: _Job, loaded: Loaded, config: TrainConfig) -> tuple[Encoded, Encoded]:
    prompt = load_prompt(job.task, loaded.prompt_version)
    limit = config.max_tokens or 1024
    examples = encode_rows(
        loaded.tokenizer, prompt, job.rows, max_tokens=limit, correction_copies=config.correction_copies
    )
    if not examples.examples:
        raise TrainError(
            f"Expected a row of at most {limit} tokens; all are longer. Raise max_tokens or shorten notes."
        )
    held_out = encode_rows(loaded.tokenizer, prompt, job.held_out[: config.eval_rows], max_tokens=limit)
    return examples, held_out


def _check_learned(loaded: Loaded, before: dict[str, torch.Tensor]) -> None:
    """A run that changed nothing, or left values that are no numbers, must not look like a success."""
    now_there = dict(loaded.model.named_parameters())
    if all(torch.equal(tensor, now_there[key].detach().cpu()) for key, tensor in before.items()):
        raise TrainError("Expected training to change the adapter; its weights are as before. Check the settings.")
    if not all(bool(torch.isfinite(now_there[key]).all()) for key in before):
        raise Diverged("Expected finite adapter weights after training; found NaN. Lower the learning rate.")


def _publish(job: _Job, loaded: Loaded, n_rows: int, config: TrainConfig) -> None:
    parent = read_manifest(job.parent) if job.parent else None
    manifest = Manifest(
        name=job.name,
        base=loaded.base_name,
        base_revision=loaded.base_revision,
        prompt_version=loaded.prompt_version,
        weights_sha256="",
        run=job.run.path.name,
        parent=parent.name if parent else (job.parent.name if job.parent else None),
        snapshot_fingerprint=job.fingerprint,
        n_rows=n_rows,
        created_at=now(),
        lora=loaded.manifest.lora if loaded.manifest and config.mode == "warm" else config.lora,
    )
    source = job.run.path / ".adapter.new"
    shutil.rmtree(source, ignore_errors=True)
    save_lora(loaded.model, source, loaded.base_name)
    publish_adapter(source, job.run.adapter, manifest)


def _compare(job: _Job, progress: Progress, stop: Stop) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
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
        if engine is None:
            loaded = load_for_serving(job.base, adapter, device=job.device, allow_hub=job.allow_hub)
            engine = Engine(loaded, job.task)
        else:
            loaded = load_adapter(engine.loaded, adapter, allow_hub=job.allow_hub)
            engine = engine.beside(loaded)

        def report(n_done: int, n_notes: int, key: str = key) -> None:
            stop.check()
            progress.tell("evaluating", force=n_done == n_notes, adapter=key, n_done=n_done, n_notes=n_notes)

        found = answer_rows(engine, job.held_out, report)
        if key == "old":
            earlier = loaded.calibration
        else:  # before the metrics, which say that the comparison is done
            write_calibration(job.run.adapter, fit_or_keep(job.task, gold, found, job.name, earlier))
        answers[key], source = judge(job.task, gold, found, earlier)
        scores[key] = score_answers(job.held_out, answers[key] or [], job.task, source=source)
    write_predictions(job.run.predictions, job.held_out, answers)
    metrics = {key: scores[key].to_json() if key in scores else None for key in ("old", "new")}
    write_json(job.run.metrics, {**metrics, "n_notes": len(job.held_out)})
    return metrics["old"], metrics["new"]


def _keep_calibration(job: _Job) -> None:
    """Without a hold-out, what the parent's confidence is made by is the best guess."""
    if job.parent is not None and job.parent.is_dir():
        write_calibration(job.run.adapter, checked_calibration(job.parent))
