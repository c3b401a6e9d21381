"""What the top bar asks every few seconds, and the health check."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import JSONResponse

from app.access.guard import current_reviewer
from app.core.desk import Desk
from app.operations.task_fit import adapter_fit
from app.screens.review.people.claims import beat
from app.screens.review.people.tabs import Tab
from app.screens.review.wake_worker import ask_for
from app.training.requests import run_name
from data.text.figures import plural
from db.notes.queue.waiting import reason_given_up
from db.notes.suggestions import suggestion_of
from db.people.acting import as_program
from db.schema.errors import StoreError
from db.store.heartbeats import HeartbeatRow, heartbeat, set_heartbeat
from db.store.store import Session
from db.training.adapters import active_adapter
from db.training.runs import list_runs

WORKER = "worker"
READ_LATELY = timedelta(seconds=15)  # a pass over a part of a note takes seconds at most
SILENT_AFTER = timedelta(seconds=45)  # the worker speaks at least every ten seconds


def routes(desk: Desk) -> APIRouter:
    """`GET /healthz` and `GET /status`."""
    router = APIRouter()

    threads = ThreadPoolExecutor(2, "health")  # however many saves wait in the others, this is answered

    def check() -> JSONResponse:
        try:
            with desk.store.reading() as session:
                active_adapter(session)
        except StoreError as error:
            return JSONResponse({"ok": False, "detail": str(error)}, 503)
        return JSONResponse({"ok": True})

    @router.get("/healthz")
    async def healthz() -> JSONResponse:
        return await asyncio.get_running_loop().run_in_executor(threads, check)

    @router.get("/status")
    def status(
        by: Annotated[str, Depends(current_reviewer)],
        note: Annotated[int | None, Query(ge=1, lt=1 << 62)] = None,
        active: str | None = None,
        tab: Tab = "",
    ) -> JSONResponse:
        try:
            seen = look(desk, note) | beat(desk, by, note, is_active=active is not None, tab=tab)
        except StoreError as error:
            return JSONResponse({"detail": str(error)}, 503)
        if note is not None and not seen["has_suggestion"] and seen["share_read"] is None:
            ask_for(desk, by, note)  # the page is still open
        return JSONResponse(seen)

    return router


def look(desk: Desk, note: int | None = None) -> dict[str, Any]:
    """The active adapter, the worker, whether the disk is full, and whether `note` has a suggestion by now."""
    is_full = desk.store.is_full and not _has_room(desk)
    with desk.store.reading() as session:
        adapter, beat = active_adapter(session), heartbeat(session, WORKER)
        running = list_runs(session, status="running", limit=1)
        arrived = note is not None and suggestion_of(session, note) is not None
    state, sentence = worker(beat, datetime.now(UTC))
    if state == "idle" and adapter is not None and adapter_fit(adapter, desk.task):
        sentence = "model ready, but it was trained for other fields"
    if running and state != "busy":  # where there is one GPU the worker makes room for the run
        state, sentence = "busy", f"training {run_name(running[0].id)}"
    return {
        "adapter": adapter.name if adapter else None,
        "worker": {"state": state, "sentence": sentence},
        "has_suggestion": arrived,
        "share_read": None if note is None or arrived else share_read(beat, note, datetime.now(UTC)),
        "is_full": is_full,
    }


def _has_room(desk: Desk) -> bool:
    """Whether something can be written again: only a write tells, and perhaps nobody has anything to save."""
    try:
        with as_program(desk.store) as program:
            set_heartbeat(program, "web", {"state": "looked for room on the disk"})
    except StoreError:
        return False
    return True


def worker(beat: HeartbeatRow | None, now: datetime) -> tuple[str, str]:
    """The worker's state in one word, and in a few for the top bar."""
    if beat is None or now - beat.at > SILENT_AFTER:
        return "absent", "no model running"
    state = str(beat.payload.get("state", ""))
    if state == "idle":
        return "idle", "model ready"
    if state == "busy":
        return "busy", f"pre-filling, {plural(int(beat.payload.get('n_done') or 0), 'note')} done"
    if state == "loading":
        return "busy", "loading the model"
    if state.startswith("failed"):
        return "failed", state.removeprefix("failed").lstrip(": ") or "the model failed"
    return "absent", "no model running"


def share_read(beat: HeartbeatRow | None, note_id: int, now: datetime) -> float | None:
    """How far the model has read a note, 0 to 1, as it said lately; None where it does not read it, or not for long."""
    if beat is None or now - beat.at > READ_LATELY:
        return None
    share = (beat.payload.get("read") or {}).get(str(note_id))
    return float(share) if share is not None else None


def why_none(session: Session, note_id: int) -> str:
    """Why a note has no suggestion, in a few words for its heading."""
    adapter, beat = active_adapter(session), heartbeat(session, WORKER)
    name = str(beat.payload.get("adapter") or "") if beat else ""
    for tried in {name, adapter.name if adapter else ""} - {""}:
        if reason := reason_given_up(session, note_id, tried):
            return f"no suggestion: {reason}"
    state, sentence = worker(beat, datetime.now(UTC))
    if state == "failed":
        return f"no suggestion yet: {sentence}"
    next_one = "" if state == "absent" else "the model reads this note next, and "
    return f"no suggestion yet; {next_one}you can fill it in by hand"
