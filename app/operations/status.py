"""What `caseloop status` tells."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from app.core.desk import Desk
from app.operations.task_fit import adapter_fit
from app.training.material import describe_left_out
from app.training.requests import run_name
from app.worker.calibration import Trust, trust_in
from app.worker.prefill import WORKER
from db.notes.queue.search import Counts, counts
from db.notes.suggestions import count_without
from db.store.heartbeats import HeartbeatRow, heartbeat
from db.training.adapters import active_adapter
from db.training.runs import TrainingRunRow, list_runs

SUPERVISOR = "supervisor"
SILENT_S = 45.0
"""A worker that has said nothing for so long is not there."""


@dataclass(frozen=True)
class Status:
    """The state of a desk.

    Attributes:
        n_waiting: notes that wait for a suggestion of the active adapter.
        adapter: name of the active adapter, None where there is none.
        adapter_fit: what is to be said of the fields that it was trained for; empty where they are the task's.
        worker: what the worker last said, None where it never spoke.
        worker_silent_s: seconds since then.
        last_hang: the last time that a process did nothing any more and was started again; None where it never was.
        last_run: the newest training run.
        home: the desk's directory.
        is_readonly: whether it could be opened for reading only.
        store_bytes: size of the database, of a file with its log.
        database: which database it is, with its version.
        trust: what the active adapter's confidence rests on, None where there is no adapter.
        wal_safe: whether the SQLite in use, if it is, is free of the bug that can damage a write-ahead log.
    """

    counts: Counts
    n_waiting: int
    adapter: str | None
    adapter_fit: str
    worker: HeartbeatRow | None
    worker_silent_s: float | None
    last_hang: HeartbeatRow | None
    last_run: TrainingRunRow | None
    home: str
    is_readonly: bool
    store: str
    store_bytes: int
    database: str
    wal_safe: bool
    journal_mode: str
    trust: Trust | None = None

    @property
    def worker_state(self) -> str:
        """The worker in a few words."""
        if self.worker is None or self.worker_silent_s is None or self.worker_silent_s > SILENT_S:
            return "not running"
        return str(self.worker.payload.get("state", "unknown"))

    def to_json(self) -> dict[str, Any]:
        """The status as plain JSON values."""
        run = self.last_run
        return {
            "counts": asdict(self.counts),
            "n_waiting": self.n_waiting,
            "adapter": self.adapter,
            "confidence": None if self.trust is None else self.trust.to_json(),
            "adapter_fit": self.adapter_fit,
            "worker": {"state": self.worker_state, "silent_s": self.worker_silent_s}
            | ({} if self.worker is None else {"last": self.worker.payload, "at": self.worker.at.isoformat()}),
            "last_hang": None
            if self.last_hang is None
            else {**self.last_hang.payload, "at": self.last_hang.at.isoformat()},
            "last_run": None
            if run is None
            else {
                "id": run.id,
                "name": run_name(run.id),
                "status": run.status,
                "message": run.message,
                "gate": run.gate,
                "left_out": describe_left_out(run.config),
            },
            "home": {"path": self.home, "readonly": self.is_readonly},
            "store": {
                "path": self.store,
                "bytes": self.store_bytes,
                "database": self.database,
                "journal_mode": self.journal_mode,
            },
            "sqlite": {"version": self.database.removeprefix("SQLite "), "wal_safe": self.wal_safe}
            if self.database.startswith("SQLite")
            else None,
        }


def read_status(desk: Desk) -> Status:
    """Look at the store once.

    Raises:
        StoreError: it cannot be read.
    """
    store = desk.store
    with store.reading() as session:
        adapter, beat, hang = active_adapter(session), heartbeat(session, WORKER), heartbeat(session, SUPERVISOR)
        runs = list_runs(session, limit=1)
        figures = counts(session)
        trust = trust_in(desk.settings, session, adapter) if adapter else None
        n_waiting = count_without(session, adapter.name) if adapter else figures.n_todo
    silent_s = None if beat is None else round((datetime.now(UTC) - beat.at).total_seconds(), 1)
    return Status(
        counts=figures,
        n_waiting=n_waiting,
        adapter=adapter.name if adapter else None,
        adapter_fit=adapter_fit(adapter, desk.task) if adapter else "",
        worker=beat,
        worker_silent_s=silent_s,
        last_hang=hang,
        last_run=runs[0] if runs else None,
        home=str(desk.settings.home),
        is_readonly=store.readonly,
        store=store.place,
        store_bytes=store.n_bytes(),
        database=store.database,
        wal_safe=store.wal_safe,
        journal_mode=store.journal_mode,
        trust=trust,
    )
