"""What a training run is told: optimisation, LoRA and limits, with presets and with defaults for a base's size.

Every setting is described once, in its `description`: the presets' comments and `--help` say the same sentence.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

SMALL_MODEL = 500_000_000
"""Bases with fewer parameters than this get the settings of the embedded one."""
FEW_WEIGHTS = 60_000_000
"""A base with fewer parameters than this answers and learns in fp32 on a CPU: reading them is not what costs there."""
ROWS_PER_STEP = 16
"""Rows in one optimiser step where the settings do not say."""
FEWEST_STEPS = 150
"""Steps that a run should have: with a few dozen, measured on the embedded model, a new convention is not learned."""
MOST_EPOCHS = 10.0
"""How often the same rows are shown to reach them."""
LEAST_STEPS = 100
"""Steps that a run on few rows gets all the same: on the embedded model 54 rows shown ten times in 34 steps taught
nothing (.54 right on unseen notes, as before), shown thirty times in 102 steps as much as twice the rows (.68)."""
MOST_EPOCHS_OF_FEW = 40.0
"""How often few rows are shown to reach those."""
PRESETS = Path(__file__).parent / "presets"
DEFAULT_PRESET = "fast"
AUTO = "auto"
"""In a preset and on a command line: leave this setting to the trainer."""


class ConfigError(ValueError):
    """Settings that a run cannot use; the message says which and what to do."""


class LoraSettings(BaseModel):
    """Shape of the adapter. The defaults are those of the published one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    r: int = Field(default=16, ge=1, le=512, description="Rank of the adapter.")
    alpha: int = Field(default=32, ge=1, description="Scale of the adapter: its product is multiplied by alpha / r.")
    dropout: float = Field(default=0.1, ge=0, lt=1, description="Share of an adapter's inputs that training drops.")
    targets: tuple[str, ...] = Field(
        default=("q_proj", "k_proj", "v_proj", "o_proj"),
        min_length=1,
        description="Linear layers that get an adapter, by the last part of their name.",
    )


class TrainConfig(BaseModel):
    """Settings of one run. A None is filled in by `resolve`, or on a GPU by a probe step."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Literal["full", "warm"] = Field(
        default="full", description="full: a fresh adapter on everything; warm: on from the parent adapter."
    )
    epochs: float | None = Field(
        default=None,
        gt=0,
        le=1000,
        description="Passes over the training rows; auto: 3, warm 2; for few rows up to 10 to make 150 steps, "
        "up to 40 to make 100.",
    )
    max_steps: int = Field(default=-1, ge=-1, description="Stop after this many optimiser steps; -1 for no limit.")
    learning_rate: float | None = Field(default=None, gt=0, le=1, description="Peak learning rate.")
    schedule: Literal["cosine", "linear"] = Field(
        default="cosine", description="How the rate falls to zero after the warm-up: cosine or linear."
    )
    warmup: float = Field(
        default=0.05, ge=0, description="Steps in which the rate rises; below 1 it is a share of all steps."
    )
    weight_decay: float = Field(default=0.0, ge=0, description="Weight decay of the optimiser.")
    max_grad_norm: float = Field(default=1.0, gt=0, description="Gradients are scaled down to this norm.")
    optimizer: Literal["adamw", "paged_adamw_8bit"] = Field(
        default="adamw", description="adamw in fp32, or bitsandbytes' paged 8-bit AdamW (GPU only)."
    )
    batch_size: int | None = Field(
        default=None, ge=1, description="Rows in one forward pass; auto: as many as a probe step finds room for."
    )
    accumulation: int | None = Field(
        default=None, ge=1, description="Forward passes in one optimiser step; auto: what makes 16 rows a step."
    )
    precision: Literal["bf16", "fp16", "fp32"] | None = Field(
        default=None, description="Arithmetic: bf16, fp16 or fp32; auto: bf16 where the GPU has it, fp32 on a CPU."
    )
    upcast: bool = Field(
        default=False, description="Keep embeddings, norms and head in fp32, as PEFT's k-bit preparation does."
    )
    gradient_checkpointing: bool | None = Field(
        default=None, description="Compute activations again in the backward pass; auto: only where memory needs it."
    )
    compile: bool | None = Field(
        default=None,
        description="Compile the layers with torch.compile; auto: for a large base and a long run on a GPU.",
    )
    lean: bool = Field(
        default=True,
        description="Unpack the scales of the 4-bit weights once, and spare the Trainer's bookkeeping at every pass.",
    )
    loss: Literal["answer", "all"] = Field(
        default="answer", description="Tokens that are learned: those of the answer, or all including the prompt's."
    )
    group_by_length: bool = Field(
        default=True, description="Put rows of similar length in one batch, so that little is padded."
    )
    lora: LoraSettings = Field(default=LoraSettings(), description="Shape of the adapter.")
    max_tokens: int | None = Field(
        default=2048, ge=16, description="Longest prompt and answer together; a longer row is left out, never cut."
    )
    correction_copies: int = Field(
        default=2, ge=1, le=2, description="How often a corrected note is shown in an epoch; every other note, once."
    )
    correction_share: float = Field(
        default=0.3, gt=0, le=1, description="Corrected notes are repeated only up to this share of an epoch's tokens."
    )
    replay: int = Field(
        default=3, ge=2, le=4, description="In warm mode, originals that are shown again for each reviewed note."
    )
    seed: int = Field(default=0, ge=0, description="Seed of everything random.")
    log_steps: int = Field(default=5, ge=1, description="Optimiser steps between log lines.")
    eval_steps: int = Field(
        default=0, ge=0, description="Optimiser steps between two losses on rows that are not learned; 0: every epoch."
    )
    eval_rows: int = Field(default=100, ge=0, description="Rows this loss is computed on; 0 for none.")
    eval_batch_size: int | None = Field(default=None, ge=1, description="Rows in one forward pass of such a check.")
    save_steps: int = Field(
        default=0, ge=0, description="Optimiser steps between checkpoints; 0 for ten checkpoints in the run."
    )
    keep_checkpoints: int = Field(default=2, ge=1, description="Checkpoints to keep, besides the best one.")
    keep_best: bool = Field(
        default=False,
        description="End with the checkpoint of the lowest such loss, taken on training rows that are set aside.",
    )
    threads: int = Field(default=0, ge=0, description="CPU threads; 0 lets torch choose.")
    memory_gib: float | None = Field(
        default=None, gt=0, description="GPU memory the process may use, in GiB; auto: all of it."
    )

    @model_validator(mode="before")
    @classmethod
    def _auto_is_none(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        return {key: None if value == AUTO else value for key, value in values.items()}

    @model_validator(mode="after")
    def _steps(self) -> Self:
        if self.max_steps == 0:
            raise ValueError("max_steps is a positive number, or -1 for no limit")
        return self

    def resolve(self, n_parameters: int) -> TrainConfig:
        """The same settings with what follows from the size of the base filled in.

        The batch of a large base, its checkpointing and compilation stay open for the probe, see
        `trainer.run.learning.memory_fit`, and the epochs until the rows are counted, see `with_epochs`.
        """
        small, warm = n_parameters < SMALL_MODEL, self.mode == "warm"
        defaults: dict[str, float | int] = {
            "learning_rate": (5e-4 if warm else 1e-3) if small else (1e-4 if warm else 2e-4),
            "max_tokens": 2048,
            "eval_batch_size": 32 if small else 8,
        }
        if small:
            defaults |= {"batch_size": ROWS_PER_STEP, "accumulation": 1}
        missing = {key: value for key, value in defaults.items() if getattr(self, key) is None}
        return self.model_copy(update=missing)

    def with_epochs(self, n_examples: int) -> TrainConfig:
        """The same settings with the epochs that so many examples need, where they were left open."""
        if self.epochs is not None:
            return self
        usual = 2.0 if self.mode == "warm" else 3.0
        for_few = ((FEWEST_STEPS, MOST_EPOCHS), (LEAST_STEPS, MOST_EPOCHS_OF_FEW))
        needed = [min(most, math.ceil(n_steps * self.rows_per_step / max(1, n_examples))) for n_steps, most in for_few]
        return self.model_copy(update={"epochs": float(max(usual, *needed))})

    @property
    def rows_per_step(self) -> int:
        """Rows in one optimiser step, over all processes."""
        if self.accumulation is None:
            return max(ROWS_PER_STEP, self.batch_size or 1)
        return (self.batch_size or max(1, ROWS_PER_STEP // self.accumulation)) * self.accumulation

    def n_warmup(self, n_steps: int) -> int:
        """Steps in which the rate rises, of `n_steps`."""
        return round(self.warmup) if self.warmup >= 1 else round(self.warmup * n_steps)


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
        raise ConfigError(f"Expected training settings in {path}; {_problems(error)}") from error


def make_config(preset: str = DEFAULT_PRESET, **settings: object) -> TrainConfig:
    """Settings of a preset, changed by keyword arguments; those that are None change nothing.

    Raises:
        ConfigError: there is no such preset, or a setting is not known or out of range; all of them are named.
    """
    given = {key: value for key, value in settings.items() if value is not None}
    values = read_preset(preset)
    lora = given.pop("lora", None)
    if isinstance(lora, Mapping):
        values["lora"] = {**values.get("lora", {}), **lora}
    elif lora is not None:
        values["lora"] = lora
    try:
        return TrainConfig.model_validate({**values, **given})
    except ValidationError as error:
        raise ConfigError(f"Expected training settings; {_problems(error)}") from error


def preset_names() -> list[str]:
    """The presets that there are."""
    return sorted(path.stem for path in PRESETS.glob("*.toml"))


def read_preset(name: str) -> dict[str, Any]:
    """The settings of a preset.

    Raises:
        ConfigError: there is no such preset.
    """
    if name not in preset_names():
        raise ConfigError(f"Expected one of the presets {', '.join(preset_names())}; found {name!r}.")
    return tomllib.loads((PRESETS / f"{name}.toml").read_text(encoding="utf-8"))


def _problems(error: ValidationError) -> str:
    said = []
    for problem in error.errors(include_url=False):
        where = ".".join(str(part) for part in problem["loc"]) or "the settings"
        said.append(f"{where}: {problem['msg'][0].lower()}{problem['msg'][1:]}, found {problem['input']!r:.60}")
    return "; ".join(said) + "."
