"""How a run is cut to the memory that there is: rows in one pass, recomputation, compiled layers.

On a GPU a probe decides: one step on the longest rows, tried from the fastest way to the most frugal. On a CPU, where
too much memory ends the process instead of raising an error, sizes decide.
"""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter, ValidationError

from data.storage.files import save_json
from trainer.config import SMALL_MODEL, TrainConfig
from trainer.model.loading import Loaded
from trainer.run.learning.examples import Collator, Example, answer_loss

LONG_RUN = 300
"""Steps from which compiling the layers, about a minute, pays for itself."""
_SPARE = 0.06
"""Share of the GPU's memory that a probe leaves: batches differ and the allocator fragments."""


@dataclass(frozen=True)
class Fit:
    """One way to do a step.

    Attributes:
        batch_size: rows in one forward pass.
        accumulation: forward passes in one step, of this process.
        checkpointing: whether activations are computed again in the backward pass.
        compiled: whether the layers are compiled.
        n_shrunk: how often memory ran out and the batch was halved.
    """

    batch_size: int
    accumulation: int
    checkpointing: bool
    compiled: bool
    n_shrunk: int = 0

    def shrink(self) -> Fit | None:
        """Half the rows in twice the passes; recomputation where a pass has one row; None where nothing is left."""
        if self.batch_size > 1:
            half = self.batch_size // 2 if self.batch_size % 2 == 0 else 1
            passes = self.accumulation * self.batch_size // half
            return replace(self, batch_size=half, accumulation=passes, n_shrunk=self.n_shrunk + 1)
        return None if self.checkpointing else replace(self, checkpointing=True, n_shrunk=self.n_shrunk + 1)


def read_fit(path: Path) -> Fit | None:
    """What an earlier call on the same run found; None where there was none."""
    try:
        return TypeAdapter(Fit).validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def write_fit(path: Path, fit: Fit) -> None:
    """Keep it, so that a resumed run does the very same steps."""
    save_json(path, TypeAdapter(Fit).dump_python(fit))


def find_fit(loaded: Loaded, examples: Sequence[Example], config: TrainConfig, n_ranks: int, n_steps: int) -> Fit:
    """Choose for this run.

    Args:
        loaded: a model that is ready to train.
        examples: what it is trained on.
        config: resolved settings.
        n_ranks: processes that share a step.
        n_steps: optimiser steps of the run.
    """
    rows = max(1, config.rows_per_step // n_ranks)
    longest = max(len(example.tokens) for example in examples)
    if loaded.device.type != "cuda":
        checkpointing = config.gradient_checkpointing or False
        size = config.batch_size or rows
        fit = Fit(size, max(1, rows // size), checkpointing, config.compile or False)
        return fit_memory(fit, longest, *memory_for_training(loaded))
    compiled = config.compile if config.compile is not None else _pays_to_compile(loaded, n_steps)
    ways = candidates(config, rows, compiled=compiled)
    if len(ways) == 1:
        return ways[0]
    sample = sorted(examples, key=lambda example: -len(example.tokens))[:rows]
    for way in ways[:-1]:
        if _fits(loaded, sample, config, way):
            return way
    return ways[-1]


def candidates(config: TrainConfig, rows: int, *, compiled: bool) -> list[Fit]:
    """Ways to do a step of `rows` rows, the fastest first.

    Recomputation costs a fifth to a third of the time; small passes read the base's weights more often. So 16 to 4
    rows without it come first, then the same with it.
    """
    sizes = [config.batch_size] if config.batch_size else [n for n in (16, 8, 4, 2, 1) if n <= rows and rows % n == 0]
    choices = [False, True] if config.gradient_checkpointing is None else [config.gradient_checkpointing]
    parts = [[n for n in sizes if n >= 4], [n for n in sizes if n < 4]]
    ways = [(size, again) for part in parts for again in choices for size in part]
    return [Fit(size, max(1, rows // size), again, compiled) for size, again in ways]


def apply_fit(model: Any, fit: Fit) -> None:
    """Make the model do its passes in this way."""
    inner = model.get_base_model()
    if fit.checkpointing:
        inner.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    else:
        inner.gradient_checkpointing_disable()
    if fit.compiled:
        for layer in inner.model.layers:
            if layer._compiled_call_impl is None:
                layer.compile(dynamic=True)


def fit_memory(fit: Fit, longest: int, n_bytes: float, n_bytes_per_token: float) -> Fit:
    """The same steps with smaller passes, where the longest rows would not fit the memory."""
    while fit.batch_size > 1 and fit.batch_size * longest * n_bytes_per_token > n_bytes:
        fit = replace(fit.shrink() or fit, n_shrunk=fit.n_shrunk)
    return fit


def memory_for_training(loaded: Loaded) -> tuple[float, float]:
    """Bytes that activations may take on a CPU, and bytes that they take per token; from sizes only, so alike always.

    A layer keeps about 92 bytes per token and unit of width in fp32 (half of it, measured on an 8B model, in 16 bits).
    """
    model_config = loaded.model.config
    per_token = float(model_config.num_hidden_layers * model_config.hidden_size * 92)
    weights = sum(p.numel() * p.element_size() for p in loaded.model.parameters())
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return 0.3 * total - weights, per_token  # the desk and its worker run on the same machine


def autocast(config: TrainConfig, device: torch.device) -> Any:
    """The arithmetic that the Trainer uses, for a step outside it."""
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(config.precision or "")
    return torch.autocast(device.type, dtype or torch.bfloat16, enabled=dtype is not None)


def limit_memory(device: torch.device, gib: float) -> None:
    """Let this process take at most so much of its GPU's memory, as if the GPU were smaller."""
    total = torch.cuda.get_device_properties(device).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, gib * 2**30 / total), device.index or 0)


def free_memory() -> None:
    """Give back what nothing refers to any more."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _pays_to_compile(loaded: Loaded, n_steps: int) -> bool:
    """torch needs a C compiler for it, and small models are not held up by what it makes faster."""
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    is_llama = hasattr(loaded.model.get_base_model(), "model") and hasattr(
        loaded.model.get_base_model().model, "layers"
    )
    return bool(compiler) and is_llama and loaded.n_parameters >= SMALL_MODEL and n_steps >= LONG_RUN


def _fits(loaded: Loaded, sample: Sequence[Example], config: TrainConfig, way: Fit) -> bool:
    """Whether two passes on the longest rows, and the optimiser's state, leave room to spare."""
    free_memory()
    torch.cuda.reset_peak_memory_stats(loaded.device)
    apply_fit(loaded.model, way)
    rows = [{"input_ids": e.tokens, "n_prompt": e.n_prompt} for e in sample[: way.batch_size]]
    batch = {
        key: value.to(loaded.device)
        for key, value in Collator(loaded.tokenizer.pad_token_id or 0, config.loss)(rows).items()
    }
    try:
        for _ in range(2):  # the second meets the first one's gradients
            _one_pass(loaded, batch, config)
        peak = torch.cuda.max_memory_allocated(loaded.device)
    except torch.OutOfMemoryError:
        return False
    finally:
        loaded.model.zero_grad(set_to_none=True)
    trainable = sum(p.numel() * p.element_size() for p in loaded.model.parameters() if p.requires_grad)
    total = torch.cuda.get_device_properties(loaded.device).total_memory
    limit = min(total, (config.memory_gib or float("inf")) * 2**30)
    return bool(peak + 2 * trainable <= (1 - _SPARE) * limit)


def _one_pass(loaded: Loaded, batch: dict[str, torch.Tensor], config: TrainConfig) -> None:
    loaded.model.train()
    with autocast(config, loaded.device):
        if config.loss == "all":
            loss = loaded.model(**batch).loss
        else:
            given = {key: value for key, value in batch.items() if key != "labels"}
            loss = answer_loss(loaded.model(**given), batch["labels"])
    loss.backward()
