"""What one training run is: its rows, settings and places; and every reason not to begin with it, all at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from data.snapshot import Row
from data.task import Task
from trainer.config import ConfigError, TrainConfig
from trainer.run.directory import RunDir
from trainer.run.learning.ranks import Ranks


@dataclass(frozen=True)
class Job:
    """Everything that one run needs to know.

    Attributes:
        run: its directory.
        base: directory of the base, or its name on the hub.
        parent: the adapter to compare with, and to continue from in warm mode.
        rows: to learn from, in the order of their hashes.
        held_out: to score on.
        fingerprint: of the snapshot; None, in its fellow, without a hold-out.
        device: where this process computes; None for the GPU where there is one.
        ranks: this process among those of the run.
    """

    run: RunDir
    task: Task
    base: str
    parent: Path | None
    rows: Sequence[Row] = field(repr=False)
    held_out: Sequence[Row] = field(repr=False)
    config: TrainConfig
    name: str
    fingerprint: str
    holdout_fingerprint: str | None
    device: str | None
    allow_hub: bool
    ranks: Ranks = field(default_factory=Ranks)


def check_settings(
    config: TrainConfig, *, on_gpu: bool, has_bf16: bool, n_ranks: int = 1, unsuited: Sequence[str] = ()
) -> None:
    """Refuse settings that do not go together, and a base that cannot be served, before anything is loaded.

    Args:
        on_gpu: whether the run computes on a GPU.
        has_bf16: whether that GPU computes in bf16.
        n_ranks: processes that share the run.
        unsuited: what is wrong with the base, see `trainer.engine.suited`.

    Raises:
        ConfigError: every problem, and what to do about each.
    """
    found = [
        *(_needs_gpu(config) if not on_gpu else _needs_newer_gpu(config, has_bf16)),
        *_checkpoints(config),
        *_rows(config, n_ranks),
    ]
    if unsuited and not found:
        raise ConfigError(" ".join(unsuited))
    found = [*unsuited, *found]
    if found:
        listed = "\n".join(f"- {problem}" for problem in found)
        raise ConfigError(f"Expected settings that go together; found {len(found)} that do not:\n{listed}")


def check_steps(config: TrainConfig, n_steps: int) -> None:
    """Refuse a rate that would rise during the whole run.

    Raises:
        ConfigError: it would.
    """
    if config.n_warmup(n_steps) >= n_steps > 1:
        raise ConfigError(
            f"Expected a warm-up shorter than the run's {n_steps} steps; found {config.n_warmup(n_steps)} steps. "
            "Set a share, such as warmup 0.05, or more epochs."
        )


def _needs_gpu(config: TrainConfig) -> list[str]:
    where = "and this run is on a CPU"
    found = []
    if config.precision in ("fp16", "bf16"):
        found.append(f"precision {config.precision} needs a GPU, {where}: set precision auto")
    if config.optimizer != "adamw":
        found.append(f"optimizer {config.optimizer} needs a GPU, {where}: set optimizer adamw")
    if config.memory_gib is not None:
        found.append(f"memory_gib limits a GPU's memory, {where}: set memory_gib auto")
    return found


def _needs_newer_gpu(config: TrainConfig, has_bf16: bool) -> list[str]:
    if config.precision == "bf16" and not has_bf16:
        return ["precision bf16 needs a newer GPU than this one: set precision fp16"]
    return []


def _checkpoints(config: TrainConfig) -> list[str]:
    if not config.keep_best:
        return []
    found = []
    if not config.eval_rows:
        found.append("keep_best needs a loss to choose by: set eval_rows above 0")
    if not (config.eval_steps and config.save_steps):
        found.append("keep_best needs checkpoints where the loss is taken: set eval_steps and save_steps")
    elif config.save_steps % config.eval_steps:
        found.append(
            f"keep_best needs a loss at every checkpoint: set save_steps {config.save_steps} to a multiple of "
            f"eval_steps {config.eval_steps}"
        )
    return found


def _rows(config: TrainConfig, n_ranks: int) -> list[str]:
    found = []
    if config.rows_per_step % n_ranks:
        found.append(f"{config.rows_per_step} rows a step cannot be shared by {n_ranks} processes: set accumulation")
    elif config.batch_size and (config.rows_per_step // n_ranks) % config.batch_size:
        found.append(
            f"batch_size {config.batch_size} does not divide the {config.rows_per_step // n_ranks} rows a step of each "
            "process: set batch_size"
        )
    if config.compile and config.gradient_checkpointing:
        found.append("compile and gradient_checkpointing undo each other: set one of them to false")
    return found
