"""The samples on the desk: what the queue says of them, the chip on each, and taking all of them out."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse
from markupsafe import Markup
from pydantic import BaseModel, ConfigDict, Field

from app.access.guard import current_reviewer
from app.core.desk import Desk
from app.core.templates import Pieces
from app.screens.replies import answer_with
from db.notes.samples import Samples, remove_samples, samples_of
from db.people.acting import acting
from db.store.store import Session

Reviewer = Annotated[str, Depends(current_reviewer)]
Number = Annotated[int, Field(ge=0, lt=1 << 62)]

_HTML = Pieces("screens/queue/queue.html")


class Seen(BaseModel):
    """What a person was told would go."""

    model_config = ConfigDict(extra="forbid")

    n_notes: Number
    n_decided: Number
    n_drafts: Number
    n_opinions: Number


def routes(desk: Desk) -> APIRouter:
    """`POST /queue/samples` and `POST /queue/samples/remove`."""
    router = APIRouter(prefix="/queue/samples")

    @router.post("")
    def look_at_samples(by: Reviewer) -> JSONResponse:
        return answer_with(lambda: look(desk))

    @router.post("/remove")
    def remove_samples(seen: Seen, by: Reviewer) -> JSONResponse:
        return answer_with(lambda: remove(desk, by, seen))

    return router


def look(desk: Desk) -> dict[str, Any]:
    """What would go, in numbers and in words."""
    with desk.store.reading() as session:
        found = samples_of(session)
    return {"seen": {name: asdict(found)[name] for name in Seen.model_fields}, "told": found.told}


def remove(desk: Desk, reviewer: str, seen: Seen) -> dict[str, Any]:
    """Take the samples out, if they are still what the person was told."""
    with acting(desk.store, reviewer, "import notes") as act:
        gone = remove_samples(act, seen=Samples(**seen.model_dump()))
    return {"told": f"{gone.told} removed."}


def samples_line(session: Session) -> Markup:
    """What the queue says of the samples, with the button for a lead; hidden where there are none."""
    return _HTML.samples(samples_of(session))
