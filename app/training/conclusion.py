"""The end of a training run: publish the adapter, decide whether it takes over, tell the store."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.core.adapters import place_in_store
from app.core.desk import Desk
from app.core.errors import DeskError
from app.training.answers import ANSWERS, read_answers
from app.training.material import COUNTED, N_FRESH, describe_judges, describe_left_out, describe_too_long, n_too_long
from app.training.requests import TrainOptions, run_name
from app.worker.calibration import OLD_CURVES, keep_measured
from data.gate.gate import judge
from data.gate.verdict import DecisionKind, Verdict, with_decision
from data.storage.files import remove_whole, whole_directory
from db.notes.samples import samples_of
from db.people.acting import Program, as_program, let_in
from db.training.adapters import AdapterRow, activate, active_adapter, register_adapter
from db.training.runs import add_evaluation, get_run, n_runs_measured_on, update_run

OLD_METRICS = "old_metrics.json"
PASSED = "it passed its gate"
ROUNDING = 1e-6


@dataclass(frozen=True)
class Outcome:
    """What came of a run.

    Attributes:
        adapter: name of the new adapter.
        verdict: its comparison with the one that was active.
        is_active: whether it took over.
        sentence: all of it for a person.
        left_out: a sentence about the notes that were not trained on, see `app.training.material.describe_left_out`.
        n_too_long: how many of them were too long to learn from.
        too_long: a sentence about those alone.
        material: how many notes were left out, judge beside the hold-out, or are of it and do not, by
        `app.training.material`.
    """

    run_id: int
    adapter: str
    verdict: Verdict
    is_active: bool
    sentence: str
    metrics: dict[str, Any]
    left_out: str = ""
    n_too_long: int = 0
    too_long: str = ""
    material: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The outcome as plain JSON values."""
        return {
            "run": self.run_id,
            "adapter": self.adapter,
            "active": self.is_active,
            "gate": self.verdict.to_json(),
            "sentence": self.sentence,
            "left_out": self.left_out,
            "n_too_long": self.n_too_long,
            "material": dict(self.material),
            "metrics": self.metrics,
        }


@dataclass(frozen=True)
class Job:
    """Everything that a run needs to know once its files are written.

    Attributes:
        parent: the adapter that was active when the run began: the one to beat.
        base: the base to train on, as the store keeps its place.
        same_base: whether it is the parent's.
    """

    run_id: int
    directory: Path
    options: TrainOptions
    parent: AdapterRow
    base: str
    same_base: bool
    holdout_fingerprint: str

    @property
    def name(self) -> str:
        """Of the adapter that the run makes."""
        return run_name(self.run_id)


def conclude(desk: Desk, job: Job) -> Outcome:
    """Publish the adapter, decide, and tell the store all of it in one transaction."""
    metrics = _read_json(job.directory / "metrics.json")
    if not job.same_base:
        metrics["old"] = _read_json(job.directory / OLD_METRICS)
    if not metrics.get("new"):
        raise DeskError(
            f"Expected figures of the new adapter in {job.directory / 'metrics.json'}; found none. Resume the run."
        )
    verdict = _verdict(desk, job, metrics)
    with desk.store.reading() as session:
        is_real = not samples_of(session).is_voting
    if is_real:  # curves that were fitted on samples say nothing of real notes
        keep_measured(desk.settings, job.directory / OLD_CURVES)
    row = _put_down(desk, job, metrics["new"])
    with as_program(desk.store) as program:
        register_adapter(program, row)
        n_before = n_runs_measured_on(program.session, job.holdout_fingerprint)
        for name, score in ((job.parent.name, metrics["old"]), (job.name, metrics["new"])):
            if score:
                add_evaluation(
                    program,
                    adapter=name,
                    run_id=job.run_id,
                    data_fingerprint=job.holdout_fingerprint,
                    n_notes=int(score["n_notes"]),
                    metrics=score,
                )
        verdict = verdict.with_uses(n_before)
        run = get_run(program.session, job.run_id)
        by = run.requested_by
        kind, afterwards = _activate(program, job, verdict, by)
        is_active = kind is not None
        sentence = " ".join(filter(None, (verdict.sentence, describe_judges(run.config), afterwards)))
        kept = {**verdict.to_json(), "active": is_active, "sentence": sentence}
        update_run(
            program,
            job.run_id,
            status="finished",
            pid=None,
            adapter=job.name,
            metrics=metrics,
            gate=kept
            if kind is None
            else with_decision(kept, kind, by=by, reason=job.options.activate_anyway or PASSED),
            message=sentence,
        )
    told = {name: int(run.config.get(name) or 0) for name in COUNTED}
    left = describe_left_out(run.config), n_too_long(run.config), describe_too_long(run.config)
    return Outcome(job.run_id, job.name, verdict, is_active, sentence, metrics, *left, told)


def _put_down(desk: Desk, job: Job, metrics: dict[str, Any]) -> AdapterRow:
    """Copy the run's adapter among the others; how the store is to know it."""
    directory = desk.settings.adapters / job.name
    copy_adapter(job.directory / "adapter", directory)
    manifest = _read_json(directory / "manifest.json")
    return AdapterRow(
        name=job.name,
        path=place_in_store(desk.settings, str(directory)),
        base=job.base,
        base_revision=manifest.get("base_revision"),
        prompt_version=int(manifest["prompt_version"]),
        weights_sha256=str(manifest["weights_sha256"]),
        parent=job.parent.name,
        run_id=job.run_id,
        metrics=metrics,
    )


def _verdict(desk: Desk, job: Job, metrics: dict[str, Any]) -> Verdict:
    """Compare the answers of the run's adapters.

    Raises:
        DeskError: they cannot be read, or are not those that the figures are of.
    """
    answered = read_answers(desk.task, job.directory)
    with desk.store.reading() as session:
        n_fresh = int(get_run(session, job.run_id).config.get(N_FRESH) or 0)
    verdict = judge(
        desk.task,
        [one.gold for one in answered],
        [one.old for one in answered] if metrics["old"] else None,
        [one.new for one in answered],
        old_name=job.parent.name,
        new_name=job.name,
        n_fresh=n_fresh,
    )
    for name, figure in (("old", verdict.old), ("new", verdict.new)):
        scored = metrics[name] and float(metrics[name]["macro"]["normalised"])
        if (figure is None) != (not metrics[name]) or (figure is not None and abs(figure - scored) > ROUNDING):
            raise DeskError(
                f"Expected the answers in {job.directory / ANSWERS} to be those that the figures beside them are "
                "of; they are not. Train again."
            )
    return verdict


def _activate(program: Program, job: Job, verdict: Verdict, by: str) -> tuple[DecisionKind | None, str]:
    """Activate the new adapter if it may take over; as what, None where it does not, and a sentence about it."""
    options, active = job.options, active_adapter(program.session)
    if options.activate_anyway is not None:
        _take_over(program, job.name, reason=options.activate_anyway, by=by)
        kind: DecisionKind = "activated" if verdict.passed else "activated anyway"
        return kind, f"It is active, because a person said so: {options.activate_anyway.strip()}"
    if not options.activate:
        return None, f"It was not activated, as asked: caseloop adapters activate {job.name}"
    if not verdict.passed:
        return None, f"{job.parent.name} stays active."
    if active is not None and active.name != job.parent.name:
        return None, (
            f"It was not activated: {active.name} became active meanwhile and was not compared. "
            f"To choose it: caseloop adapters activate {job.name}"
        )
    _take_over(program, job.name, reason=verdict.sentence, by=by)
    return "activated", "It is active now."


def _take_over(program: Program, name: str, *, reason: str, by: str) -> None:
    activate(let_in(program.session, by, "decide about an adapter"), name, reason=reason)


def copy_adapter(source: Path, target: Path) -> None:
    """Copy a finished adapter to where adapters live: it is there as a whole or not at all.

    What stands at `target` is replaced: a run that was killed between here and the store left it, and nothing refers
    to it yet.
    """
    if target.exists():
        remove_whole(target)
    with whole_directory(target) as draft:
        # Names with a dot are drafts of single files, left by a killed process.
        shutil.copytree(source, draft, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".*"))


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DeskError(f"Expected figures of the run in {path}; it cannot be read. Resume the run.") from error
    return values if isinstance(values, dict) else {}
