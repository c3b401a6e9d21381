"""Learning curves: one run for each of several nested parts of the reviewed notes, all measured on one hold-out.

The parts are taken in the order of the notes' hashes, so that a larger one contains the smaller; originals are always
in. Every point is a run in a directory of its own (`trainer.run.train.train`) with the same settings, so that a curve
that was killed goes on where it was and repeats no finished point. After the train-curve of Prodigy
(prodi.gy/docs/recipes).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from data.gate.learning_curve import Curve, Point, Rights, gain, rights, shares
from data.gate.near_duplicates import without_near
from data.snapshot import Row, read_rows, write_rows
from data.storage.files import save_json, sha256_of, write_whole
from data.task import DEFAULT_TASK, Extraction, Task, load_task
from trainer.adapter.manifest import now
from trainer.config import TrainConfig
from trainer.engine import Engine
from trainer.evaluation.evaluate import answer_rows, write_predictions
from trainer.model.loading import load_for_serving
from trainer.run.directory import RunDir, trainer_lock
from trainer.run.leakage import check_no_leak
from trainer.run.progress import Progress, Stop, TrainError
from trainer.run.train import record_ending, train

CURVE = "curve.json"
POINTS = "points"
_DONE = "point.json"


@dataclass(frozen=True)
class Plan:
    """What a curve is drawn from.

    Attributes:
        base: directory of the base, or its name on the hub with `allow_hub`.
        parent: the adapter that a point without anything to learn from is; in warm mode every point goes on from it.
        snapshot: training rows as JSON lines; those of source "annotation" are the reviewed notes that are counted.
        holdout: rows to measure on.
        counts: how many reviewed notes each point learns from; one beyond what there is takes all.
        percents: the same as shares of all of them, where no counts are given.
        n_seeds: runs for each point, with consecutive seeds.
        config: settings of every run.
        device: None takes the GPU where there is one.
    """

    base: str
    parent: str | None
    snapshot: Path
    holdout: Path
    counts: Sequence[int] | None = None
    percents: Sequence[float] = (0.0, 25.0, 50.0, 75.0, 100.0)
    n_seeds: int = 1
    config: TrainConfig = field(default_factory=TrainConfig)
    device: str | None = None
    allow_hub: bool = False
    task: Task = field(default_factory=lambda: load_task(DEFAULT_TASK))

    @property
    def seeds(self) -> range:
        """Of the runs of each point."""
        return range(self.config.seed, self.config.seed + self.n_seeds)


@dataclass(frozen=True)
class _Drawing:
    """A plan with its rows read.

    Attributes:
        corrections: reviewed notes, in the order in which they join.
        originals: rows that every point has.
    """

    run: RunDir
    plan: Plan
    corrections: Sequence[Row]
    originals: Sequence[Row]
    held_out: Sequence[Row]
    fingerprints: tuple[str, str]

    def learns(self, n_corrections: int) -> bool:
        """Whether there is anything to train on; if not, the point is the parent as it is."""
        return n_corrections > 0 or (self.plan.config.mode == "full" and bool(self.originals))


def draw_curve(directory: Path, plan: Plan, on_point: Callable[[Point], None] = lambda point: None) -> Curve:
    """Train and measure every point, and write `curve.json`; the same call goes on where an earlier one was stopped.

    Args:
        directory: of the curve; the points' runs are in it.
        plan: what to draw.
        on_point: called with every finished point.

    Raises:
        TrainError: there are too few reviewed notes for a curve; a run cannot start or go on, was interrupted, diverged
            or ran out of disk or memory.
        ModelError, RunError, ConfigError, SnapshotError: what it was given does not fit.
    """
    run = RunDir(Path(directory))
    run.path.mkdir(parents=True, exist_ok=True)
    stop, progress = Stop(), Progress(run)
    # The runs of the points lie deeper and lock a directory of their own, so this lock is what other runs meet.
    with trainer_lock(run.path.parent), stop.listen(), record_ending(run, progress):
        run.error.unlink(missing_ok=True)
        progress.tell("loading")
        rows = read_rows(plan.task, plan.snapshot)
        drawing = _Drawing(
            run=run,
            plan=plan,
            corrections=sorted((r for r in rows if r.source == "annotation"), key=lambda row: row.content_hash),
            originals=[row for row in rows if row.source == "original"],
            held_out=read_rows(plan.task, plan.holdout),
            fingerprints=(sha256_of(plan.snapshot), sha256_of(plan.holdout)),
        )
        wanted = _counts(plan, len(drawing.corrections))
        _check(drawing, wanted)
        points: list[tuple[Point, list[Rights]]] = []
        for number, n_corrections in enumerate(wanted):
            progress.tell(
                "training", step=number, n_steps=len(wanted), message=f"with {n_corrections:,} reviewed notes"
            )
            points.append(_point(drawing, n_corrections, progress, stop))
            on_point(points[-1][0])
        curve = _curve(drawing, points)
        write_whole(run.path / CURVE, curve.model_dump_json(indent=1) + "\n")
        progress.tell("finished", step=len(wanted), n_steps=len(wanted), message="")
        return curve


def simulate_reviews(
    task: Task, labelled: Path, directory: Path, *, n_holdout: int, style: str | None = None
) -> tuple[Path, Path]:
    """Write a snapshot and a hold-out as if every note of a labelled file had been reviewed, its label the decision.

    Args:
        labelled: notes with labels; the last `n_holdout` are measured on, those before are reviewed, but for near
            duplicates of the former.
        directory: where `snapshot.jsonl` and `holdout.jsonl` are written.
        style: a convention of `data.synthetic.sets.house_style.STYLES` by which the reviewers label, and the hold-out
        too.

    Raises:
        TrainError: there are too few notes.
        SnapshotError: the file does not hold labelled notes.
    """
    rows = list({row.content_hash: row for row in read_rows(task, labelled)}.values())
    if not 0 < n_holdout < len(rows):
        raise TrainError(
            f"Expected fewer than {len(rows):,} of {labelled.name}'s different notes, and at least one, to measure on; "
            f"found {n_holdout:,}. Name another number."
        )
    reviewed = [
        replace(row, extraction=_restyle(task, row, style), source="annotation", corrected=True) for row in rows
    ]
    run = RunDir(directory)
    directory.mkdir(parents=True, exist_ok=True)
    held_out = reviewed[-n_holdout:]
    kept, _ = without_near(reviewed[:-n_holdout], [row.text for row in held_out])
    write_rows(task, kept, run.snapshot)
    write_rows(task, held_out, run.holdout)
    return run.snapshot, run.holdout


def _restyle(task: Task, row: Row, style: str | None) -> Extraction:
    if style is None:
        return row.extraction
    from data.synthetic.sets.house_style import STYLES

    if style not in STYLES:
        raise TrainError(f"Expected a house style of {', '.join(STYLES)}; found {style!r}. Name one of these.")
    return Extraction(task, STYLES[style](row.extraction.as_dict()))


def _counts(plan: Plan, n_there: int) -> list[int]:
    """How many reviewed notes each point learns from, rising."""
    wanted = [round(n_there * share / 100) for share in plan.percents] if plan.counts is None else plan.counts
    if any(n < 0 for n in wanted):
        raise TrainError(f"Expected numbers of reviewed notes of 0 or more; found {min(wanted)}. Leave it out.")
    found = sorted({min(n, n_there) for n in wanted})
    if len(found) < 2:
        raise TrainError(
            f"Expected reviewed notes for two points or more; found {n_there:,}, which make {len(found)}. "
            "Review more notes, or name other points."
        )
    return found


def _check(drawing: _Drawing, wanted: Sequence[int]) -> None:
    """Refuse what cannot work, and a directory that belongs to another curve."""
    plan, run = drawing.plan, drawing.run
    if plan.parent is None and (plan.config.mode == "warm" or not all(map(drawing.learns, wanted))):
        raise TrainError(
            "Expected a parent adapter, for warm mode or a point that learns nothing; found none. Name it."
        )
    check_no_leak([*drawing.originals, *drawing.corrections], drawing.held_out)
    told = {
        "base": plan.base,
        "parent": plan.parent,
        "snapshot_fingerprint": drawing.fingerprints[0],
        "holdout_fingerprint": drawing.fingerprints[1],
        "config": plan.config.model_dump(mode="json"),
    }
    if not run.identity.exists():
        save_json(run.identity, told)
        return
    before = json.loads(run.identity.read_text(encoding="utf-8"))
    changed = [key for key, value in told.items() if before.get(key) != value]
    if changed:
        raise TrainError(
            f"Expected the settings that the curve in {run.path} began with; {', '.join(changed)} changed. "
            "Draw a new one in an empty directory."
        )


def _point(drawing: _Drawing, n_corrections: int, progress: Progress, stop: Stop) -> tuple[Point, list[Rights]]:
    """Train and measure one point, once for every seed; what is there from an earlier call is taken."""
    plan = drawing.plan
    # The parent as it is knows no seed.
    seeds = plan.seeds if drawing.learns(n_corrections) else plan.seeds[:1]
    runs = [RunDir(drawing.run.path / POINTS / f"{n_corrections:05d}-seed-{seed}") for seed in seeds]
    for run, seed in zip(runs, seeds, strict=True):
        stop.check()
        if (run.path / _DONE).exists():
            continue
        progress.tell("training", run=str(run.path.relative_to(drawing.run.path)))
        run.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        began = time.monotonic()
        if drawing.learns(n_corrections):
            figures = _train(drawing, run, n_corrections, seed)
        else:
            figures = _measure_parent(drawing, run, progress, stop)
        save_json(run.path / _DONE, {**figures, "seconds": round(time.monotonic() - began, 1)})
    told = [json.loads((run.path / _DONE).read_text(encoding="utf-8")) for run in runs]
    by_seed = [_rights(plan.task, run.predictions) for run in runs] * (plan.n_seeds // len(runs))
    point = Point(
        **shares(plan.task, by_seed).model_dump(),
        n_corrections=n_corrections,
        n_corrected=sum(row.corrected for row in drawing.corrections[:n_corrections]),
        n_rows=told[0]["n_rows"],
        n_steps=told[0]["n_steps"],
        seconds=round(float(np.mean([one["seconds"] for one in told])), 1),
    )
    return point, by_seed


def _train(drawing: _Drawing, run: RunDir, n_corrections: int, seed: int) -> dict[str, Any]:
    """Train on the originals and the first so many reviewed notes, and measure."""
    plan = drawing.plan
    rows = [*drawing.originals, *drawing.corrections[:n_corrections]]
    if not run.snapshot.exists():
        write_rows(plan.task, sorted(rows, key=lambda row: row.content_hash), run.snapshot)
    n_planned = _planned_steps(run)
    result = train(
        run.path,
        base=plan.base,
        # In full mode nothing goes on from the parent, and measuring it again for every point would tell nothing.
        parent_adapter=plan.parent if plan.config.mode == "warm" else None,
        snapshot=run.snapshot,
        holdout=plan.holdout,
        config=plan.config.model_copy(update={"seed": seed}),
        device=plan.device,
        allow_hub=plan.allow_hub,
        task=plan.task,
    )
    return {"n_rows": len(rows), "n_steps": result.n_steps or n_planned}


def _planned_steps(run: RunDir) -> int | None:
    """The steps that an earlier call trained for, None where there was none."""
    try:
        return int(json.loads(run.progress.read_text(encoding="utf-8"))["n_steps"]) or None
    except (OSError, ValueError, KeyError):
        return None


def _measure_parent(drawing: _Drawing, run: RunDir, progress: Progress, stop: Stop) -> dict[str, Any]:
    """What the curve begins with where there is nothing to learn from."""

    def report(n_done: int, n_notes: int) -> None:
        stop.check()
        progress.tell("evaluating", force=n_done == n_notes, adapter="old", n_done=n_done, n_notes=n_notes)

    plan = drawing.plan
    assert plan.parent is not None
    loaded = load_for_serving(plan.base, plan.parent, device=plan.device, allow_hub=plan.allow_hub)
    answers = answer_rows(Engine(loaded, plan.task), drawing.held_out, report)
    write_predictions(run.predictions, drawing.held_out, {"old": None, "new": answers})
    return {"n_rows": 0, "n_steps": 0}


def _rights(task: Task, predictions: Path) -> Rights:
    lines = [json.loads(line) for line in predictions.read_text(encoding="utf-8").splitlines()]
    answers = [None if line["new"] is None else Extraction(task, line["new"]) for line in lines]
    return rights(task, [Extraction(task, line["gold"]) for line in lines], answers)


def _curve(drawing: _Drawing, points: Sequence[tuple[Point, list[Rights]]]) -> Curve:
    plan = drawing.plan
    (_, before), (_, after) = points[-2:]
    return Curve(
        mode=plan.config.mode,
        base=plan.base,
        parent=plan.parent,
        snapshot_fingerprint=drawing.fingerprints[0],
        holdout_fingerprint=drawing.fingerprints[1],
        n_originals=len(drawing.originals),
        n_notes=len(drawing.held_out),
        seeds=tuple(plan.seeds),
        config=plan.config.model_dump(mode="json"),
        points=tuple(point for point, _ in points),
        gain=gain(plan.task, before, after),
        created_at=now(),
    )
