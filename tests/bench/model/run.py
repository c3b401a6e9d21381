"""A measurement from its options: which model, which notes, which ways."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from data.snapshot import Row, read_rows
from data.storage.locations import EMBEDDED
from data.synthetic.sets.shipped import LABELLED
from data.task import DEFAULT_TASK, Task, load_task
from tests.bench.model.accuracy import KINDS, compare_weights
from tests.bench.model.curve import draft_curve
from tests.bench.model.geometry import GEOMETRIES, random_model
from tests.bench.model.prefill import Settings, bench_prefill
from trainer.engine.choose_forward import usual_weights
from trainer.engine.forward.int8 import runs_in_int8
from trainer.engine.local import Engine
from trainer.model.adapter_checks import skeleton
from trainer.model.loading import Loaded, choose_device, load_for_serving, load_model

__all__ = ["GEOMETRIES", "BenchError", "Options", "run_prefill"]

N_CURVE = 48
LENGTHS = {2000: 3, 5000: 10}
"""Characters of longer notes, and which part of the notes is answered at that length: the usual ones have about 410."""


class BenchError(ValueError):
    """A measurement that cannot be made; the message says what to do."""


@dataclass(frozen=True)
class Options:
    """What is measured.

    Attributes:
        data: labelled notes; the samples where there is none. The last third is answered, the rest is known before.
        geometry: sizes of a known model, with random weights; None for the embedded model.
        tokenizer: directory of another tokenizer, for a geometry.
        notes: notes answered in bulk; None for what suits the device.
        accuracy: notes on which kinds of weights are compared; 0 for none.
        device: `cpu`, `cuda`, or None for the GPU where there is one.
        threads: CPU threads for every way.
    """

    data: Path | None = None
    geometry: str | None = None
    tokenizer: Path | None = None
    notes: int | None = None
    accuracy: int = 0
    device: str | None = None
    threads: int | None = None


def run_prefill(options: Options, say: Callable[[str], None] = lambda line: None) -> dict[str, Any]:
    """Measure pre-fill; see `tests.bench.model.prefill`.

    Raises:
        BenchError: there are too few notes, or no GPU for a large geometry.
        ModelError: the model cannot be loaded.
        SnapshotError: the file of labelled notes cannot be read.
    """
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.geometry not in (None, *GEOMETRIES):
        raise BenchError(f"Expected one of {', '.join(GEOMETRIES)} as the geometry; found {options.geometry!r}.")
    device = choose_device(options.device)
    if options.geometry and device.type != "cuda":
        raise BenchError("Expected a GPU for a large geometry; found none. Leave --geometry out to use this machine.")
    task = load_task(DEFAULT_TASK)
    known, rows = _split(read_rows(task, options.data or LABELLED))
    load = _loader(options, device)
    n_bulk = options.notes or (600 if device.type == "cuda" else 64)
    if len(rows) < 16:
        raise BenchError(f"Expected at least 48 labelled notes; found {len(known) + len(rows)}. Name a larger file.")
    settings = _settings(options, device, min(n_bulk, len(rows)))
    result: dict[str, Any] = {"what": "prefill", "model": options.geometry or "embedded"}
    replay = options.geometry is not None
    load_dense = _loader(options, device, dense=True)
    result |= bench_prefill(load, task, rows, known, settings, replay=replay, load_dense=load_dense, say=say)
    if options.geometry is None:
        engine = Engine(load(), task, alternatives=None)
        result["drafts"] = draft_curve(engine, rows[:N_CURVE], known, say)
    if options.accuracy:
        result["accuracy"] = _accuracy(options, device, task, known, rows, say)
    return result


def _settings(options: Options, device: torch.device, n_bulk: int) -> Settings:
    sizes = (16, 64, 128, 256) if device.type == "cuda" else (16, 64)
    batches = tuple(size for size in sizes if size <= n_bulk)
    lengths = {length: max(8, n_bulk // part) for length, part in LENGTHS.items()}
    engines: dict[str, dict[str, Any]]
    if options.geometry:
        engines = {"engine nf4": {"weights": "nf4"}, "engine bf16": {"weights": "bf16"}}
        return Settings(n_single=4, n_bulk=n_bulk, batches=batches, engines=engines, lengths=lengths)
    n_parameters = sum(parameter.numel() for parameter in skeleton(EMBEDDED / "base").parameters())
    usual = usual_weights(n_parameters, on_cpu=device.type == "cpu")
    engines = {
        f"engine {usual}": {},
        f"engine {usual}, no alternatives": {"alternatives": None, "longer": False},
        f"engine {usual}, nothing known": {"known": False, "longer": False},
    }
    others = ("fp32", "bf16", "int8") if device.type == "cpu" and runs_in_int8() else ("fp32", "bf16")
    engines |= {f"engine {kind}": {"weights": kind, "longer": False} for kind in others if kind != usual}
    return Settings(n_single=8, n_bulk=n_bulk, batches=batches, engines=engines, lengths=lengths)


def _loader(options: Options, device: torch.device, *, dense: bool = False) -> Callable[[], Loaded]:
    if options.geometry is None:
        return lambda: load_model(EMBEDDED / "base", EMBEDDED / "adapter", device=str(device), dense=dense)
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    chosen = str(options.tokenizer or EMBEDDED / "base")
    kind = PreTrainedTokenizerFast if options.tokenizer else AutoTokenizer
    tokenizer = kind.from_pretrained(chosen, local_files_only=True)
    geometry = options.geometry
    return lambda: random_model(geometry, tokenizer, device, dense=dense)


def _accuracy(
    options: Options, device: torch.device, task: Task, known: list[Row], rows: list[Row], say: Callable[[str], None]
) -> dict[str, Any]:
    def load() -> Loaded:
        return load_for_serving(EMBEDDED / "base", EMBEDDED / "adapter", device=str(device))

    kinds = (*KINDS, "int8") if device.type == "cpu" and runs_in_int8() else KINDS
    return compare_weights(load, task, rows[: options.accuracy], known, kinds=kinds, say=say)


def _split(rows: list[Row]) -> tuple[list[Row], list[Row]]:
    """Notes that were reviewed before, and those that are answered."""
    cut = len(rows) - len(rows) // 3
    return rows[:cut], rows[cut:]
