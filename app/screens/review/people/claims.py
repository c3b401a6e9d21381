"""Claims of notes on a desk where several people sign in: what comes next for whom, and who has a note open.

A desk without sign-in has one reviewer, who never waits for a claim. Where the store cannot be written, reviewers go
on without claims: the revision that each page sends keeps their saves apart.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from app.access.guard import current_reviewer
from app.core.desk import Desk
from app.core.logs import place
from app.screens.replies import answer_with
from app.screens.review.people.tabs import Tab, tabs_of
from db.notes.queue.claims import Find, give, give_back, hold, n_held_by_others, read_held, renew
from db.people.acting import LOCAL, acting
from db.schema.errors import StoreError
from db.store.store import Session

_log = logging.getLogger(__name__)

Number = Annotated[int, Field(ge=1, lt=1 << 62)]


class Left(BaseModel):
    """Notes that a page had and has no more."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    notes: Annotated[list[Number], Field(max_length=200)]


def routes(desk: Desk) -> APIRouter:
    """`POST /claims/give-back`."""
    router = APIRouter()

    @router.post("/claims/give-back")
    def give_back(left: Left, by: Annotated[str, Depends(current_reviewer)], tab: Tab = "") -> JSONResponse:
        return answer_with(lambda: leave(desk, by, left.notes, tab))

    return router


def claim_next(
    desk: Desk, reviewer: str, find: Find, *, limit: int, keep: Collection[int] = (), tab: str = ""
) -> list[int]:
    """The next notes for a reviewer's tab, claimed; see `db.notes.queue.claims.give`. Other tabs keep theirs."""
    if reviewer != LOCAL:
        tabs = tabs_of(desk.store)
        try:
            got = give(desk.store, reviewer, find, limit=limit, keep={*keep, *tabs.others(reviewer, tab)})
            tabs.hear(reviewer, tab, {*keep, *got})
            return got
        except StoreError as error:
            _log.warning("notes could not be claimed: %s", place(error))
    with desk.store.reading() as session:
        return list(find(session, limit))


def claim_opened(desk: Desk, reviewer: str, note_id: int, *, keep: Collection[int] = (), tab: str = "") -> None:
    """Claim a note that was opened by hand, if nobody else has it."""
    if reviewer == LOCAL:
        return
    tabs = tabs_of(desk.store)
    keep = {*keep, note_id}
    try:
        with acting(desk.store, reviewer, "review") as act:
            hold(act, note_id, keep=keep | tabs.others(reviewer, tab))
        tabs.hear(reviewer, tab, keep)
    except StoreError as error:
        _log.warning("a note could not be claimed: %s", place(error))


def holder(session: Session, reviewer: str, note_id: int) -> str | None:
    """Who else has a note open."""
    return None if reviewer == LOCAL else read_held(session, reviewer, note_id).by


def open_elsewhere(session: Session, reviewer: str) -> int:
    """How many notes that wait others have open."""
    return 0 if reviewer == LOCAL else n_held_by_others(session, reviewer)


def beat(desk: Desk, reviewer: str, note_id: int | None, *, is_active: bool, tab: str = "") -> dict[str, Any]:
    """What a page that is open learns every few seconds: who else has its note, and which notes are still its own.

    Args:
        desk: the desk.
        reviewer: whose page it is.
        note_id: the note on screen.
        is_active: whether the reviewer did something since the last time; then the claims last longer.
        tab: which of the reviewer's tabs it is.
    """
    if reviewer == LOCAL:
        return {}
    tabs_of(desk.store).hear(reviewer, tab)
    with desk.store.reading() as session:
        found = read_held(session, reviewer, note_id)
    if found.is_due and is_active:
        try:
            with acting(desk.store, reviewer, "review") as act:
                renew(act, note_id)
                found = read_held(act.session, reviewer, note_id)
        except StoreError as error:
            _log.warning("claims could not be renewed: %s", place(error))
    return {"held_by": found.by, "claims": list(found.own)}


def leave(desk: Desk, reviewer: str, notes: Collection[int], tab: str = "") -> dict[str, Any]:
    """Give back what a page had that is closed now, but for what another tab of the same person has."""
    if reviewer != LOCAL:
        tabs = tabs_of(desk.store)
        tabs.forget(reviewer, tab)
        notes = set(notes) - tabs.others(reviewer, tab)
        with acting(desk.store, reviewer, "review") as act:
            for note_id in notes:
                give_back(act, note_id)
    return {"given_back": len(notes)}
