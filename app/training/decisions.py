"""What people decide about adapters: activate, activate anyway, reject, roll back; one rule for screens and commands.

An adapter that did not pass its gate, or that somebody rejected, takes over only with a reason. The decision is kept
with the verdict on the adapter's run; the store's history of activations is beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.core.adapters import activate_present, check_current, named_adapter
from app.core.errors import DeskError, InputError
from app.core.settings import Settings
from data.gate.verdict import DecisionKind, with_decision
from db.people.acting import LeadAct
from db.store.store import Session
from db.training.adapters import AdapterRow, active_adapter, rollback
from db.training.runs import TrainingRunRow, list_runs, update_run


def run_that_made(session: Session, name: str) -> TrainingRunRow | None:
    """The run of this desk that an adapter comes from; None where it came from elsewhere."""
    return next((run for run in list_runs(session, limit=None) if run.adapter == name), None)


def rejection(gate: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Who rejected an adapter, when and why, where that is the last decision about it."""
    decision = (gate or {}).get("decision") or {}
    return dict(decision) if decision.get("kind") == "rejected" else None


def activate_adapter(act: LeadAct, settings: Settings, name: str, *, reason: str) -> AdapterRow:
    """Let an adapter take over, and keep who said so and why.

    Args:
        act: of whoever says so.
        settings: where adapters are.
        name: of the adapter.
        reason: why; blank is enough for one that passed its gate and was not rejected.

    Raises:
        DeskError: there is no such adapter, or its files are gone.
        InputError: it needs a reason.
    """
    named_adapter(act.session, name)
    run, why = run_that_made(act.session, name), reason.strip()
    objection = _objection(run)
    if objection and not why:
        raise InputError(f"{name} {objection}, so activating it needs a reason. Write why it should take over.")
    why = why or "chosen by a person"
    row = activate_present(act, settings, name, reason=why)
    if run is not None and run.gate:
        kind: DecisionKind = "activated anyway" if objection else "activated"
        _keep(act, run, kind, reason=why)
    return row


def reject_adapter(act: LeadAct, name: str, *, reason: str) -> AdapterRow:
    """Mark an adapter as rejected: it stays listed, and takes over later only with a reason.

    Raises:
        DeskError: there is no such adapter, it is the active one, or no run of this desk made it.
        InputError: there is no reason.
    """
    row, active = named_adapter(act.session, name), active_adapter(act.session)
    if not reason.strip():
        raise InputError(f"Rejecting {name} needs a reason. Write one; others will read it.")
    if active is not None and active.name == name:
        raise DeskError(f"{name} is active and cannot be rejected. Roll back or activate another adapter first.")
    run = run_that_made(act.session, name)
    if run is None or not run.gate:
        raise DeskError(
            f"{name} was not made by a training run of this desk and cannot be rejected. Leave it inactive."
        )
    _keep(act, run, "rejected", reason=reason.strip())
    act.record("rejected", f"adapter {name}", reason=reason.strip())
    return row


def roll_back(act: LeadAct, settings: Settings, *, reason: str = "") -> AdapterRow:
    """Return to the adapter that was active before, and keep that with the verdict on the one that goes.

    Raises:
        DeskError: its model came with another version of caseloop, or its files are others'.
        StoreError: none was active before.
    """
    leaving, why = active_adapter(act.session), reason.strip() or "rolled back"
    row = rollback(act, reason=why)
    check_current(settings, row)
    run = run_that_made(act.session, leaving.name) if leaving else None
    if run is not None and run.gate:
        _keep(act, run, "rolled back", reason=why)
    return row


def _objection(run: TrainingRunRow | None) -> str:
    """Why an adapter must not take over without a word; empty where nothing speaks against it."""
    if run is None or not run.gate:
        return ""
    rejected = rejection(run.gate)
    if rejected is not None:
        return f"was rejected by {rejected['by']} ({rejected['reason']})"
    return "" if run.gate.get("passed") else "did not pass its gate"


def _keep(act: LeadAct, run: TrainingRunRow, kind: DecisionKind, *, reason: str) -> None:
    update_run(act, run.id, gate=with_decision(run.gate or {}, kind, by=act.who, reason=reason))
