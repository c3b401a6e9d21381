"""Adapters, and which one is active: the latest row of an insert-only history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from db.people.acting import LeadAct, Program
from db.schema import tables as t
from db.schema.errors import StoreError, UnknownAdapter


@dataclass(frozen=True)
class AdapterRow:
    """An adapter as its manifest describes it.

    Attributes:
        name: unique; suggestions carry it.
        path: its directory.
        base: the base model it belongs to, and that model's revision.
        prompt_version: the prompt it was trained with.
        weights_sha256: of its weights file.
        parent: the adapter it was trained from, if any.
        run_id: the training run that made it, if this store's.
        metrics: figures of its evaluation, as `Score.to_json()` gives them; empty when never evaluated.
        added_at: set by the store.
    """

    name: str
    path: str
    base: str
    base_revision: str | None
    prompt_version: int
    weights_sha256: str
    parent: str | None = None
    run_id: int | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    added_at: datetime = field(default_factory=t.now)


@dataclass(frozen=True)
class ActivationRow:
    """One change of the active adapter: which, why, who, when; `restores_id` is set by a rollback."""

    id: int
    adapter: str
    reason: str
    by: str
    at: datetime
    restores_id: int | None


def register_adapter(permit: LeadAct | Program, adapter: AdapterRow) -> AdapterRow:
    """Add an adapter. One with the same name and weights is known already: its path and metrics are brought up to date.

    Raises:
        StoreError: the name belongs to other weights.
    """
    session = permit.session
    known = session.execute(_select().where(t.adapter.c.name == adapter.name)).one_or_none()
    values = {**asdict(adapter), "metrics": dict(adapter.metrics)}
    if known is None:
        session.execute(sa.insert(t.adapter).values(**values))
    elif known.weights_sha256 != adapter.weights_sha256:
        raise StoreError(f"{adapter.name!r} is already the name of another adapter. Choose another name.")
    else:
        kept = {"path": adapter.path, "metrics": values["metrics"] or known.metrics}
        session.execute(sa.update(t.adapter).where(t.adapter.c.name == adapter.name).values(**kept))
    return get_adapter(session, adapter.name)


def list_adapters(session: Session) -> list[AdapterRow]:
    """All adapters, oldest first."""
    return [_adapter(row) for row in session.execute(_select().order_by(t.adapter.c.added_at, t.adapter.c.name))]


def get_adapter(session: Session, name: str) -> AdapterRow:
    """The adapter of this name.

    Raises:
        UnknownAdapter: there is none.
    """
    row = session.execute(_select().where(t.adapter.c.name == name)).one_or_none()
    if row is None:
        raise UnknownAdapter(
            f"Expected the name of an adapter; found {name!r}, which none has. `caseloop adapters list` shows them."
        )
    return _adapter(row)


def active_adapter(session: Session) -> AdapterRow | None:
    """The adapter that new suggestions come from; None before the first activation."""
    latest = _latest_activation(session)
    return get_adapter(session, latest.adapter) if latest else None


def activate(permit: LeadAct | Program, name: str, *, reason: str) -> AdapterRow:
    """Make this adapter the active one and keep who did so, when and why. Already active: nothing happens.

    Raises:
        UnknownAdapter: there is none of this name.
    """
    chosen = get_adapter(permit.session, name)
    latest = _latest_activation(permit.session)
    if latest is None or latest.adapter != name:
        _activate(permit, name, reason=reason, restores_id=None)
    return chosen


def rollback(act: LeadAct, *, reason: str = "rolled back") -> AdapterRow:
    """Go back to the adapter that was active before this one; again, to the one before that.

    Raises:
        StoreError: no adapter was active before.
    """
    history = {row.id: row for row in activations(act.session)}
    current = max(history, default=None)
    if current is not None:
        # A rollback stands for the activation it restored, so a second one goes further back, not forth again.
        stands_for = history[current].restores_id or current
        before = max((number for number in history if number < stands_for), default=None)
        if before is not None:
            target = history[before].restores_id or before
            _activate(act, history[target].adapter, reason=reason, restores_id=target)
            return get_adapter(act.session, history[target].adapter)
    raise StoreError("No adapter was active before this one. Activate one by name.")


def activations(session: Session) -> list[ActivationRow]:
    """Every activation and rollback, newest first."""
    return [_activation(row) for row in session.execute(sa.select(t.activation).order_by(t.activation.c.id.desc()))]


def active_name() -> sa.ScalarSelect[str | None]:
    """The active adapter's name, as a part of a query."""
    return sa.select(t.activation.c.adapter).order_by(t.activation.c.id.desc()).limit(1).scalar_subquery()


def _activate(permit: LeadAct | Program, name: str, *, reason: str, restores_id: int | None) -> None:
    activation = {"adapter": name, "reason": reason, "restores_id": restores_id}
    permit.session.execute(sa.insert(t.activation).values(**activation, activated_by=permit.who, activated_at=t.now()))
    permit.record("activated", f"adapter {name}", reason=reason)


def _latest_activation(session: Session) -> ActivationRow | None:
    row = session.execute(sa.select(t.activation).order_by(t.activation.c.id.desc()).limit(1)).one_or_none()
    return _activation(row) if row else None


def _select() -> sa.Select[Any]:
    return sa.select(t.adapter)


def _adapter(row: sa.Row[Any]) -> AdapterRow:
    return AdapterRow(**row._mapping)


def _activation(row: sa.Row[Any]) -> ActivationRow:
    return ActivationRow(
        id=row.id,
        adapter=row.adapter,
        reason=row.reason,
        by=row.activated_by,
        at=row.activated_at,
        restores_id=row.restores_id,
    )
