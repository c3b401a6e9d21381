"""What a training run is told: optimisation, LoRA and limits, with defaults that depend on the size of the base."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

SMALL_MODEL = 500_000_000
"""Bases with fewer parameters than this get the settings of the embedded one."""


class ConfigError(ValueError):
    """Settings that a run cannot use; the message says which and what to do."""


class LoraSettings(BaseModel):
    """Shape of the adapter. The defaults are those of the published one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    r: int = Field(default=16, ge=1, le=512)
    alpha: int = Field(default=32, ge=1)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    targets: tuple[str, ...] = Field(default=("q_proj", "k_proj", "v_proj", "o_proj"), min_length=1)


class TrainConfig(BaseModel):
    """Settings of one run. A None is filled in by `resolved`, once the size of the base is known.

    Attributes:
        mode: `full` trains a fresh adapter, `warm` goes on from the parent adapter.
        epochs: passes over the snapshot.
        max_steps: stop after this many optimiser steps, whatever `epochs` says; -1 for no such limit.
        learning_rate: peak of a cosine schedule.
        warmup_ratio: share of the steps in which the rate rises.
        batch_size: rows in one forward pass.
        accumulation: forward passes in one optimiser step.
        max_tokens: longest prompt and answer together; a longer row is left out and counted, never cut.
        correction_copies: how often a row from an annotation is shown in an epoch; a row from an original, once.
        save_steps: optimiser steps between checkpoints; 0 for ten checkpoints in the run.
        eval_rows: hold-out rows whose loss is taken after every epoch; 0 for none.
        threads: CPU threads; 0 leaves torch's own choice.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Literal["full", "warm"] = "full"
    epochs: float | None = Field(default=None, gt=0, le=1000)
    max_steps: int = Field(default=-1, ge=-1)
    learning_rate: float | None = Field(default=None, gt=0, le=1)
    warmup_ratio: float = Field(default=0.05, ge=0, le=1)
    weight_decay: float = Field(default=0.0, ge=0)
    max_grad_norm: float = Field(default=1.0, gt=0)
    batch_size: int | None = Field(default=None, ge=1)
    accumulation: int | None = Field(default=None, ge=1)
    lora: LoraSettings = LoraSettings()
    max_tokens: int | None = Field(default=None, ge=16)
    correction_copies: int = Field(default=1, ge=1, le=4)
    seed: int = Field(default=0, ge=0)
    save_steps: int = Field(default=0, ge=0)
    log_steps: int = Field(default=5, ge=1)
    eval_rows: int = Field(default=100, ge=0)
    eval_batch_size: int | None = Field(default=None, ge=1)
    threads: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _steps(self) -> Self:
        if self.max_steps == 0:
            raise ValueError("max_steps is a positive number, or -1 for no limit")
        return self

    def resolved(self, n_parameters: int) -> TrainConfig:
        """The same settings with every None filled in for a base of `n_parameters` parameters."""
        small = n_parameters < SMALL_MODEL
        warm = self.mode == "warm"
        defaults: dict[str, float | int] = {
            "epochs": 2.0 if warm else 3.0,
            "learning_rate": (5e-4 if warm else 1e-3) if small else (1e-4 if warm else 2e-4),
            "batch_size": 16 if small else 8,
            "accumulation": 1 if small else 2,
            "max_tokens": 1024,
            "eval_batch_size": 32 if small else 8,
        }
        missing = {key: value for key, value in defaults.items() if getattr(self, key) is None}
        return self.model_copy(update=missing)


def read_config(path: Path) -> TrainConfig:
    """Read settings from a JSON file.

    Raises:
        ConfigError: the file cannot be read or holds a setting that is not known or out of range.
    """
    try:
        return TrainConfig.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"Expected training settings in {path}; it cannot be read ({error.strerror}).") from error
    except ValidationError as error:
        raise ConfigError(f"Expected training settings in {path}; {_first_problem(error)}") from error


def make_config(**settings: object) -> TrainConfig:
    """Settings from keyword arguments; those that are None keep their default.

    Raises:
        ConfigError: a setting is not known or out of range.
    """
    try:
        return TrainConfig.model_validate({key: value for key, value in settings.items() if value is not None})
    except ValidationError as error:
        raise ConfigError(f"Expected training settings; {_first_problem(error)}") from error


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in problem["loc"]) or "the settings"
    return f"{where}: {problem['msg'][0].lower()}{problem['msg'][1:]}, found {problem['input']!r:.60}."
