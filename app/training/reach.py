"""What the next run's judges can show, by what the verdicts of earlier runs have seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.training.material import N_JUDGES
from data.gate.reach import foretell, spread_of
from db.store.store import Session
from db.training.runs import list_runs

N_VERDICTS = 5
"""The newest that are looked at: an older adapter changed by more, as a rule."""


def foretold_reach(session: Session, config: Mapping[str, Any]) -> str:
    """A sentence about how small a gain would show; empty where nobody counted the judges.

    Args:
        session: of the store.
        config: counts by the names of `app.training.material`, of a run's row or foreseen.
    """
    if not config.get(N_JUDGES):
        return ""
    gates = [run.gate for run in list_runs(session, status="finished", limit=4 * N_VERDICTS) if run.gate]
    seen = [(gate.get("detectable"), int(gate.get("n_notes") or 0)) for gate in gates[:N_VERDICTS]]
    return foretell(int(config[N_JUDGES]), spread_of(seen))
