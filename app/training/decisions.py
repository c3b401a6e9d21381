"""What people decide about adapters: activate, activate anyway, reject, roll back; one rule for screens and commands.

An adapter that did not pass its gate, or that somebody rejected, takes over only with a reason. The decision is kept
with the verdict on the adapter's run; the store's history of activations is beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from app.core.adapters import activate_present, check_current, named_adapter
from app.core.errors import DeskError, InputError
from app.core.settings import Settings
from db.people.audit import record
from db.people.roles import require
from db.store.store import Session
from db.training.adapters import AdapterRow, active_adapter, rollback
from db.training.runs import TrainingRunRow, list_runs, update_run

DecisionKind = Literal["activated", "activated anyway", "rejected", "rolled back"]


def decided(
    gate: Mapping[str, Any], kind: DecisionKind, *, by: str, reason: str, at: datetime | None = None
) -> dict[str, Any]:
    """A verdict as it is kept, with a decision; those before it are kept in `earlier_decisions`.

    Args:
        gate: the verdict so far.
        kind: what was decided.
        by: who did.
        reason: why.
        at: when; now if left out.
    """
    earlier = [*gate.get("earlier_decisions", ()), *([gate["decision"]] if gate.get("decision") else ())]
    moment = (at or datetime.now(UTC)).isoformat()
    decision = {"kind": kind, "by": by, "at": moment, "reason": reason}
    return {**gate, "decision": decision, "earlier_decisions": earlier}


def run_that_made(session: Session, name: str) -> TrainingRunRow | None:
    """The run of this desk that an adapter comes from; None where it came from elsewhere."""
    return next((run for run in list_runs(session, limit=None) if run.adapter == name), None)


def rejection(gate: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Who rejected an adapter, when and why, where that is the last decision about it."""
    decision = (gate or {}).get("decision") or {}
    return dict(decision) if decision.get("kind") == "rejected" else None


def activate_adapter(settings: Settings, session: Session, name: str, *, reason: str, by: str) -> AdapterRow:
    """Let an adapter take over, and keep who said so and why.

    Args:
        settings: where adapters are.
        session: of a transaction.
        name: of the adapter.
        reason: why; blank is enough for one that passed its gate and was not rejected.
        by: who says so.

    Raises:
        DeskError: there is no such adapter, or its files are gone.
        InputError: it needs a reason.
    """
    named_adapter(session, name)
    run, why = run_that_made(session, name), reason.strip()
    objection = _objection(run)
    if objection and not why:
        raise InputError(f"{name} {objection}, so activating it needs a reason. Write why it should take over.")
    why = why or "chosen by a person"
    row = activate_present(settings, session, name, reason=why, by=by)
    if run is not None and run.gate:
        kind: DecisionKind = "activated anyway" if objection else "activated"
        _keep(session, run, kind, by=by, reason=why)
    return row


def reject_adapter(session: Session, name: str, *, reason: str, by: str) -> AdapterRow:
    """Mark an adapter as rejected: it stays listed, and takes over later only with a reason.

    Raises:
        DeskError: there is no such adapter, it is the active one, or no run of this desk made it.
        InputError: there is no reason.
    """
    require(session, by, "decide about an adapter")
    row, active = named_adapter(session, name), active_adapter(session)
    if not reason.strip():
        raise InputError(f"Rejecting {name} needs a reason. Write one; others will read it.")
    if active is not None and active.name == name:
        raise DeskError(f"{name} is active and cannot be rejected. Roll back or activate another adapter first.")
    run = run_that_made(session, name)
    if run is None or not run.gate:
        raise DeskError(
            f"{name} was not made by a training run of this desk and cannot be rejected. Leave it inactive."
        )
    _keep(session, run, "rejected", by=by, reason=reason.strip())
    record(session, by, "rejected", f"adapter {name}", reason=reason.strip())
    return row


def roll_back(settings: Settings, session: Session, *, by: str, reason: str = "") -> AdapterRow:
    """Return to the adapter that was active before, and keep that with the verdict on the one that goes.

    Raises:
        DeskError: its model came with another version of caseloop, or its files are others'.
        StoreError: none was active before.
    """
    leaving, why = active_adapter(session), reason.strip() or "rolled back"
    row = rollback(session, by=by, reason=why)
    check_current(settings, row)
    run = run_that_made(session, leaving.name) if leaving else None
    if run is not None and run.gate:
        _keep(session, run, "rolled back", by=by, reason=why)
    return row


def _objection(run: TrainingRunRow | None) -> str:
    """Why an adapter must not take over without a word; empty where nothing speaks against it."""
    if run is None or not run.gate:
        return ""
    rejected = rejection(run.gate)
    if rejected is not None:
        return f"was rejected by {rejected['by']} ({rejected['reason']})"
    return "" if run.gate.get("passed") else "did not pass its gate"


def _keep(session: Session, run: TrainingRunRow, kind: DecisionKind, *, by: str, reason: str) -> None:
    update_run(session, run.id, gate=decided(run.gate or {}, kind, by=by, reason=reason))
