"""A decision for a note's copies: offered once it is made, applied when a person asks for it, and taken back."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from app.access.guard import current_reviewer
from app.core.desk import Desk
from app.screens.replies import answer_with
from db.people.acting import acting
from db.review.lifecycle.relatives import decide_copies, undo_copies

Reviewer = Annotated[str, Depends(current_reviewer)]
Name = Annotated[str, Field(pattern=r"^[0-9a-z]{12,40}$")]


class Applied(BaseModel):
    """A decided note whose copies are to be decided alike, under a name that the page made up."""

    model_config = ConfigDict(extra="forbid")

    note: Annotated[int, Field(ge=1, lt=1 << 62)]
    name: Name


class TakenBack(BaseModel):
    """What is to be undone."""

    model_config = ConfigDict(extra="forbid")

    name: Name


def routes(desk: Desk) -> APIRouter:
    """`POST /copies` and `/copies/undo`."""
    router = APIRouter(prefix="/copies")

    @router.post("")
    def applied(asked: Applied, by: Reviewer) -> JSONResponse:
        return answer_with(lambda: apply(desk, by, asked))

    @router.post("/undo")
    def undone(asked: TakenBack, by: Reviewer) -> JSONResponse:
        return answer_with(lambda: take_back(desk, by, asked))

    return router


def apply(desk: Desk, reviewer: str, asked: Applied) -> dict[str, Any]:
    """Decide about the copies as about the note; how many."""
    with acting(desk.store, reviewer, "review") as act:
        return {"n": decide_copies(act, desk.task, note_id=asked.note, name=asked.name)}


def take_back(desk: Desk, reviewer: str, asked: TakenBack) -> dict[str, Any]:
    """Undo that; how many, and how many somebody has worked on since."""
    with acting(desk.store, reviewer, "review") as act:
        done = undo_copies(act, desk.task, name=asked.name)
    return {"n": done.n_done, "n_left_alone": done.n_left_alone}
