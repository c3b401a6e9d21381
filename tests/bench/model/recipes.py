"""The same field accuracy? The embedded base trained by the published recipe and by the fast one, on the same rows."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from data.evaluation.intervals import intervals
from data.evaluation.scoring import is_right
from data.gate.gate import judge
from data.gate.near_duplicates import without_near
from data.snapshot import Row, read_rows, write_rows
from data.storage.locations import EMBEDDED
from data.task import DEFAULT_TASK, Extraction, Task, load_task
from tests.bench.model.run import BenchError
from tests.bench.model.train import CPU_CHANGES
from trainer.config import make_config
from trainer.run.directory import RunDir
from trainer.run.train import train

N_EVALUATED = 500


def compare_recipes(
    data: Path, epochs: float, *, device: str | None = None, say: Callable[[str], None] = lambda line: None
) -> dict[str, Any]:
    """Train both ways on all but the last 500 notes of a file and their near duplicates, score both on those.

    Args:
        data: labelled notes as JSON lines.
        epochs: of either run.
        device: `cpu`, `cuda`, or None for the GPU where there is one.

    Raises:
        BenchError: there are too few notes.
    """
    task = load_task(DEFAULT_TASK)
    rows = read_rows(task, data)
    if len(rows) < 2 * N_EVALUATED:
        raise BenchError(f"Expected at least {2 * N_EVALUATED} labelled notes in {data}; found {len(rows)}.")
    evaluated = rows[-N_EVALUATED:]
    learned, _ = without_near(rows[:-N_EVALUATED], [row.text for row in evaluated])
    on_gpu = torch.cuda.is_available() and device != "cpu"
    changes_of: dict[str, dict[str, Any]] = {"published": {} if on_gpu else CPU_CHANGES, "fast": {}}
    answers: dict[str, list[Extraction | None]] = {}
    found: dict[str, Any] = {"epochs": epochs, "n_trained": len(learned), "n_evaluated": N_EVALUATED}
    with tempfile.TemporaryDirectory() as folder:
        for name, changed in changes_of.items():
            say(f"training by the preset {name} ...")
            result = train(
                Path(folder) / name,
                base=EMBEDDED / "base",
                parent_adapter=None,
                snapshot=_written(task, learned, Path(folder) / "rows.jsonl"),
                holdout=_written(task, evaluated, Path(folder) / "evaluated.jsonl"),
                config=make_config(name, **{**changed, "epochs": epochs}),
                device=device,
            )
            answers[name] = _answers(task, RunDir(Path(folder) / name).predictions)
            found[name] = {
                "seconds": result.seconds,
                "n_steps": result.n_steps,
                **bands(task, [row.extraction for row in evaluated], answers[name]),
            }
            say(f"{name}: {found[name]['macro']['normalised']:.4f}")
    gold = [row.extraction for row in evaluated]
    verdict = judge(task, gold, answers["published"], answers["fast"], old_name="published", new_name="fast")
    return {**found, "verdict": verdict.to_json()}


def bands(task: Task, gold: Sequence[Extraction], given: Sequence[Extraction | None]) -> dict[str, Any]:
    """Field accuracy with 95 % bands, by a bootstrap over notes: of each field and of their mean."""
    right = np.array(
        [
            [answer is not None and is_right(field, true[field.key], answer[field.key]) for field in task.fields]
            for true, answer in zip(gold, given, strict=True)
        ]
    ).T.astype(int)
    counted = np.vstack([right.sum(0), right])
    over = np.vstack([np.full(len(gold), len(task.fields)), np.ones_like(right)])
    names = ["macro", *task.keys]
    figures = {
        name: {"normalised": round(value, 4), "low": round(low, 4), "high": round(high, 4)}
        for name, (value, low, high) in zip(names, intervals(counted, over), strict=True)
    }
    return {"macro": figures.pop("macro"), "fields": figures}


def _written(task: Task, rows: Sequence[Row], path: Path) -> Path:
    write_rows(task, rows, path)
    return path


def _answers(task: Task, path: Path) -> list[Extraction | None]:
    lines = path.read_text(encoding="utf-8").splitlines()
    given = [json.loads(line)["new"] for line in lines]
    return [None if values is None else Extraction(task, values) for values in given]
