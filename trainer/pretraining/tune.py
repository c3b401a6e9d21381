"""Tuning all weights of a dense Llama on token sets, in steps that a killed process goes on with.

Right padding needs no mask: causal attention never looks at it, so the fast attention path stays open. The head runs
on the tokens that are learned only. A checkpoint holds weights, optimiser and the number of steps; order of batches
and rate follow from the seed and that number, so that a resumed phase does the very same steps.
"""

from __future__ import annotations

import math
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from data.storage.files import whole_file
from trainer.model.loading import quiet_libraries
from trainer.pretraining.notes.tokens import ANSWER, NOTE, TEXT, TokenSet, batches
from trainer.pretraining.settings import Job, PretrainError
from trainer.pretraining.steps import check_time, say

CHECKPOINT = "checkpoint.pt"
IGNORED = -100
_LOWEST = 0.02  # share of the peak rate that a cosine ends at
_FEWEST_WARM = 10


@dataclass(frozen=True)
class Phase:
    """How one phase learns.

    Attributes:
        name: told in progress lines.
        rate: peak learning rate.
        passes: over the set.
        batch_notes: notes in a step, at most.
        note_weight: weight of the notes' own tokens, beside 1 for the answers'.
        text_weight: of the tokens of texts without an answer.
    """

    name: str
    rate: float
    passes: int
    batch_notes: int
    note_weight: float
    text_weight: float = 0.0


def rate_at(step: int, n_steps: int, peak: float, warmup: float) -> float:
    """Linear warm-up, then a cosine down to a fiftieth of the peak."""
    n_warm = min(max(_FEWEST_WARM, int(warmup * n_steps)), max(1, n_steps // 2))
    if step < n_warm:
        return peak * (step + 1) / n_warm
    cosine = 0.5 * (1 + math.cos(math.pi * (step - n_warm) / max(1, n_steps - n_warm)))
    return peak * (_LOWEST + (1 - _LOWEST) * cosine)


def collate(
    notes: TokenSet, indices: NDArray[np.int64], note_weight: float, pad: int, text_weight: float = 0.0
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Right-padded inputs, labels and weights of the loss, each of shape (notes, longest note)."""
    lengths = notes.lengths[indices]
    shape = len(indices), int(lengths.max())
    inputs = np.full(shape, pad, dtype=np.int64)
    weights = np.zeros(shape, dtype=np.float32)
    for row, (index, length) in enumerate(zip(indices, lengths, strict=True)):
        where = slice(notes.starts[index], notes.starts[index + 1])
        kinds = notes.kinds[where]
        inputs[row, :length] = notes.tokens[where]
        for kind, weight in ((ANSWER, 1.0), (NOTE, note_weight), (TEXT, text_weight)):
            weights[row, :length][kinds == kind] = weight
    labels = np.where(weights > 0, inputs, IGNORED)
    return torch.from_numpy(inputs), torch.from_numpy(labels), torch.from_numpy(weights)


def weighted_loss(model: Any, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Mean cross entropy over the learned tokens, each with its weight."""
    inputs, labels, weights = batch
    hidden = model.model(input_ids=inputs, use_cache=False).last_hidden_state[:, :-1]
    labels, weights = labels[:, 1:], weights[:, 1:]
    keep = labels != IGNORED
    logits = model.lm_head(hidden[keep])
    losses = torch.nn.functional.cross_entropy(logits.float(), labels[keep], reduction="none")
    return (losses * weights[keep]).sum() / weights[keep].sum()


def tune(job: Job, phase: Phase, notes: TokenSet, before: Path, draft: Path) -> Mapping[str, Any]:
    """Tune the model of the directory `before` on `notes`; the result goes into `draft`, with its tokenizer.

    Raises:
        OutOfTime: the job's minutes are over; a checkpoint is left.
        PretrainError: the loss is not finite.
    """
    quiet_libraries()
    from transformers import AutoModelForCausalLM

    torch.manual_seed(job.settings.seed)
    model = AutoModelForCausalLM.from_pretrained(before, dtype=torch.float32, attn_implementation="sdpa")
    model.to(job.device).train()
    embedding = model.get_input_embeddings().weight
    embedding.requires_grad_(job.settings.train_embedding)
    if job.device == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = True
        _compile(job, model)
    loop = _Loop(job, phase, notes, model, draft)
    figures = loop.run()
    model.to(torch.bfloat16).cpu().save_pretrained(draft)
    for path in before.glob("*token*"):
        shutil.copyfile(path, draft / path.name)
    (draft / CHECKPOINT).unlink(missing_ok=True)
    return figures


def _compile(job: Job, model: Any) -> None:
    """Compiled layers are half as fast again; torch needs a C compiler for it."""
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    if job.settings.compiled and compiler:
        torch._dynamo.config.cache_size_limit = 64
        for layer in model.model.layers:
            layer.compile(dynamic=True)


class _Loop:
    """The optimisation of one phase."""

    def __init__(self, job: Job, phase: Phase, notes: TokenSet, model: Any, draft: Path) -> None:
        self._job, self._phase, self._model = job, phase, model
        self._notes, self._n_left_out = notes.without_longer(job.settings.max_tokens)
        if not self._notes.n_notes:
            raise PretrainError(
                f"Expected notes of at most {job.settings.max_tokens:,} tokens for {phase.name}; found none. "
                "Name another file or raise --max-tokens."
            )
        self._checkpoint = draft / CHECKPOINT
        self._weights = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self._optimizer = self._new_optimizer()
        self._plan = [one for number in range(phase.passes) for one in self._pass(number)]
        self._step, self._seconds = 0, 0.0
        self._curve: list[tuple[int, float]] = []
        self._sum, self._since = torch.zeros((), device=job.device), 0

    def run(self) -> dict[str, Any]:
        """All steps that are left; figures of the phase."""
        self._resume()
        n_steps, began, saved, first = len(self._plan), time.monotonic(), time.monotonic(), self._step
        every = max(1, n_steps // 10)
        for indices, batch in self._prepare_batches():
            self._take_step(batch, len(indices))
            if self._step % every == 0 or self._step == n_steps:
                shown = sum(len(part) for part in self._plan[first : self._step])
                self._tell(n_steps, shown / (time.monotonic() - began))
            is_late = self._job.deadline is not None and time.monotonic() > self._job.deadline
            if (is_late or time.monotonic() - saved >= self._job.settings.checkpoint_seconds) and self._step < n_steps:
                self._seconds += time.monotonic() - began
                self._save()
                began, saved, first = time.monotonic(), time.monotonic(), self._step
                check_time(self._job, f"step {self._step} of {n_steps} of {self._phase.name}")
        self._seconds += time.monotonic() - began
        return {
            "n_notes": self._notes.n_notes,
            "n_left_out": self._n_left_out,
            "n_steps": n_steps,
            "n_tokens": int(self._notes.lengths.sum()) * self._phase.passes,
            "longest": int(self._notes.lengths.max()),
            "seconds": round(self._seconds, 1),
            "notes_per_second": round(self._notes.n_notes * self._phase.passes / max(self._seconds, 1e-9), 1),
            "n_trained": sum(p.numel() for p in self._weights.values()),
            "curve": self._curve,
            "device": torch.cuda.get_device_name() if self._job.device == "cuda" else "a CPU",
            "torch": torch.__version__,
        }

    def _pass(self, number: int) -> list[NDArray[np.int64]]:
        settings = self._job.settings
        generator = np.random.default_rng([settings.seed, number])
        return batches(self._notes.lengths, self._phase.batch_notes, settings.batch_tokens, generator)

    def _new_optimizer(self) -> torch.optim.Optimizer:
        decayed = [p for p in self._weights.values() if p.ndim >= 2]
        others = [p for p in self._weights.values() if p.ndim < 2]
        groups = [
            {"params": decayed, "weight_decay": self._job.settings.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, lr=self._phase.rate, betas=(0.9, 0.95), fused=self._job.device == "cuda")

    def _prepare_batches(self) -> Iterator[tuple[NDArray[np.int64], tuple[torch.Tensor, ...]]]:
        """Batches that are left, on their device."""
        pad = self._model.config.pad_token_id or 0
        for indices in self._plan[self._step :]:
            parts = collate(self._notes, indices, self._phase.note_weight, pad, self._phase.text_weight)
            if self._job.device == "cuda":
                parts = tuple(part.pin_memory() for part in parts)  # type: ignore[assignment]
            yield indices, tuple(part.to(self._job.device, non_blocking=True) for part in parts)

    def _take_step(self, batch: tuple[torch.Tensor, ...], n_notes: int) -> None:
        settings = self._job.settings
        rate = rate_at(self._step, len(self._plan), self._phase.rate, settings.warmup)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast(self._job.device, dtype=torch.bfloat16, enabled=self._job.device == "cuda"):
            loss = weighted_loss(self._model, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._weights.values(), 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        self._step += 1
        self._sum, self._since = self._sum + loss.detach(), self._since + 1

    def _tell(self, n_steps: int, notes_per_second: float) -> None:
        mean = float(self._sum) / max(1, self._since)
        if not math.isfinite(mean):
            raise PretrainError(f"Expected a finite loss at step {self._step}; found {mean}. Lower the learning rate.")
        self._sum, self._since = torch.zeros_like(self._sum), 0
        self._curve.append((self._step, round(mean, 4)))
        say(f"{self._phase.name}: step {self._step}/{n_steps} loss {mean:.4f} {notes_per_second:.0f} notes/s")

    def _save(self) -> None:
        """Replace the checkpoint: a killed process leaves the old one or the new one."""
        state = {
            "weights": {name: p.detach().cpu() for name, p in self._weights.items()},
            "optimizer": self._optimizer.state_dict(),
            "step": self._step,
            "seconds": self._seconds,
            "curve": self._curve,
            "sum": float(self._sum),
            "since": self._since,
        }
        with whole_file(self._checkpoint) as file:
            torch.save(state, file)

    def _resume(self) -> None:
        for left in self._checkpoint.parent.glob(f".{self._checkpoint.name}.*.tmp"):
            left.unlink()  # of a process that was killed as it saved
        if not self._checkpoint.is_file():
            return
        state = torch.load(self._checkpoint, map_location=self._job.device, weights_only=True)
        with torch.no_grad():
            for name, parameter in self._weights.items():
                parameter.copy_(state["weights"][name])
        self._optimizer.load_state_dict(state["optimizer"])
        self._step, self._seconds = state["step"], state["seconds"]
        self._curve = [(int(at), float(loss)) for at, loss in state["curve"]]
        self._sum, self._since = torch.full_like(self._sum, state["sum"]), state["since"]
        say(f"{self._phase.name}: goes on after step {self._step}")
