"""What the queue asks when something that was imported is to go: the imports so far, and what a deletion takes."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from app.access.guard import current_reviewer
from app.core.desk import Desk
from app.operations.deleting import Deleted, delete
from app.operations.undoing import describe_going, foresee_undo, undo_import
from app.screens.queue.bulk import Chosen, Number
from app.screens.replies import answer_with
from data.text.figures import plural
from db.notes.imports import ImportRow, list_imports
from db.people.acting import require
from db.review.bulk import Many
from db.review.lifecycle.deletion import MAX_REASON_CHARACTERS, foresee

Reviewer = Annotated[str, Depends(current_reviewer)]
Why = Annotated[str, Field(max_length=MAX_REASON_CHARACTERS)]


class Meant(Chosen):
    """Notes that are to go, with their older versions."""

    @property
    def many(self) -> Many:
        """What the store is asked for."""
        return replace(super().many, with_older=True)


class Unwanted(Meant):
    """The same, agreed to."""

    reason: Why
    expected: Number


class Undone(BaseModel):
    """An import that is to be undone."""

    model_config = ConfigDict(extra="forbid")

    number: Number
    force: bool = False


class Undo(Undone):
    """The same, agreed to."""

    reason: Why
    expected: Number


def routes(desk: Desk) -> APIRouter:
    """`POST /queue/delete/plan`, `/queue/delete`, `/queue/imports`, `/queue/imports/plan` and `/queue/imports/undo`."""
    router = APIRouter(prefix="/queue")

    @router.post("/delete/plan")
    def planned(meant: Meant, by: Reviewer) -> JSONResponse:
        return answer_with(lambda: plan(desk, by, meant))

    @router.post("/delete")
    def deleted(unwanted: Unwanted, by: Reviewer) -> JSONResponse:
        return answer_with(lambda: remove(desk, by, unwanted))

    @router.post("/imports")
    def imports(by: Reviewer) -> JSONResponse:
        return answer_with(lambda: show_imports(desk, by))

    @router.post("/imports/plan")
    def foreseen(undone: Undone, by: Reviewer) -> JSONResponse:
        return answer_with(lambda: plan_undo(desk, by, undone))

    @router.post("/imports/undo")
    def undid(undo: Undo, by: Reviewer) -> JSONResponse:
        return answer_with(lambda: take_back(desk, by, undo))

    return router


def plan(desk: Desk, reviewer: str, meant: Meant) -> dict[str, Any]:
    """What a deletion would take; nothing is deleted."""
    with desk.store.reading() as session:
        require(session, reviewer, "delete notes")
        going = foresee(session, meant.many)
    return {"n_notes": going.n_notes, "told": describe_going(going), "upto": going.upto}


def remove(desk: Desk, reviewer: str, unwanted: Unwanted) -> dict[str, Any]:
    """Delete notes for good."""
    done = delete(desk, unwanted.many, by=reviewer, reason=unwanted.reason, expected=unwanted.expected)
    return _report(done)


def show_imports(desk: Desk, reviewer: str) -> dict[str, Any]:
    """The imports, newest first."""
    with desk.store.reading() as session:
        require(session, reviewer, "import notes")
        return {"imports": [_import_as_json(row) for row in list_imports(session)]}


def plan_undo(desk: Desk, reviewer: str, undone: Undone) -> dict[str, Any]:
    """What undoing an import would take; nothing is deleted."""
    with desk.store.reading() as session:
        require(session, reviewer, "delete notes")
    going = foresee_undo(desk, undone.number, force=undone.force)
    return {"n_notes": going.n_notes, "told": going.told, "n_staying": going.n_staying}


def take_back(desk: Desk, reviewer: str, undo: Undo) -> dict[str, Any]:
    """Undo an import."""
    done = undo_import(desk, undo.number, by=reviewer, reason=undo.reason, force=undo.force, expected=undo.expected)
    stay = f" {plural(done.n_staying, 'note')} stayed: somebody has worked on them." if done.n_staying else ""
    return {**_report(done.deleted), "stay": stay}


def _report(done: Deleted) -> dict[str, Any]:
    return {"n_notes": done.n_notes, "sentences": done.sentences(), "is_finished": not done.why_unfinished}


def _import_as_json(row: ImportRow) -> dict[str, Any]:
    counted = [(row.n_added, "added"), (row.n_known, "already here"), (row.n_updated, "corrected")]
    counted += [(row.n_superseded, "replaced"), (row.n_refused, "refused")]
    return {
        "number": row.id,
        "at": row.begun_at.isoformat(),
        "by": row.brought_by,
        "source": row.source,
        "files": row.files,
        "n_more": row.n_files - len(row.files),
        "counted": ", ".join(f"{n:,} {what}" for n, what in counted if n or what == "added"),
        "n_here": row.n_here,
        "is_ended": row.ended_at is not None,
        "undone": None if row.undone_at is None else row.undone_by,
    }
