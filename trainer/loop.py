"""The optimisation loop: transformers' Trainer with our batches, our order of rows and our safeguards."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from trainer.config import TrainConfig
from trainer.examples import Collator, Example, answer_loss, as_dataset
from trainer.model import Loaded
from trainer.progress import Diverged, Progress, Stop, mark_complete

_WINDOW = 50


def ordered(examples: Sequence[Example], config: TrainConfig) -> list[Example]:
    """The rows of all epochs in the order in which they are shown, the same for the same seed.

    Rows of like length share a batch, so that little is padded; batches come in random order, but the one with the
    longest row first, so that a model which does not fit the memory shows it at once.
    """
    size = (config.batch_size or 1) * (config.accumulation or 1)
    n_wanted = round(len(examples) * (config.epochs or 1))
    shown: list[Example] = []
    epoch = 0
    while len(shown) < n_wanted:
        generator = torch.Generator().manual_seed(config.seed * 10_007 + epoch)
        order = torch.randperm(len(examples), generator=generator).tolist()
        batches: list[list[int]] = []
        for start in range(0, len(order), _WINDOW * size):
            window = sorted(order[start : start + _WINDOW * size], key=lambda i: -len(examples[i].tokens))
            batches += [window[at : at + size] for at in range(0, len(window), size)]
        # A short last batch stays last: in between it would shift the rows of every batch after it.
        full, rest = [b for b in batches if len(b) == size], [b for b in batches if len(b) < size]
        mixed = [full[i] for i in torch.randperm(len(full), generator=generator).tolist()]
        shown += [examples[i] for batch in [*_longest_first(mixed, examples), *rest] for i in batch]
        epoch += 1
    return shown[:n_wanted]


def _longest_first(batches: list[list[int]], examples: Sequence[Example]) -> list[list[int]]:
    if not batches:
        return batches
    longest = max(range(len(batches)), key=lambda number: len(examples[batches[number][0]].tokens))
    return [batches[longest], *batches[:longest], *batches[longest + 1 :]]


def count_steps(n_shown: int, config: TrainConfig) -> int:
    """Optimiser steps for so many rows."""
    passes = math.ceil(n_shown / (config.batch_size or 1))
    n_steps = math.ceil(passes / (config.accumulation or 1))
    return min(n_steps, config.max_steps) if config.max_steps > 0 else n_steps


def fit_memory(config: TrainConfig, longest: int, n_bytes: float, n_bytes_per_token: float) -> TrainConfig:
    """The same steps with smaller batches and more accumulation, where the longest rows would not fit the memory."""
    size, accumulation = config.batch_size or 1, config.accumulation or 1
    while size > 1 and size * longest * n_bytes_per_token > n_bytes:
        size, accumulation = (size + 1) // 2, accumulation * 2
    return config.model_copy(update={"batch_size": size, "accumulation": accumulation})


def memory_for_training(loaded: Loaded) -> tuple[float, float]:
    """Bytes that activations may take, and bytes that they take per token; from sizes only, so alike every time.

    A layer keeps about 46 bytes per token and unit of width in 16 bits (measured on an 8B model), twice that in fp32.
    """
    model_config = loaded.model.config
    per_unit = 92 if loaded.device.type == "cpu" else 46
    per_token = float(model_config.num_hidden_layers * model_config.hidden_size * per_unit)
    weights = sum(p.numel() * p.element_size() for p in loaded.model.parameters())
    if loaded.device.type == "cuda":
        return 0.9 * torch.cuda.get_device_properties(loaded.device).total_memory - weights, per_token
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return 0.3 * total - weights, per_token  # the desk and its worker run on the same machine


def arguments(config: TrainConfig, output: Path, n_steps: int, eval_steps: int, loaded: Loaded) -> Any:
    """The Trainer's settings. Rows come in the order of `ordered`, so one pass over them is the whole run."""
    on_gpu = loaded.device.type == "cuda"
    use_bf16 = on_gpu and torch.cuda.is_bf16_supported(including_emulation=False)
    return TrainingArguments(
        output_dir=str(output),
        num_train_epochs=1,
        max_steps=n_steps,
        train_sampling_strategy="sequential",
        per_device_train_batch_size=config.batch_size,
        gradient_accumulation_steps=config.accumulation,
        per_device_eval_batch_size=config.eval_batch_size,
        learning_rate=config.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=round(config.warmup_ratio * n_steps),
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
        optim="adamw_torch_fused" if on_gpu else "adamw_torch",
        bf16=use_bf16,
        fp16=on_gpu and not use_bf16,
        use_cpu=not on_gpu,
        eval_strategy="steps" if eval_steps else "no",
        eval_steps=eval_steps or None,
        prediction_loss_only=True,
        save_strategy="steps",
        save_steps=config.save_steps or max(1, n_steps // 10),
        save_total_limit=2,
        logging_steps=config.log_steps,
        logging_nan_inf_filter=False,  # the default would log a loss of 0.0 for a model that is lost
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=on_gpu,
        seed=config.seed,
        ddp_find_unused_parameters=False,
    )


class RunCallback(TrainerCallback):  # type: ignore[misc]  # the library has no types
    """Watches over a run: tells its progress, marks checkpoints, stops it when asked to or when it is lost."""

    def __init__(self, progress: Progress, stop: Stop) -> None:
        self._progress, self._stop = progress, stop
        self._began, self._first, self._n_rows = time.monotonic(), 0, 0
        self.loss: float | None = None
        self._eval_loss: float | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Start the clock."""
        self._began, self._first = time.monotonic(), state.global_step
        self._n_rows = args.per_device_train_batch_size * args.gradient_accumulation_steps
        self._progress.tell("training", step=state.global_step, n_steps=state.max_steps)

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, *, model: Any, **_: Any) -> None:
        """Refuse a step that would make the adapter useless; afterwards it is too late."""
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        total = torch.stack([gradient.float().sum() for gradient in gradients]).sum()
        if not bool(torch.isfinite(total)):
            raise Diverged(
                f"Expected finite gradients at step {state.global_step + 1}; found NaN or infinity. "
                "Training stopped at the last good checkpoint: lower the learning rate."
            )

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Tell where the run stands, and save and stop if asked to."""
        seconds = (time.monotonic() - self._began) / max(1, state.global_step - self._first)
        self._progress.tell(
            "training",
            force=False,
            step=state.global_step,
            n_steps=state.max_steps,
            eta_s=round(seconds * (state.max_steps - state.global_step), 1),
            samples_per_s=round(self._n_rows / seconds, 2),
        )
        if self._stop.signal_number is not None:
            control.should_save = control.should_training_stop = True

    def on_log(self, args: Any, state: Any, control: Any, *, logs: dict[str, Any], **_: Any) -> None:
        """Write the figures down."""
        names = ("loss", "eval_loss", "learning_rate", "grad_norm")
        values = {name: float(logs[name]) for name in names if name in logs}
        if not values:
            return
        if not math.isfinite(values.get("loss", 0.0)):
            raise Diverged(f"Expected a finite loss at step {state.global_step}; found none. Lower the learning rate.")
        self.loss = values.get("loss", self.loss)
        if "eval_loss" in values:
            self._eval_loss = values["eval_loss"]
        elapsed = max(time.monotonic() - self._began, 1e-9)
        values["samples_per_s"] = round(self._n_rows * (state.global_step - self._first) / elapsed, 3)
        self._progress.log(state.global_step, state.max_steps, values)
        self._progress.tell("training", step=state.global_step, loss=self.loss, eval_loss=self._eval_loss)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Everything of the checkpoint is written now."""
        mark_complete(Path(args.output_dir) / f"checkpoint-{state.global_step}")


def run_loop(
    loaded: Loaded,
    config: TrainConfig,
    rows: tuple[Sequence[Example], Sequence[Example]],
    checkpoints: Path,
    resume: Path | None,
    watch: tuple[Progress, Stop],
) -> tuple[int, int, float | None]:
    """Train the adapter of `loaded`.

    Args:
        loaded: a model that is ready to train.
        config: resolved settings.
        rows: training and evaluation examples.
        checkpoints: directory for checkpoints.
        resume: a complete checkpoint to go on from.
        watch: where progress is told, and what may ask to stop.

    Returns:
        Steps done, steps planned, last loss or None where no step was logged.

    Raises:
        Diverged: loss or gradients became NaN or infinite.
    """
    config = fit_memory(config, max(len(e.tokens) for e in rows[0]), *memory_for_training(loaded))
    shown = ordered(rows[0], config)
    n_steps = count_steps(len(shown), config)
    eval_steps = max(1, count_steps(len(rows[0]), config)) if rows[1] else 0
    callback = RunCallback(*watch)
    trainer = Trainer(
        model=loaded.model,
        args=arguments(config, checkpoints, n_steps, eval_steps, loaded),
        train_dataset=as_dataset(shown),
        eval_dataset=as_dataset(rows[1]),
        data_collator=Collator(loaded.tokenizer.pad_token_id or 0),
        compute_loss_func=answer_loss,
        callbacks=[callback],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    return int(trainer.state.global_step), n_steps, callback.loss
