"""Training runs, evaluations, heartbeats and reviewers."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from db.people.reviewers import find_reviewer, list_reviewers
from db.schema.errors import StoreError, UnknownRun
from db.store.heartbeats import heartbeat, heartbeats, set_heartbeat
from db.training.runs import add_evaluation, create_run, evaluations, get_run, list_runs, next_requested, update_run
from tests.kit.desk.permits import enlist, person_in, program_in
from tests.kit.desk.stores import empty_session as session
from tests.kit.desk.stores import store

__all__ = ["session", "store"]


def test_a_run_from_request_to_end(session: Session) -> None:
    run = create_run(person_in(session, "ada"), config={"epochs": 1})
    assert (run.status, run.config, run.requested_by, run.started_at) == ("requested", {"epochs": 1}, "ada", None)
    running = update_run(
        program_in(session), run.id, status="running", directory="runs/1", pid=42, snapshot_fingerprint="f" * 64
    )
    assert running.started_at is not None
    assert (running.directory, running.pid, running.ended_at) == ("runs/1", 42, None)
    counted = update_run(
        program_in(session), run.id, n_rows=3, n_originals=2, n_annotations=1, n_holdout=1, message="Step 1 of 2."
    )
    assert (counted.n_rows, counted.n_holdout, counted.message) == (3, 1, "Step 1 of 2.")
    gate = {"passed": True, "sentence": "Better."}
    ended = update_run(
        program_in(session), run.id, status="finished", pid=None, adapter="new", metrics={"new": {}}, gate=gate
    )
    assert ended == get_run(session, run.id)
    assert (ended.pid, ended.adapter, ended.gate) == (None, "new", gate)
    assert ended.ended_at is not None
    assert ended.ended_at >= running.started_at


def test_an_interrupted_run_can_go_on(session: Session) -> None:
    run = create_run(person_in(session, "ada"), config={})
    first = update_run(program_in(session), run.id, status="running")
    assert update_run(program_in(session), run.id, status="interrupted").ended_at is not None
    again = update_run(program_in(session), run.id, status="running")
    assert (again.started_at, again.ended_at) == (first.started_at, None)


@pytest.mark.parametrize("changes", [{"status": "done"}, {"speed": 3}, {"requested_by": "bob"}])
def test_wrong_changes_are_said(session: Session, changes: dict[str, Any]) -> None:
    run = create_run(person_in(session, "ada"), config={})
    with pytest.raises(StoreError, match=r"Expected .* found"):
        update_run(program_in(session), run.id, **changes)
    assert get_run(session, run.id) == run


def test_a_finished_run_stays_finished(session: Session) -> None:
    run = create_run(person_in(session, "ada"), config={})
    update_run(program_in(session), run.id, status="finished")
    with pytest.raises(StoreError, match="stay finished"):
        update_run(program_in(session), run.id, status="running")
    assert update_run(program_in(session), run.id, message="Activated.").message == "Activated."
    with pytest.raises(UnknownRun):
        update_run(program_in(session), 99, message="")


def test_the_longest_waiting_is_next(session: Session) -> None:
    assert next_requested(session) is None
    for _ in range(3):
        create_run(person_in(session, "ada"), config={})
    update_run(program_in(session), 1, status="running")
    waiting = next_requested(session)
    assert waiting is not None
    assert waiting.id == 2
    assert [run.id for run in list_runs(session)] == [3, 2, 1]
    assert [run.id for run in list_runs(session, status="requested", limit=1)] == [3]


def test_evaluations_are_kept(session: Session) -> None:
    run = create_run(person_in(session, "ada"), config={})
    for name in ("a", "b"):
        added = add_evaluation(
            program_in(session),
            adapter=name,
            run_id=run.id,
            data_fingerprint="d" * 64,
            n_notes=9,
            metrics={"n_notes": 9},
        )
        assert added == evaluations(session, name)[0]
    add_evaluation(program_in(session), adapter="a", run_id=None, data_fingerprint="e" * 64, n_notes=1, metrics={})
    assert [row.data_fingerprint[0] for row in evaluations(session, "a")] == ["e", "d"]
    assert len(evaluations(session)) == 3
    with pytest.raises(sa.exc.IntegrityError, match="never changed"):
        session.execute(sa.text("UPDATE evaluation SET n_notes = 0"))
    session.rollback()


def test_a_heartbeat_is_the_last_word(session: Session) -> None:
    assert heartbeat(session, "worker") is None
    for state in ("loading", "idle"):
        set_heartbeat(program_in(session), "worker", {"state": state, "n_done": 3})
    set_heartbeat(program_in(session), "training", {"state": "busy"})
    beat = heartbeat(session, "worker")
    assert beat is not None
    assert beat.payload == {"state": "idle", "n_done": 3}
    assert beat.at.utcoffset() is not None
    assert [row.what for row in heartbeats(session)] == ["training", "worker"]


def test_reviewers_are_added_once(session: Session) -> None:
    assert enlist(session, "ada") == enlist(session, "ada")
    enlist(session)
    assert find_reviewer(session, "nobody") is None
    assert [(row.name, row.role) for row in list_reviewers(session)] == [("ada", "reviewer"), ("local", "admin")]
