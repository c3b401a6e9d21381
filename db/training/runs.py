"""Training runs and evaluations: what was asked for, how far it came, what it measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal, get_args

import sqlalchemy as sa
from sqlalchemy.orm import Session

from db.people.acting import LeadAct, Program
from db.schema import tables as t
from db.schema.errors import StoreError, UnknownRun

RunStatus = Literal["requested", "running", "interrupted", "failed", "finished"]
_ENDED = ("interrupted", "failed", "finished")
_FIXED = {"id", "requested_by", "created_at"}


@dataclass(frozen=True)
class TrainingRunRow:
    """One training run.

    Attributes:
        directory: the run directory; None before the run starts.
        pid: the process that trains, while it does.
        config: the options it was asked for with.
        snapshot_fingerprint: of its training rows, of which there are n_rows = n_originals + n_annotations.
        n_holdout: rows it is measured on.
        adapter: the name of the adapter it published.
        message: one sentence for people: progress, or why it failed.
        metrics: figures of the new adapter and of the old one.
        gate: the verdict on the new adapter, as `data.gate.verdict.Verdict.to_json` gives it, whether it took over at
            once (`active`), and what people decided (`decision`); of old runs only `passed`, `sentence`, `old`, `new`,
            `n_notes` and `active`.
    """

    id: int
    status: RunStatus
    directory: str | None
    pid: int | None
    config: dict[str, Any]
    requested_by: str
    snapshot_fingerprint: str | None
    n_rows: int | None
    n_originals: int | None
    n_annotations: int | None
    n_holdout: int | None
    adapter: str | None
    message: str
    metrics: dict[str, Any] | None
    gate: dict[str, Any] | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True)
class EvaluationRow:
    """Figures of one adapter on one set of labelled notes, known by its fingerprint."""

    id: int
    adapter: str
    run_id: int | None
    data_fingerprint: str
    n_notes: int
    metrics: dict[str, Any]
    evaluated_at: datetime


_CHANGEABLE = {field.name for field in fields(TrainingRunRow)} - _FIXED


def create_run(act: LeadAct, *, config: Mapping[str, Any]) -> TrainingRunRow:
    """Ask for a run; it stays `requested` until a process takes it."""
    created = act.session.execute(
        sa.insert(t.training_run)
        .values(status="requested", config=dict(config), requested_by=act.who, message="", created_at=t.now())
        .returning(t.training_run.c.id)
    )
    run = get_run(act.session, created.scalar_one())
    act.record("asked for training", f"run {run.id}")
    return run


def get_run(session: Session, run_id: int) -> TrainingRunRow:
    """The run of this number.

    Raises:
        UnknownRun: there is none.
    """
    row = session.execute(sa.select(t.training_run).where(t.training_run.c.id == run_id)).one_or_none()
    if row is None:
        raise UnknownRun(f"There is no training run {run_id}.")
    return TrainingRunRow(**row._mapping)


def update_run(permit: LeadAct | Program, run_id: int, **changes: Any) -> TrainingRunRow:
    """Change any of a run's fields but its number, who asked for it and when.

    `started_at` is set when the status first becomes `running`, `ended_at` when it becomes one that ends, unless given.

    Raises:
        UnknownRun: there is no such run.
        StoreError: there is no such field or status, or the run is finished and would become something else.
    """
    session = permit.session
    run = get_run(session, run_id)
    unknown = sorted(set(changes) - _CHANGEABLE)
    if unknown:
        raise StoreError(
            f"Expected fields of a training run; found {', '.join(unknown)}. Known: {sorted(_CHANGEABLE)}."
        )
    status = changes.get("status", run.status)
    if status not in get_args(RunStatus):
        raise StoreError(f"Expected one of {', '.join(get_args(RunStatus))}; found {status!r}.")
    if run.status == "finished" and status != "finished":
        raise StoreError(f"Expected training run {run_id} to stay finished; found {status!r}. Ask for a new run.")
    values = {**_times(run, status), **changes}
    if values:
        session.execute(sa.update(t.training_run).where(t.training_run.c.id == run_id).values(**values))
    return get_run(session, run_id)


def next_requested(session: Session) -> TrainingRunRow | None:
    """The run that has waited longest, or None."""
    found = list_runs(session, status="requested", limit=None)
    return found[-1] if found else None


def list_runs(session: Session, *, status: RunStatus | None = None, limit: int | None = 100) -> list[TrainingRunRow]:
    """Runs, newest first."""
    query = sa.select(t.training_run).order_by(t.training_run.c.id.desc()).limit(limit)
    if status is not None:
        query = query.where(t.training_run.c.status == status)
    return [TrainingRunRow(**row._mapping) for row in session.execute(query)]


def add_evaluation(
    program: Program,
    *,
    adapter: str,
    run_id: int | None,
    data_fingerprint: str,
    n_notes: int,
    metrics: Mapping[str, Any],
) -> EvaluationRow:
    """Keep the figures of an adapter on a set of labelled notes. Insert-only."""
    values = {"adapter": adapter, "run_id": run_id, "data_fingerprint": data_fingerprint, "n_notes": n_notes}
    added = program.session.execute(
        sa.insert(t.evaluation).values(**values, metrics=dict(metrics), evaluated_at=t.now()).returning(*t.evaluation.c)
    )
    return EvaluationRow(**added.one()._mapping)


def evaluations(session: Session, adapter: str | None = None) -> list[EvaluationRow]:
    """Evaluations of one adapter, or of all; newest first."""
    query = sa.select(t.evaluation).order_by(t.evaluation.c.id.desc())
    if adapter is not None:
        query = query.where(t.evaluation.c.adapter == adapter)
    return [EvaluationRow(**row._mapping) for row in session.execute(query)]


def n_runs_measured_on(session: Session, data_fingerprint: str) -> int:
    """How many training runs were measured on this set of labelled notes."""
    of_a_run = t.evaluation.c.data_fingerprint == data_fingerprint, t.evaluation.c.run_id.is_not(None)
    return session.execute(sa.select(sa.func.count(t.evaluation.c.run_id.distinct())).where(*of_a_run)).scalar_one()


def _times(run: TrainingRunRow, status: str) -> dict[str, datetime | None]:
    if status == run.status:
        return {}
    if status == "running":
        return {"started_at": run.started_at or t.now(), "ended_at": None}
    return {"ended_at": t.now() if status in _ENDED else None}
