"""Heartbeats: what a process last said about itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from db.people.acting import Program
from db.schema import tables as t
from db.schema.dialects import insert_into


@dataclass(frozen=True)
class HeartbeatRow:
    """The last word of a process: what it is, what it said and when (UTC)."""

    what: str
    payload: dict[str, Any]
    at: datetime


def set_heartbeat(program: Program, what: str, payload: Mapping[str, Any]) -> None:
    """Replace the last word of `what`, for example `worker`. The payload is JSON and holds no note text."""
    beat = {"payload": dict(payload), "beat_at": t.now()}
    program.session.execute(
        insert_into(program.session, t.heartbeat)
        .values(what=what, **beat)
        .on_conflict_do_update(index_elements=["what"], set_=beat)
    )


def heartbeat(session: Session, what: str) -> HeartbeatRow | None:
    """The last word of `what`; None when it never spoke."""
    row = session.execute(sa.select(t.heartbeat).where(t.heartbeat.c.what == what)).one_or_none()
    return HeartbeatRow(what=row.what, payload=row.payload, at=row.beat_at) if row else None


def heartbeats(session: Session) -> list[HeartbeatRow]:
    """The last word of every process that ever spoke, by name."""
    rows = session.execute(sa.select(t.heartbeat).order_by(t.heartbeat.c.what))
    return [HeartbeatRow(what=row.what, payload=row.payload, at=row.beat_at) for row in rows]
