"""The optimisation loop: transformers' Trainer with our batches, our order of rows and our safeguards."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from trainer.adapter.manifest import WEIGHTS
from trainer.config import TrainConfig
from trainer.model.loading import Loaded
from trainer.run.learning.checkpoints import WRITING, complete, find_best, keep_newest, writing_place
from trainer.run.learning.examples import Collator, Example, answer_loss, as_dataset
from trainer.run.learning.memory_fit import Fit
from trainer.run.learning.ranks import Ranks
from trainer.run.progress import Diverged, Progress, Stop

_WINDOW = 50


def order_rows(examples: Sequence[Example], config: TrainConfig) -> list[Example]:
    """The rows of all epochs in the order in which they are shown, the same for the same seed.

    Rows of like length share a step, so that little is padded; steps come in random order, but the one with the
    longest row first, so that a model which does not fit the memory shows it at once. Rows that an epoch leaves over
    share a step with the first of the next one.
    """
    size = config.rows_per_step
    n_wanted = round(len(examples) * (config.epochs or 1))
    shown: list[Example] = []
    epoch = 0
    while len(shown) < n_wanted:
        generator = torch.Generator().manual_seed(config.seed * 10_007 + epoch)
        order = torch.randperm(len(examples), generator=generator).tolist()
        n_pending = -len(shown) % size
        pending, order = order[:n_pending], order[n_pending:]
        shown += [examples[i] for i in pending + _group_rows(order, examples, size, generator, config.group_by_length)]
        epoch += 1
    return shown[:n_wanted]


def _group_rows(
    order: list[int], examples: Sequence[Example], size: int, generator: torch.Generator, by_length: bool
) -> list[int]:
    """The rows of an epoch, those of a step together; a short last step stays last."""
    if not by_length:
        return order
    batches: list[list[int]] = []
    for start in range(0, len(order), _WINDOW * size):
        window = sorted(order[start : start + _WINDOW * size], key=lambda i: -len(examples[i].tokens))
        batches += [window[at : at + size] for at in range(0, len(window), size)]
    full, rest = [b for b in batches if len(b) == size], [b for b in batches if len(b) < size]
    mixed = [full[i] for i in torch.randperm(len(full), generator=generator).tolist()]
    return [i for batch in [*_sort_longest_first(mixed, examples), *rest] for i in batch]


def _sort_longest_first(batches: list[list[int]], examples: Sequence[Example]) -> list[list[int]]:
    if not batches:
        return batches
    longest = max(range(len(batches)), key=lambda number: len(examples[batches[number][0]].tokens))
    return [batches[longest], *batches[:longest], *batches[longest + 1 :]]


def count_steps(n_shown: int, config: TrainConfig) -> int:
    """Optimiser steps for so many rows."""
    n_steps = math.ceil(n_shown / config.rows_per_step)
    return min(n_steps, config.max_steps) if config.max_steps > 0 else n_steps


def planned_steps(n_examples: int, config: TrainConfig) -> int:
    """Optimiser steps of the run."""
    return count_steps(round(n_examples * (config.epochs or 1)), config)


def checkpoint_every(config: TrainConfig, n_steps: int) -> int:
    """Steps between checkpoints; where nothing is said, ends of log lines, so that a resumed run logs the same."""
    if config.save_steps:
        return config.save_steps
    return math.ceil(max(1, n_steps // 10) / config.log_steps) * config.log_steps


def arguments(config: TrainConfig, fit: Fit, output: Path, n_steps: int, eval_steps: int, loaded: Loaded) -> Any:
    """The Trainer's settings. Rows come in the order of `order_rows`, so one pass over them is the whole run."""
    on_gpu = loaded.device.type == "cuda"
    adamw = "adamw_torch_fused" if on_gpu else "adamw_torch"
    return TrainingArguments(
        output_dir=str(output),
        num_train_epochs=1,
        max_steps=n_steps,
        train_sampling_strategy="sequential",
        per_device_train_batch_size=fit.batch_size,
        gradient_accumulation_steps=fit.accumulation,
        per_device_eval_batch_size=config.eval_batch_size,
        learning_rate=config.learning_rate,
        lr_scheduler_type=config.schedule,
        warmup_steps=config.n_warmup(n_steps),
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
        optim=adamw if config.optimizer == "adamw" else config.optimizer,
        bf16=config.precision == "bf16",
        fp16=config.precision == "fp16",
        use_cpu=not on_gpu,
        eval_strategy="steps" if eval_steps else "no",
        eval_steps=eval_steps or None,
        prediction_loss_only=True,
        save_strategy="steps",
        save_steps=checkpoint_every(config, n_steps),
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
    """Watches over a run: tells its progress, keeps checkpoints, stops it when asked to or when it is lost."""

    def __init__(self, config: TrainConfig, checkpoints: Path, ranks: Ranks, watch: tuple[Progress, Stop]) -> None:
        self._config, self._checkpoints, self._ranks = config, checkpoints, ranks
        self._progress, self._stop = watch
        self._began, self._first, self._n_rows = time.monotonic(), 0, config.rows_per_step
        self._trainable: list[torch.nn.Parameter] = []
        self.loss: float | None = None
        self._eval: tuple[int, float] | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, *, model: Any, **_: Any) -> None:
        """Start the clock."""
        self._trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self._began, self._first = time.monotonic(), state.global_step
        self._progress.tell("training", step=state.global_step, n_steps=state.max_steps)

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Refuse a step that would make the adapter useless; afterwards it is too late.

        In fp16 the gradient scaler leaves such steps out by itself, and the loss is what is watched.
        """
        if args.fp16:
            return
        gradients = [p.grad for p in self._trainable if p.grad is not None]
        if not bool(torch.isfinite(torch.nn.utils.get_total_norm(gradients))):
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
        if self._ranks.any(self._stop.signal_number is not None):
            control.should_save = control.should_training_stop = True
        elif self._config.keep_best and state.global_step >= state.max_steps:
            control.should_evaluate = control.should_save = True  # the last state is a candidate like any other

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
            self._eval = state.global_step, values["eval_loss"]
        elapsed = max(time.monotonic() - self._began, 1e-9)
        values["samples_per_s"] = round(self._n_rows * (state.global_step - self._first) / elapsed, 3)
        self._progress.log(state.global_step, state.max_steps, values)
        self._progress.tell("training", step=state.global_step, loss=self.loss, eval_loss=self._eval and self._eval[1])

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Everything of the checkpoint is written now: make it visible."""
        self._ranks.wait()
        if self._ranks.is_main:
            is_measured = self._eval is not None and self._eval[0] == state.global_step
            complete(self._checkpoints, state.global_step, self._eval[1] if self._eval and is_measured else None)
            keep_newest(self._checkpoints, self._config.keep_checkpoints)
        self._ranks.wait()


def run_loop(
    loaded: Loaded,
    config: TrainConfig,
    fit: Fit,
    rows: tuple[Sequence[Example], Sequence[Example]],
    checkpoints: Path,
    resume: Path | None,
    watch: tuple[Progress, Stop],
    ranks: Ranks = Ranks(),  # noqa: B008 - immutable
) -> tuple[int, int, float | None]:
    """Train the adapter of `loaded`.

    Args:
        loaded: a model that is ready to train.
        config: resolved settings.
        fit: how a step is done.
        rows: training and evaluation examples.
        checkpoints: directory for checkpoints.
        resume: a complete checkpoint to go on from.
        watch: where progress is told, and what may ask to stop.
        ranks: this process among those of the run.

    Returns:
        Steps done, steps planned, last loss or None where no step was logged.

    Raises:
        Diverged: loss or gradients became NaN or infinite.
    """
    shown = order_rows(rows[0], config)
    # Every step has the same number of rows, whatever number of processes shares it.
    shown += [shown[number % len(shown)] for number in range(-len(shown) % config.rows_per_step)]
    n_steps = planned_steps(len(rows[0]), config)
    eval_steps = (config.eval_steps or max(1, count_steps(len(rows[0]), config))) if rows[1] else 0
    callback = RunCallback(config, checkpoints, ranks, watch)
    if ranks.is_main:
        writing_place(checkpoints)
    ranks.wait()
    told = arguments(config, fit, checkpoints / WRITING, n_steps, eval_steps, loaded)
    if ranks.size == 1 and told.n_gpu > 1:
        told._n_gpu = 1  # the Trainer would count every GPU of the machine in, for a run that is on one of them
    trainer = Trainer(
        model=loaded.model,
        args=told,
        train_dataset=as_dataset(shown),
        eval_dataset=as_dataset(rows[1]),
        data_collator=Collator(loaded.tokenizer.pad_token_id or 0, config.loss),
        compute_loss_func=answer_loss if config.loss == "answer" else None,
        callbacks=[callback],
    )
    trainer.remove_callback(PrinterCallback)
    if config.lean:
        _spare_bookkeeping(trainer)
    trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    n_done = int(trainer.state.global_step)
    if config.keep_best and n_done >= n_steps:
        _take_best(loaded.model, checkpoints)
    return n_done, n_steps, callback.loss


def _spare_bookkeeping(trainer: Any) -> None:
    """Leave out two walks over all modules at every pass: 30 ms of about 200 on an 8B model.

    One counts floating-point operations, which nobody reads; the other switches to training what is in training.
    """
    model, switch = trainer.model, trainer.model.train
    trainer.floating_point_ops = lambda inputs: 0
    model.train = lambda mode=True: model if model.training == mode else switch(mode)


def _take_best(model: Any, checkpoints: Path) -> None:
    """Put the weights of the best checkpoint into the model."""
    from peft import set_peft_model_state_dict
    from safetensors.torch import load_file

    best = find_best(checkpoints)
    if best is not None:
        set_peft_model_state_dict(model, load_file(best.path / WEIGHTS))
