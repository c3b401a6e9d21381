"""The learning part of a run: load, cut to the memory, train, check that something was learned, publish."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from data.prompt import load_prompt
from data.snapshot import Row
from data.storage.files import save_json
from data.vocabulary.house_words import HOUSE_WORDS, NONE, collect_house_words
from trainer.adapter.manifest import Manifest, now, publish_adapter, read_manifest
from trainer.config import FEW_WEIGHTS, SMALL_MODEL, TrainConfig
from trainer.engine.forward.int8 import multiplies_bf16
from trainer.model.loading import Loaded, choose_device, compute_dtype, load_model
from trainer.model.lora import save_lora
from trainer.model.nf4 import unpack_scales
from trainer.run.directory import check_disk_space
from trainer.run.job import Job, check_steps
from trainer.run.learning.checkpoints import find_latest
from trainer.run.learning.examples import Encoded, Example, encode_rows
from trainer.run.learning.learned import least_legible_of, longest_of
from trainer.run.learning.memory_fit import Fit, apply_fit, find_fit, free_memory, limit_memory, read_fit, write_fit
from trainer.run.learning.mixture import rows_to_show, with_copies
from trainer.run.progress import Diverged, Interrupted, OutOfMemory, Progress, Stop, TrainError

MAX_SHRUNK = 2
"""How often a run halves its batch when memory runs out."""
_SPARE_BYTES = 64_000_000
_PRECISIONS = {torch.bfloat16: "bf16", torch.float16: "fp16", torch.float32: "fp32"}
DTYPES = {name: dtype for dtype, name in _PRECISIONS.items()}


@dataclass(frozen=True)
class _Rows:
    """What is learned, what the loss is watched on, and what was left out."""

    learned: list[Example]
    watched: list[Example]
    left_out: dict[str, int]

    @property
    def n_left_out(self) -> int:
        """How many rows were left out, for whatever reason."""
        return self.left_out["n_too_long"] + self.left_out["n_refused"]


def learn(job: Job, progress: Progress, stop: Stop) -> tuple[int, float | None]:
    """Train an adapter and publish it in the run's directory.

    Where the GPU's memory runs out, the batch is halved and the passes doubled, at most twice, and the run goes on
    from its last checkpoint.

    Returns:
        Optimiser steps, and the last loss, None where no step was logged in this call.

    Raises:
        TrainError: the run was interrupted, diverged, learned nothing or does not fit the memory.
        ModelError, ConfigError, RunError: what it was given does not fit.
    """
    if job.config.threads:
        torch.set_num_threads(job.config.threads)
    if job.config.memory_gib is not None:
        limit_memory(choose_device(job.device), job.config.memory_gib)
    fit = read_fit(job.run.fit)
    while True:
        try:
            return _learn_once(job, progress, stop, fit)
        except torch.OutOfMemoryError:
            fit = read_fit(job.run.fit)
        fit = _shrink_fit(job, fit)
        free_memory()
        write_fit(job.run.fit, fit)
        progress.tell("loading", message=f"memory ran out: {fit.batch_size} rows a pass from here on")


def _shrink_fit(job: Job, fit: Fit | None) -> Fit:
    found = fit.shrink() if fit is not None and fit.n_shrunk < MAX_SHRUNK and job.ranks.size == 1 else None
    if found is None:
        size = "" if fit is None else f" {fit.batch_size} rows in a pass"
        raise OutOfMemory(
            f"Expected{size or ' the base'} to fit the GPU's memory; it does not. Close other programs on the GPU, "
            "set a smaller batch_size or max_tokens, or set gradient_checkpointing."
        )
    return found


def _learn_once(job: Job, progress: Progress, stop: Stop, fit: Fit | None) -> tuple[int, float | None]:
    from trainer.run.learning.loop import planned_steps, run_loop

    loaded, config = load_for_learning(job)
    rows = _encode_sides(job, loaded, config)
    if job.ranks.is_main:
        save_json(job.run.left_out, rows.left_out)
    config = config.with_epochs(len(rows.learned))
    n_planned = planned_steps(len(rows.learned), config)
    check_steps(config, n_planned)
    before = {key: p.detach().cpu().clone() for key, p in loaded.model.named_parameters() if p.requires_grad}
    n_bytes = sum(tensor.numel() * 4 for tensor in before.values())
    # Weights and two moments for each checkpoint that is kept, the best one, and one that is being written.
    check_disk_space(job.run.path, (config.keep_checkpoints + 2) * 3 * n_bytes + _SPARE_BYTES)
    stop.check()
    job.run.checkpoints.mkdir(exist_ok=True)
    if fit is None:
        progress.tell("loading", message="finding out how many notes fit the memory")
        fit = job.ranks.from_main(find_fit(loaded, rows.learned, config, job.ranks.size, n_planned))
        if job.ranks.is_main:
            write_fit(job.run.fit, fit)
    apply_fit(loaded.model, fit)
    progress.tell("loading", message="", rows_per_pass=fit.batch_size, n_left_out=rows.n_left_out)
    resume = job.ranks.from_main(find_latest(job.run.checkpoints) if job.ranks.is_main else None)
    watch, both = (progress, stop), (rows.learned, rows.watched)
    n_done, n_steps, loss = run_loop(loaded, config, fit, both, job.run.checkpoints, resume, watch, job.ranks)
    if n_done < n_steps:
        raise Interrupted(stop.signal_number or 15)
    _check_learned(loaded, before)
    progress.tell("evaluating", step=n_done, n_steps=n_steps, n_left_out=rows.n_left_out)
    if job.ranks.is_main:
        _publish(job, loaded, rows.learned, config)
    job.ranks.wait()
    loaded.model = None
    free_memory()
    return n_steps, loss


def load_for_learning(job: Job) -> tuple[Loaded, TrainConfig]:
    """A model that is ready to train, and the run's settings with nothing left open but the fit and the epochs."""
    device = choose_device(job.device)
    dtype = DTYPES.get(job.config.precision or "", compute_dtype(device))
    torch.manual_seed(job.config.seed)  # the fresh adapter's weights are drawn from here
    loaded = load_model(
        job.base,
        job.parent if job.config.mode == "warm" else None,
        device=job.device,
        for_training=True,
        allow_hub=job.allow_hub,
        lora=job.config.lora,
        dtype=dtype,
        upcast=job.config.upcast,
        unpack=None if device.type == "cuda" else lambda n: DTYPES[cpu_precision(job.config, n)],
    )
    if job.config.lean:
        unpack_scales(loaded.model)
    config = job.config.resolve(loaded.n_parameters)
    # bf16 of a large base on a CPU is only how its other weights are kept: the arithmetic there is fp32.
    on_gpu = device.type == "cuda"
    precision = _PRECISIONS[dtype] if on_gpu else cpu_precision(job.config, loaded.n_parameters)
    return loaded, config.model_copy(update={"precision": precision})


def cpu_precision(config: TrainConfig, n_parameters: int) -> Literal["bf16", "fp32"]:
    """What a base of so many parameters is trained in on a CPU.

    bf16 takes half the time where the CPU has products of it, and is taken where the settings leave it open.
    """
    is_between = FEW_WEIGHTS <= n_parameters < SMALL_MODEL
    return "bf16" if is_between and config.precision is None and multiplies_bf16() else "fp32"


def _encode_sides(job: Job, loaded: Loaded, config: TrainConfig) -> _Rows:
    prompt = load_prompt(job.task, loaded.prompt_version)
    n_positions = int(getattr(loaded.model.config, "max_position_embeddings", 0) or 0)
    limit = min(config.max_tokens or 2048, n_positions or 2048)  # what lies beyond them the base cannot tell apart

    def encode(rows: Sequence[Row]) -> Encoded:
        return encode_rows(loaded.tokenizer, prompt, rows, max_tokens=limit)

    shown, watched = rows_to_show(job.rows, config), list(job.held_out[: config.eval_rows])
    if config.keep_best:
        shown, watched = set_aside(shown, config.eval_rows)
    learned = encode(shown)
    if not learned.examples:
        raise TrainError(
            f"Expected a row of at most {limit} tokens; all are longer. Raise max_tokens or shorten notes."
        )
    left_out = {"n_too_long": learned.n_too_long, "n_refused": learned.n_refused, "max_tokens": limit}
    return _Rows(with_copies(learned.examples, config), encode(watched).examples, left_out)


def set_aside(rows: Sequence[Row], n_wanted: int) -> tuple[list[Row], list[Row]]:
    """Rows to learn and rows to choose the best checkpoint by, at most a tenth of all.

    The hold-out is not used for that: an adapter that was chosen on it would look better on it than it is. The choice
    follows from the notes' hashes, so it is the same for every run on the same rows.
    """
    n_aside = min(n_wanted, len(rows) // 10)
    by_hash = sorted(rows, key=lambda row: row.content_hash)
    aside = {id(row) for row in by_hash[:n_aside]}
    return [row for row in rows if id(row) not in aside], by_hash[:n_aside]


def _check_learned(loaded: Loaded, before: dict[str, torch.Tensor]) -> None:
    """A run that changed nothing, or left values that are no numbers, must not look like a success."""
    now_there = dict(loaded.model.named_parameters())
    if all(torch.equal(tensor, now_there[key].detach().cpu()) for key, tensor in before.items()):
        raise TrainError("Training did not change the adapter's weights. Check the settings.")
    if not all(bool(torch.isfinite(now_there[key]).all()) for key in before):
        raise Diverged("Expected finite adapter weights after training; found NaN. Lower the learning rate.")


def _publish(job: Job, loaded: Loaded, learned: Sequence[Example], config: TrainConfig) -> None:
    parent = read_manifest(job.parent) if job.parent else None
    went_on_from = loaded.manifest if config.mode == "warm" else None
    house_words = collect_house_words(job.task, job.rows, loaded.house_words if config.mode == "warm" else NONE)
    manifest = Manifest(
        name=job.name,
        base=loaded.base_name,
        base_revision=loaded.base_revision,
        base_digest=None if loaded.base_digest == loaded.base_revision else loaded.base_digest,
        prompt_version=loaded.prompt_version,
        weights_sha256="",
        run=job.run.path.name,
        parent=parent.name if parent else (job.parent.name if job.parent else None),
        snapshot_fingerprint=job.fingerprint,
        n_rows=len(learned),
        longest_prompt=longest_of(learned, went_on_from),
        least_legible=least_legible_of(learned, went_on_from),
        created_at=now(),
        lora=loaded.manifest.lora if loaded.manifest and config.mode == "warm" else config.lora,
    )
    source = job.run.unpublished
    shutil.rmtree(source, ignore_errors=True)
    save_lora(loaded.model, source, loaded.base_name)
    if house_words.n_words:
        save_json(source / HOUSE_WORDS, house_words.to_json())
    publish_adapter(source, job.run.adapter, manifest)
