"""Training measured side by side: the published recipe and the fast one, each in a process of its own.

A process of its own gives each its own peak of memory. Where the large base's files are not there, its sizes with
random weights give true speed and memory: neither depends on the weights' values.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from data.prompt import load_prompt
from data.snapshot import read_rows
from data.storage.locations import EMBEDDED
from data.synthetic.sets.shipped import LABELLED
from data.task import DEFAULT_TASK, load_task
from tests.bench.model.geometry import random_base
from tests.bench.model.run import BenchError
from trainer.config import TrainConfig, make_config
from trainer.model.loading import Loaded, choose_device
from trainer.model.lora import make_ready_lora
from trainer.model.nf4 import count_parameters, unpack_scales
from trainer.run.directory import RunDir
from trainer.run.job import Job, check_settings
from trainer.run.learning.examples import Example, encode_rows
from trainer.run.learning.learn import DTYPES, load_for_learning
from trainer.run.learning.loop import run_loop
from trainer.run.learning.memory_fit import LONG_RUN, apply_fit, find_fit, free_memory, limit_memory
from trainer.run.learning.ranks import is_first, join
from trainer.run.progress import Progress, State, Stop

ROOT = Path(__file__).parents[3]
L4_GIB = 22.0
"""What an L4 of 24 GB leaves a process."""
CPU_CHANGES = {"precision": "auto", "optimizer": "adamw"}
"""What the published recipe needs changed on a CPU; its other settings stay."""
_WARM_UP = 6
"""Steps before those that are timed: compilation, and the largest batch."""


@dataclass(frozen=True)
class SpeedOptions:
    """What is measured.

    Attributes:
        data: labelled notes; the samples where there is none.
        geometry: sizes of a known model with random weights; None for the embedded base.
        tokenizer: directory of another tokenizer, for a geometry.
        steps: optimiser steps that are timed, after a few that are not.
        device: `cpu`, `cuda`, or None for the GPU where there is one.
        memory_gib: what each process may take of the GPU.
        threads: CPU threads.
        accuracy: epochs for which the embedded base is trained by both recipes and scored; 0 for not at all.
        gpus: more than one: the fast recipe alone, on one GPU and on so many.
        only: names of the ways that are measured besides the published one; all where empty.
    """

    data: Path | None = None
    geometry: str | None = None
    tokenizer: Path | None = None
    steps: int = 30
    device: str | None = None
    memory_gib: float = L4_GIB
    threads: int | None = None
    accuracy: float = 0
    gpus: int = 1
    only: tuple[str, ...] = ()


def ways(on_gpu: bool) -> dict[str, tuple[str, dict[str, Any]]]:
    """Name of each way to its preset and what is changed of it; each adds to the one before."""
    changed: dict[str, Any] = {} if on_gpu else CPU_CHANGES
    # What the presets leave to a probe and to the size of the base, said outright, so that each row adds one thing.
    plain = {"batch_size": 4, "accumulation": 4, "gradient_checkpointing": False, "compile": False, "lean": False}
    found: dict[str, tuple[str, dict[str, Any]]] = {
        "published": ("published", changed),
        "no recomputation, no fp32 copies": (
            "published",
            {**changed, "precision": "auto", "upcast": False, "gradient_checkpointing": False, "optimizer": "adamw"},
        ),
        "loss on answers, rows by length": ("fast", plain),
        "lean": ("fast", {**plain, "lean": True}),
    }
    if on_gpu:
        found["compiled layers"] = ("fast", {**plain, "lean": True, "compile": True})
    return {**found, "fast": ("fast", {})}


def run_train(options: SpeedOptions, say: Callable[[str], None] = lambda line: None) -> dict[str, Any]:
    """Measure every way in a process of its own.

    Raises:
        BenchError: a large geometry without a GPU, or a way that failed.
    """
    on_gpu = torch.cuda.is_available() and options.device != "cpu"
    if options.geometry and not on_gpu:
        raise BenchError("Expected a GPU for a large geometry; found none. Leave --geometry out to use this machine.")
    measured: dict[str, Any] = {}
    if options.gpus > 1:
        several = f"fast, {options.gpus} GPUs"
        plans: dict[str, tuple[str, dict[str, Any], int]] = {
            "fast": ("fast", {}, 1),
            several: ("fast", {}, options.gpus),
        }
    else:
        wanted = {"published", *options.only} if options.only else set(ways(on_gpu))
        plans = {name: (*way, 1) for name, way in ways(on_gpu).items() if name in wanted}
    for name, (preset, changes, n_gpus) in plans.items():
        say(f"{name} ...")
        measured[name] = _in_a_process(options, preset, changes, n_gpus)
        say(f"{name}: {measured[name]['samples_per_s']} samples/s, {measured[name]['peak_gib']} GiB")
    tokens = [measured[name].pop("tokens") for name in measured]
    first = next(iter(measured))
    for figures in measured.values():
        figures[f"times_{first}"] = round(figures["samples_per_s"] / measured[first]["samples_per_s"], 2)
    result = {
        "what": "train",
        "model": options.geometry or "embedded",
        "machine": torch.cuda.get_device_name()
        if on_gpu
        else f"{platform.machine()} CPU, {torch.get_num_threads()} threads",
        "torch": torch.__version__,
        "memory_limit_gib": options.memory_gib if on_gpu else None,
        "tokens": tokens[0],
        "rows_per_step": 16,
        "ways": measured,
    }
    if options.accuracy:
        from tests.bench.model.recipes import compare_recipes

        if options.data is None:
            raise BenchError("Expected a file of labelled notes for --accuracy; found none. Name one with --data.")
        result["accuracy"] = compare_recipes(options.data, options.accuracy, device=options.device, say=say)
    return result


def _in_a_process(options: SpeedOptions, preset: str, changes: dict[str, Any], n_gpus: int) -> dict[str, Any]:
    told = {
        "preset": preset,
        "changes": changes,
        "options": {key: str(value) if isinstance(value, Path) else value for key, value in vars(options).items()},
    }
    several = ["accelerate.commands.launch", "--num_processes", str(n_gpus), "--multi_gpu", "-m"] if n_gpus > 1 else []
    words = [sys.executable, "-P", "-m", *several, "tests.bench.model.train", json.dumps(told)]
    search = os.pathsep.join([str(ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))])
    environ = {**os.environ, "PYTHONPATH": search, "PYTHONSAFEPATH": "1"}  # never another trainer/ that is where we are
    done = subprocess.run(words, check=False, stdout=subprocess.PIPE, text=True, env=environ)
    if done.returncode:
        raise BenchError(f"Expected figures of the preset {preset}; its process ended with code {done.returncode}.")
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def measure(options: SpeedOptions, preset: str, changes: dict[str, Any]) -> dict[str, Any]:
    """Measure one way in this process."""
    if options.threads:
        torch.set_num_threads(options.threads)
    ranks = join(options.device)
    options = replace(options, device=ranks.device(options.device))
    config = make_config(
        preset, **{**changes, "save_steps": 1_000_000, "eval_rows": 0, "max_steps": options.steps + _WARM_UP}
    )
    config = config.model_copy(update={"keep_best": False, "warmup": 0.0})
    if torch.cuda.is_available() and options.device != "cpu":
        limit_memory(choose_device(options.device), options.memory_gib)
        config = config.model_copy(update={"memory_gib": options.memory_gib})
    loaded, config = _loaded(options, config)
    check_settings(config, on_gpu=loaded.device.type == "cuda", has_bf16=True)
    task = load_task(DEFAULT_TASK)
    rows = read_rows(task, options.data or LABELLED)
    prompt = load_prompt(task)
    examples = encode_rows(loaded.tokenizer, prompt, rows, max_tokens=config.max_tokens or 2048).examples
    config = config.with_epochs(len(examples))
    fit = ranks.from_main(find_fit(loaded, examples, config, ranks.size, LONG_RUN))
    apply_fit(loaded.model, fit)
    free_memory()
    if loaded.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(loaded.device)
    with tempfile.TemporaryDirectory() as folder:
        run = RunDir(Path(folder))
        clock = _Clock(run, writes=False)
        run_loop(loaded, config, fit, (examples, []), run.checkpoints, None, (clock, Stop()), ranks)
    return {**_figures(loaded, config, clock.moments), "tokens": _lengths(examples), "fit": vars(fit)}


class _Clock(Progress):
    """Notes the moments at which the run's steps end."""

    def __init__(self, run: RunDir, *, writes: bool) -> None:
        super().__init__(run, writes=writes)
        self.moments: list[float] = []

    def tell(self, state: State, *, force: bool = True, **values: Any) -> None:
        """A step is told without force."""
        if not force:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            self.moments.append(time.monotonic())


def _loaded(options: SpeedOptions, config: TrainConfig) -> tuple[Loaded, TrainConfig]:
    device = choose_device(options.device)
    if options.geometry is None:
        job = Job(
            run=RunDir(Path()),
            task=load_task(DEFAULT_TASK),
            base=str(EMBEDDED / "base"),
            parent=None,
            rows=[],
            held_out=[],
            config=config,
            name="bench",
            fingerprint="",
            holdout_fingerprint=None,
            device=options.device,
            allow_hub=False,
        )
        return load_for_learning(job)
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    kind = PreTrainedTokenizerFast if options.tokenizer else AutoTokenizer
    tokenizer = kind.from_pretrained(str(options.tokenizer or EMBEDDED / "base"), local_files_only=True)
    precision = config.precision or "bf16"
    base = random_base(options.geometry, device, DTYPES[precision])
    n_parameters = count_parameters(base)
    model = make_ready_lora(base, config.lora, upcast=config.upcast)
    if config.lean:
        unpack_scales(model)
    loaded = Loaded(model, tokenizer, None, options.geometry, options.geometry, None, 1, device, n_parameters)
    return loaded, config.resolve(n_parameters).model_copy(update={"precision": precision})


def _figures(loaded: Loaded, config: TrainConfig, moments: Sequence[float]) -> dict[str, Any]:
    timed = moments[_WARM_UP - 1 :]
    steps_s = [after - before for before, after in pairwise(timed)]
    is_gpu = loaded.device.type == "cuda"
    peak = (
        torch.cuda.max_memory_allocated(loaded.device)
        if is_gpu
        else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    )
    return {
        "samples_per_s": round(config.rows_per_step * len(steps_s) / sum(steps_s), 2),
        "step_ms": {
            "median": round(1000 * statistics.median(steps_s), 1),
            "min": round(1000 * min(steps_s), 1),
            "max": round(1000 * max(steps_s), 1),
        },
        "n_steps": len(steps_s),
        "peak_gib": round(peak / 2**30, 1),
        "first_steps_s": round(moments[_WARM_UP - 1] - moments[0], 1),
    }


def _lengths(examples: Sequence[Example]) -> dict[str, Any]:
    return {
        "prompt_mean": round(statistics.mean(e.n_prompt for e in examples), 1),
        "answer_mean": round(statistics.mean(len(e.tokens) - e.n_prompt for e in examples), 1),
    }


def main() -> int:
    """Measure what the arguments, one JSON object, name; the figures are the last line of the output."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.model.train")
    parser.add_argument("told", type=json.loads)
    told = parser.parse_args().told
    options = SpeedOptions(**told["options"])
    data, tokenizer = (Path(place) if place else None for place in (options.data, options.tokenizer))
    options = replace(options, data=data, tokenizer=tokenizer)
    figures = measure(options, told["preset"], told["changes"])
    if is_first():
        print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
