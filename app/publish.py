"""The end of a training run: publish the adapter, decide whether it takes over, tell the store."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.adapters import place_in_store
from app.desk import Desk
from app.failures import DeskError
from app.settings import Settings
from app.training import Gate, TrainOptions, gate, run_name
from data.files import flush_to_disk
from db.adapters import AdapterRow, activate, active_adapter, register_adapter
from db.runs import add_evaluation, get_run, update_run
from db.session import Session

OLD_METRICS = "old_metrics.json"


@dataclass(frozen=True)
class Outcome:
    """What came of a run.

    Attributes:
        adapter: name of the new adapter.
        gate: its comparison with the active one.
        is_active: whether it took over.
        sentence: all of it for a person.
    """

    run_id: int
    adapter: str
    gate: Gate
    is_active: bool
    sentence: str
    metrics: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The outcome as plain JSON values."""
        return {
            "run": self.run_id,
            "adapter": self.adapter,
            "active": self.is_active,
            "gate": self.gate.to_json(),
            "sentence": self.sentence,
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
    directory = _publish(desk.settings, job)
    manifest = _read_json(directory / "manifest.json")
    decision = gate(metrics["old"], metrics["new"], old_name=job.parent.name, new_name=job.name)
    row = AdapterRow(
        name=job.name,
        path=place_in_store(desk.settings, str(directory)),
        base=job.base,
        base_revision=manifest.get("base_revision"),
        prompt_version=int(manifest["prompt_version"]),
        weights_sha256=str(manifest["weights_sha256"]),
        parent=job.parent.name,
        run_id=job.run_id,
        metrics=metrics["new"],
    )
    with desk.store.transaction() as session:
        register_adapter(session, row)
        for name, score in ((job.parent.name, metrics["old"]), (job.name, metrics["new"])):
            if score:
                add_evaluation(
                    session,
                    adapter=name,
                    run_id=job.run_id,
                    data_fingerprint=job.holdout_fingerprint,
                    n_notes=int(score["n_notes"]),
                    metrics=score,
                )
        is_active, afterwards = _activate(session, job, decision, get_run(session, job.run_id).requested_by)
        sentence = f"{decision.sentence} {afterwards}"
        update_run(
            session,
            job.run_id,
            status="finished",
            pid=None,
            adapter=job.name,
            metrics=metrics,
            gate={**decision.to_json(), "active": is_active, "sentence": sentence},
            message=sentence,
        )
    return Outcome(job.run_id, job.name, decision, is_active, sentence, metrics)


def _activate(session: Session, job: Job, decision: Gate, by: str) -> tuple[bool, str]:
    """Activate the new adapter if it may take over; whether it did, and a sentence about it."""
    options, active = job.options, active_adapter(session)
    if options.activate_anyway is not None:
        activate(session, job.name, reason=options.activate_anyway, by=by)
        return True, f"It is active, because a person said so: {options.activate_anyway.strip()}"
    if not options.activate:
        return False, f"It was not activated, as asked: caseloop adapters activate {job.name}"
    if not decision.passed:
        return False, f"{job.parent.name} stays active."
    if active is not None and active.name != job.parent.name:
        return False, (
            f"It was not activated: {active.name} became active meanwhile and was not compared. "
            f"To choose it: caseloop adapters activate {job.name}"
        )
    activate(session, job.name, reason=decision.sentence, by=by)
    return True, "It is active now."


def _publish(settings: Settings, job: Job) -> Path:
    """Copy the finished adapter to where adapters live: it is there as a whole or not at all."""
    source, target = job.directory / "adapter", settings.adapters / job.name
    if target.exists():
        # Left by a run that was killed between here and the store: nothing refers to it yet.
        shutil.rmtree(target)
    draft = target.with_name(f".{job.name}.{os.getpid()}.tmp")
    try:
        shutil.copytree(source, draft)
        for path in (*draft.iterdir(), draft):
            flush_to_disk(path)
        draft.rename(target)
        flush_to_disk(target.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return target


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DeskError(f"Expected figures of the run in {path}; it cannot be read. Resume the run.") from error
    return values if isinstance(values, dict) else {}
