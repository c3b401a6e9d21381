"""Warm rounds: what becomes of an adapter that goes on learning from a team's corrections, week after week.

Each round brings further corrected notes. As on the desk, those of the hold-out and up to a third of the new ones judge
(`data.gate.judges`), the rest and all earlier ones are learned from, and the new adapter takes over where the gate
(`data.gate.gate`) lets it. After each round it is measured on notes that nobody learns from, with the curves of its
confidence fitted anew on its judges and with those of the adapter before, so that the better way can be chosen.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from data.evaluation.calibration import Calibration, read_calibration
from data.evaluation.form_scoring import FormScore, score_form
from data.evaluation.scoring import score
from data.gate.gate import judge
from data.gate.judges import Sides, divide
from data.gate.verdict import Verdict
from data.notes import split_of
from data.snapshot import Row, read_rows, write_judges, write_snapshot
from data.suggestion import Suggestion
from data.task import Extraction, Task
from tests.bench.model.run import BenchError
from trainer.config import TrainConfig
from trainer.engine import Engine
from trainer.evaluation.calibrate import with_confidence
from trainer.evaluation.evaluate import answer_rows
from trainer.model.loading import load_for_serving
from trainer.run.directory import RunDir
from trainer.run.learning.memory_fit import free_memory
from trainer.run.train import train

Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What is measured.

    Attributes:
        directory: of the runs; what is there from an earlier call is taken, so that it can be stopped.
        data: labelled notes that the starting adapter has not learned; they are corrected in an order of the seed.
        judge: labelled notes to measure on, which nobody learns from.
        base: directory of the base.
        adapter: directory of the starting adapter.
        n_rounds: how many.
        n_notes: corrected notes of each.
        originals: labelled notes that the starting adapter learned, to be shown again between; None for none.
        follows_gate: whether only an adapter that passes the gate is gone on from; otherwise every one is.
        config: settings of every run.
        device: None takes the GPU where there is one.
        seed: of the order.
    """

    directory: Path
    data: Path
    judge: Path
    base: Path
    adapter: Path
    n_rounds: int = 5
    n_notes: int = 60
    originals: Path | None = None
    follows_gate: bool = True
    config: TrainConfig = field(default_factory=lambda: TrainConfig(mode="warm"))
    device: str | None = None
    seed: int = 0


@dataclass
class _State:
    """Where the rounds stand: who serves, what it has learned, its figures, and who has judged how often."""

    adapter: Path
    learned: list[str]
    figures: dict[str, Any]
    n_judged: dict[str, int] = field(default_factory=dict)


def run_rounds(task: Task, plan: Plan, say: Say = lambda line: None) -> dict[str, Any]:
    """Go through the rounds.

    Returns:
        `start`: figures of the starting adapter on the notes of `judge`. `rounds`: for each its `n_rows`, `n_steps`,
        `seconds`, the gate's `outcome` and `sentence`, and figures `refit` and `kept` by the curves that were used; see
        `_figures`. `never_lost`: whether no adapter that served was right in fewer fields than the one before.

    Raises:
        BenchError: there are too few notes.
        TrainError, ModelError, SnapshotError: a run failed, or what was given does not fit.
    """
    corrections, judges = _corrections(task, plan), read_rows(task, plan.judge)
    originals = [] if plan.originals is None else read_rows(task, plan.originals)
    start = _figures(task, judges, _answers(task, plan, plan.adapter, judges))
    state = _State(plan.adapter, [row.text for row in originals], start)
    say(f"start: {_told(start)}")
    rounds = []
    for number in range(1, plan.n_rounds + 1):
        rows = [*originals, *corrections[: number * plan.n_notes]]
        found = _round(task, plan, state, rows, judges, number)
        rounds.append(found)
        learned = f"{found['n_rows']} rows, {found['n_steps']} steps, {found['n_judges']} judges"
        say(f"round {number}: {found['outcome']}, {learned}, {_told(found['refit'])}")
        say(f"         with the curves of before: {_told(found['kept'])}")
    served = [start["macro"], *(one["serving"]["macro"] for one in rounds)]
    return {
        "what": "rounds",
        "n_judges": len(judges),
        "config": plan.config.model_dump(mode="json"),
        "start": start,
        "rounds": rounds,
        "never_lost": all(after >= before for before, after in pairwise(served)),
    }


def _corrections(task: Task, plan: Plan) -> list[Row]:
    """The notes as if a reviewer had corrected each, in the order in which they come."""
    rows = list({row.content_hash: row for row in read_rows(task, plan.data)}.values())
    n_wanted = plan.n_rounds * plan.n_notes
    if len(rows) < n_wanted:
        raise BenchError(
            f"Expected at least {n_wanted:,} different notes in {plan.data.name} for {plan.n_rounds} rounds of "
            f"{plan.n_notes}; found {len(rows):,}. Ask for fewer rounds or notes."
        )
    random.Random(plan.seed).shuffle(rows)
    return [replace(row, source="annotation", corrected=True) for row in rows[:n_wanted]]


def _round(
    task: Task, plan: Plan, state: _State, rows: Sequence[Row], judges: Sequence[Row], number: int
) -> dict[str, Any]:
    run, began = RunDir(plan.directory / f"round-{number}"), time.monotonic()
    sides = _sides(state, rows)
    if not sides.judges:
        raise BenchError("Expected notes that can judge; found none. Ask for more notes in each round.")
    run.path.mkdir(parents=True, exist_ok=True)
    write_snapshot(task, sides.rows, run.snapshot)
    write_judges(task, sides.held_out, sides.fresh, run.holdout)
    result = train(
        run.path,
        base=plan.base,
        parent_adapter=state.adapter,
        snapshot=run.snapshot,
        holdout=run.holdout,
        config=plan.config,
        device=plan.device,
        task=task,
    )
    free_memory()
    earlier = read_calibration(state.adapter)
    verdict = _verdict(task, run, sides, (state.adapter.parent.name, run.path.name))
    answers = _answers(task, plan, result.adapter, judges)
    refit, kept = _figures(task, judges, answers), _figures(task, judges, _recalibrated(answers, earlier))
    if verdict.passed or not plan.follows_gate:
        state.adapter, state.learned, state.figures = result.adapter, [row.text for row in sides.rows], refit
    for row in sides.fresh:
        state.n_judged[row.content_hash] = state.n_judged.get(row.content_hash, 0) + 1
    return {
        "n_rows": len(sides.rows),
        "n_steps": result.n_steps,
        "n_judges": len(sides.judges),
        "seconds": round(time.monotonic() - began, 1),
        "outcome": verdict.outcome,
        "sentence": verdict.sentence,
        "refit": refit,
        "kept": kept,
        "serving": state.figures,
    }


def _sides(state: _State, rows: Sequence[Row]) -> Sides:
    """As `app.training.material` divides a store's notes."""
    held_out = [row for row in rows if split_of(row.content_hash) == "holdout" and row.source == "annotation"]
    train_side = [row for row in rows if split_of(row.content_hash) == "train"]
    known = set(state.learned)
    sides = divide(train_side, held_out, [], state.learned, state.n_judged)
    return replace(sides, rows=[replace(row, is_new=row.text not in known) for row in sides.rows])


def _verdict(task: Task, run: RunDir, sides: Sides, names: tuple[str, str]) -> Verdict:
    """The gate's verdict by the answers that the run has kept."""
    lines = [json.loads(line) for line in run.predictions.read_text(encoding="utf-8").splitlines()]
    gold, old, new = (
        [None if line[name] is None else Extraction(task, line[name]) for line in lines]
        for name in ("gold", "old", "new")
    )
    known = [one for one in gold if one is not None]
    return judge(task, known, old, new, old_name=names[0], new_name=names[1], n_fresh=len(sides.fresh))


def _answers(task: Task, plan: Plan, adapter: Path, rows: Sequence[Row]) -> list[Suggestion | None]:
    engine = Engine(load_for_serving(plan.base, adapter, device=plan.device), task)
    answers = answer_rows(engine, rows)
    del engine
    free_memory()
    return answers


def _recalibrated(answers: Sequence[Suggestion | None], curves: Calibration | None) -> list[Suggestion | None]:
    return list(answers) if curves is None else [with_confidence(answer, curves) for answer in answers]


def _figures(task: Task, rows: Sequence[Row], answers: Sequence[Suggestion | None]) -> dict[str, Any]:
    """What counts after a round: accuracy of what is proposed and of the form, and whether sure means sure.

    Returns:
        `macro`: share of fields right as proposed; `fields`: the same by field; `accepted` and `empty_form`: of the
        form and of an empty one, accept lists honoured; `shown`, `edits` and `sure` as in
        `data.evaluation.form_scoring`.
    """
    gold = [row.extraction for row in rows]
    proposed = score(task, gold, [None if one is None else one.extraction for one in answers])
    form: FormScore = score_form(task, [row.text for row in rows], gold, [row.accepted for row in rows], answers)
    n = len(task.keys)
    return {
        "macro": proposed.macro.normalised,
        "fields": {key: one.normalised for key, one in proposed.fields.items()},
        "accepted": sum(form.accepted.values()) / n,
        "empty_form": sum(form.empty_form.values()) / n,
        "shown": asdict(form.shown),
        "edits": asdict(form.edits),
        "sure": asdict(form.sure),
    }


def _told(figures: dict[str, Any]) -> str:
    sure, shown = figures["sure"], figures["shown"]
    return (
        f"proposed {figures['macro']:.3f}, form {figures['accepted']:.3f} (empty {figures['empty_form']:.3f}), "
        f"{shown['n_right']} of {shown['n']} shown right, {sure['n_right']} of {sure['n']} sure right"
    )
