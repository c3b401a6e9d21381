"""What the review screen sends: drafts as one types, and decisions.

Plain routes rather than Gradio events, so that the page learns of a refusal by its status and of a lost server by its
silence. The page sends the revision that it saw; the store compares and swaps, and whoever comes second is shown both
versions.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from app.desk import Desk
from app.guard import current_reviewer
from app.ui.marks import marked
from app.ui.review import MAX_COMMENT_CHARACTERS, grounded, told
from data.task import Extraction, TaskError
from db.annotations import discard_draft, save_draft, submit
from db.notes import get_note, next_note
from db.session import Conflict, StoreError, StoreFull
from db.suggestions import suggestion_of

MAX_LEAD_TIME_MS = 24 * 60 * 60 * 1000

Reviewer = Annotated[str, Depends(current_reviewer)]
Number = Annotated[int, Field(ge=1, lt=1 << 62)]


class Draft(BaseModel):
    """What stands in the form: the note it is for, the revision that was seen, and the values."""

    model_config = ConfigDict(extra="forbid")

    note: Number
    revision: Annotated[int, Field(ge=0, lt=1 << 62)]
    draft: Annotated[int, Field(ge=0, lt=1 << 62)] = 0
    suggestion: Number | None = None
    values: dict[str, str | None]
    comment: Annotated[str, Field(max_length=MAX_COMMENT_CHARACTERS)] = ""
    lead_time_ms: Annotated[int, Field(ge=0)] = 0


class Unwanted(BaseModel):
    """A note whose draft is to be thrown away."""

    model_config = ConfigDict(extra="forbid")

    note: Number


class Decision(Draft):
    """A draft that a person stands by; the token makes sending it twice harmless."""

    status: Literal["submitted", "skipped", "flagged"]
    token: Annotated[str, Field(min_length=8, max_length=80)]


def routes(desk: Desk) -> APIRouter:
    """`POST /drafts`, `POST /drafts/discard` and `POST /decisions`."""
    router = APIRouter()

    @router.post("/drafts")
    def drafts(draft: Draft, by: Reviewer) -> JSONResponse:
        return _answer(lambda: keep(desk, by, draft))

    @router.post("/drafts/discard")
    def discarded(unwanted: Unwanted, by: Reviewer) -> JSONResponse:
        return _answer(lambda: discard(desk, by, unwanted))

    @router.post("/decisions")
    def decisions(decision: Decision, by: Reviewer) -> JSONResponse:
        return _answer(lambda: decide(desk, by, decision))

    return router


def keep(desk: Desk, reviewer: str, draft: Draft) -> dict[str, Any]:
    """Store a draft; the answer holds its revision, the note with what was typed marked, and how that rests on it.

    Raises:
        TaskError: the values are not of this task.
        Conflict: someone else changed the note meanwhile; nothing was written.
    """
    values = Extraction(desk.task, draft.values)
    with desk.store.transaction() as session:
        saved = save_draft(
            session,
            note_id=draft.note,
            reviewer=reviewer,
            extraction=values,
            seen_revision=draft.revision,
            comment=draft.comment,
            suggestion_id=draft.suggestion,
            lead_time_ms=min(draft.lead_time_ms, MAX_LEAD_TIME_MS),
            seen_draft=draft.draft,
        )
    with desk.store.reading() as session:
        text, suggestion = get_note(session, draft.note).text, suggestion_of(session, draft.note)
    found = grounded(desk, text, values, suggestion)
    html = marked(desk.task, text, {key: one.spans for key, one in found.items()})
    grounding = {key: told(found.get(key)) for key in desk.task.keys}
    return {"draft": saved.draft_version, "at": stamp(saved.at), "html": html, "grounding": grounding}


def discard(desk: Desk, reviewer: str, unwanted: Unwanted) -> dict[str, Any]:
    """Throw the reviewer's draft of a note away, because they asked for it."""
    with desk.store.transaction() as session:
        return {"discarded": discard_draft(session, note_id=unwanted.note, reviewer=reviewer)}


def decide(desk: Desk, reviewer: str, decision: Decision) -> dict[str, Any]:
    """Store a decision; the answer names the next note to review, or none.

    Raises:
        TaskError: the values are not of this task.
        Conflict: someone else decided meanwhile; nothing was written.
    """
    values = Extraction(desk.task, decision.values)
    with desk.store.transaction() as session:
        saved = submit(
            session,
            note_id=decision.note,
            reviewer=reviewer,
            status=decision.status,
            extraction=values,
            seen_revision=decision.revision,
            suggestion_id=decision.suggestion,
            comment=decision.comment.strip(),
            lead_time_ms=min(decision.lead_time_ms, MAX_LEAD_TIME_MS),
            token=decision.token,
        )
    with desk.store.reading() as session:
        following = next_note(session, after=decision.note) or next_note(session)
    return {"revision": saved.revision, "at": stamp(saved.at), "repeated": saved.repeated, "next": following}


def _answer(action: Callable[[], dict[str, Any]]) -> JSONResponse:
    """Run `action`; every way in which it can fail becomes a status and a sentence."""
    try:
        return JSONResponse(action())
    except Conflict as error:
        return JSONResponse(_both(error), 409)
    except TaskError as error:
        return JSONResponse({"detail": str(error)}, 422)
    except StoreFull as error:
        return JSONResponse({"detail": str(error)}, 507)
    except StoreError as error:
        return JSONResponse({"detail": str(error)}, 503)


def _both(conflict: Conflict) -> dict[str, Any]:
    """What the page needs to show the other version beside the reader's own."""
    theirs = conflict.theirs or conflict.draft
    if conflict.draft is not None:
        who, done = "another window of yours", "has a newer draft of this note"
    else:
        who = theirs.reviewer if theirs else "nobody"
        done = "decided this note while you had it open" if theirs else "decided this note; reload the page"
    return {
        "detail": f"{who[0].upper()}{who[1:]} {done}. Nothing was overwritten; your values are still in the form.",
        "theirs": {
            "who": who,
            "revision": conflict.revision,
            "draft": conflict.draft.version if conflict.draft else 0,
            "values": dict(theirs.extraction) if theirs else {},
        },
    }


def stamp(at: datetime) -> str:
    """A time as the page reads it."""
    return at.isoformat()
