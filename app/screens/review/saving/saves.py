"""What the review screen sends: drafts as one types, decisions, decisions taken back, corrections offered elsewhere.

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

from app.access.guard import current_reviewer
from app.access.visits import visits_of
from app.core.desk import Desk
from app.core.rules import MAX_KEYS, Ended, read_rules, write_keys, write_tour
from app.screens.replies import refusal
from app.screens.review.note.frame import MAX_COMMENT_CHARACTERS
from app.screens.review.note.grounding import ground_values, grounding_as_json, list_left_out, proposed_grounds
from app.screens.review.note.highlights import mark_evidence
from app.screens.review.note.note import apply_newest_curves, confidence_word
from app.screens.review.people.adjudication import adjudication
from app.screens.review.saving.conflicts import both_versions, merge_versions
from app.screens.review.saving.trials import withholding_test
from data.limits import MAX_VALUE_CHARACTERS
from data.task import Extraction, TaskError
from db.notes.notes import get_note
from db.notes.suggestions import suggestion_of
from db.people.acting import acting
from db.review.decisions import open_review, reopen, submit
from db.review.drafts import discard_draft, save_draft
from db.review.lifecycle.relatives import count_waiting_copies
from db.review.offers import make_offer, same_value, withdraw_offer
from db.review.opinions import is_compared
from db.review.reviewed import latest_annotation
from db.review.revisions import Conflict, revision_of
from db.review.trials import reopen_if_seeded
from db.schema.errors import StoreError

MAX_LEAD_TIME_MS = 24 * 60 * 60 * 1000

Reviewer = Annotated[str, Depends(current_reviewer)]
Number = Annotated[int, Field(ge=1, lt=1 << 62)]


class Draft(BaseModel):
    """What stands in the form: the note it is for, the revision that was seen, and the values."""

    model_config = ConfigDict(extra="forbid")

    note: Number
    revision: Annotated[int, Field(ge=0, lt=1 << 62)]
    draft: Annotated[int, Field(ge=0, lt=1 << 62)] = 0
    opinion: Annotated[int, Field(ge=0, lt=1 << 62)] = 0
    suggestion: Number | None = None
    values: dict[str, str | None]
    settled: Annotated[list[str], Field(max_length=100)] = []
    comment: Annotated[str, Field(max_length=MAX_COMMENT_CHARACTERS)] = ""
    lead_time_ms: Annotated[int, Field(ge=0)] = 0


class Unwanted(BaseModel):
    """What is to be thrown away: a note's draft, or an offer."""

    model_config = ConfigDict(extra="forbid")

    note: Number


class Decision(Draft):
    """A draft that a person stands by; the token makes sending it twice harmless."""

    status: Literal["submitted", "skipped", "flagged"]
    token: Annotated[str, Field(min_length=8, max_length=80)]


class TakenBack(BaseModel):
    """A decision that its reviewer takes back."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    note: Number
    revision: Annotated[int, Field(ge=0, lt=1 << 62)]
    opinion: Annotated[int, Field(ge=0, lt=1 << 62)] = 0
    token: Annotated[str, Field(min_length=8, max_length=80)]


class Same(BaseModel):
    """A correction of one field that might hold for other notes: what the suggestion said, and what it is now."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    note: Number
    field: str
    old_value: Annotated[str, Field(min_length=1, max_length=MAX_VALUE_CHARACTERS)]
    new_value: Annotated[str, Field(max_length=MAX_VALUE_CHARACTERS)] | None = None


class Keys(BaseModel):
    """The keys that a reviewer gives to actions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keys: Annotated[dict[str, Annotated[str, Field(min_length=1, max_length=40)]], Field(max_length=MAX_KEYS)]


class Toured(BaseModel):
    """How a reviewer ended the tour."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ended: Ended


def routes(desk: Desk) -> APIRouter:
    """`POST` to `/drafts`, `/decisions` and what takes them back, `/conflicts`, `/offers`, `/keys`, `/tour`."""
    router, seen = APIRouter(), visits_of(desk.store)

    @router.post("/drafts")
    def drafts(draft: Draft, by: Reviewer) -> JSONResponse:
        def keep_and_note() -> dict[str, Any]:
            answer = keep(desk, by, draft)
            seen.note(by, draft.note)  # the answer holds the note's text
            return answer

        return _answer(keep_and_note, desk, draft)

    @router.post("/drafts/discard")
    def discard_draft(unwanted: Unwanted, by: Reviewer) -> JSONResponse:
        return _answer(lambda: discard(desk, by, unwanted))

    @router.post("/decisions")
    def decisions(decision: Decision, by: Reviewer) -> JSONResponse:
        return _answer(lambda: decide(desk, by, decision), desk, decision)

    @router.post("/conflicts")
    def compare_typed(typed: Draft, by: Reviewer) -> JSONResponse:
        return _answer(lambda: compare(desk, typed))

    @router.post("/decisions/undo")
    def undo_decision(undo: TakenBack, by: Reviewer) -> JSONResponse:
        return _answer(lambda: take_back(desk, by, undo))

    @router.post("/offers/look")
    def look_for_same(same: Same, by: Reviewer) -> JSONResponse:
        return _answer(lambda: same_value_elsewhere(desk, by, same))

    @router.post("/offers")
    def make_offer(same: Same, by: Reviewer) -> JSONResponse:
        return _answer(lambda: offer(desk, by, same))

    @router.post("/offers/withdraw")
    def withdraw_offer(unwanted: Unwanted, by: Reviewer) -> JSONResponse:
        return _answer(lambda: withdraw(desk, by, unwanted))

    @router.post("/keys")
    def remap_keys(keys: Keys, by: Reviewer) -> JSONResponse:
        return _answer(lambda: remap(desk, by, keys))

    @router.post("/tour")
    def finish_tour(tour: Toured, by: Reviewer) -> JSONResponse:
        return _answer(lambda: end_tour(desk, by, tour))

    return router


def keep(desk: Desk, reviewer: str, draft: Draft) -> dict[str, Any]:
    """Store a draft; the answer holds its revision, the note with what was typed marked, and how that rests on it.

    Raises:
        TaskError: the values are not of this task.
        Conflict: someone else changed the note meanwhile; nothing was written.
    """
    values = Extraction(desk.task, draft.values)
    with acting(desk.store, reviewer, "review") as act:
        saved = save_draft(
            act,
            note_id=draft.note,
            extraction=values,
            seen_revision=draft.revision,
            comment=draft.comment,
            suggestion_id=draft.suggestion,
            settled=draft.settled,
            lead_time_ms=min(draft.lead_time_ms, MAX_LEAD_TIME_MS),
            seen_draft=draft.draft,
        )
    with desk.store.reading() as session:
        text, suggestion = get_note(session, draft.note).text, suggestion_of(session, draft.note)
    found = ground_values(desk, text, values, suggestion)
    html = mark_evidence(desk.task, text, {key: one.spans for key, one in found.items()})
    grounding = {key: grounding_as_json(found.get(key)) for key in desk.task.keys}
    return {"draft": saved.draft_version, "at": stamp(saved.at), "html": html, "grounding": grounding}


def discard(desk: Desk, reviewer: str, unwanted: Unwanted) -> dict[str, Any]:
    """Throw the reviewer's draft of a note away, because they asked for it."""
    with acting(desk.store, reviewer, "review") as act:
        return {"discarded": discard_draft(act, note_id=unwanted.note)}


def decide(desk: Desk, reviewer: str, decision: Decision) -> dict[str, Any]:
    """Store a decision.

    Raises:
        TaskError: the values are not of this task.
        Conflict: someone else decided meanwhile; nothing was written.
    """
    values = Extraction(desk.task, decision.values)
    _require_settled(desk, reviewer, decision)
    with acting(desk.store, reviewer, "review") as act:
        saved = submit(
            act,
            note_id=decision.note,
            status=decision.status,
            extraction=values,
            seen_revision=decision.revision,
            suggestion_id=decision.suggestion,
            settled=decision.settled,
            comment=decision.comment.strip(),
            lead_time_ms=min(decision.lead_time_ms, MAX_LEAD_TIME_MS),
            token=decision.token,
            seen_opinion=decision.opinion,
        )
        seeded = None
        if decision.status == "submitted" and saved.annotation_id is not None:
            seeded = reopen_if_seeded(act, desk.task, note_id=decision.note, decided=values, revision=saved.revision)
    answer = {"revision": saved.revision, "at": stamp(saved.at), "repeated": saved.repeated}
    answer |= {"opinion": saved.opinion_id, "is_decided": saved.annotation_id is not None}
    if decision.status == "submitted" and seeded is None:
        with desk.store.reading() as session:
            answer["copies"] = count_waiting_copies(session, decision.note, reviewer)
    return answer | ({"seeded": desk.task.field(seeded).title} if seeded else {})


def _require_settled(desk: Desk, reviewer: str, decision: Decision) -> None:
    """Refuse a save that leaves a value which asks to be looked at as it was suggested.

    Raises:
        TaskError: there is one; the message names its field.
    """
    if decision.status != "submitted":
        return
    with desk.store.reading() as session:
        rules, review = (
            read_rules(session),
            apply_newest_curves(desk, session, open_review(session, decision.note, reviewer)),
        )
        disputes = adjudication(desk, session, review, reviewer)
    if rules.confirm == "none" or review.suggestion is None or review.suggestion.id != decision.suggestion:
        return
    found, empty = proposed_grounds(desk, review), list_left_out(desk, review)  # what begins empty does not ask
    for field in desk.task.fields:
        key = field.key
        asks = confidence_word(review.suggestion, key, found.get(key), rules) == "look"
        asks = asks and not (key in empty and decision.values.get(key) is None)
        if disputes is not None:
            asks = key in disputes.differing
        if (rules.confirm == "all" or asks) and key not in decision.settled:
            raise TaskError(f"{field.title} asks to be looked at: confirm it or change it, then save again.")


def take_back(desk: Desk, reviewer: str, undo: TakenBack) -> dict[str, Any]:
    """Open a decided note again; what was decided is the reviewer's draft.

    Raises:
        Conflict: someone decided meanwhile; nothing was written.
    """
    with acting(desk.store, reviewer, "review") as act:
        saved = reopen(
            act,
            note_id=undo.note,
            seen_revision=undo.revision,
            token=f"undo-{undo.token}",
            seen_opinion=undo.opinion,
        )
    return {"revision": saved.revision, "at": stamp(saved.at)}


def same_value_elsewhere(desk: Desk, reviewer: str, same: Same) -> dict[str, Any]:
    """How many other waiting notes have the same suggested value, and how the first of them begin.

    None where others are still asked about the note: nothing can be offered from it.

    Raises:
        UnknownNote: there is no such note.
    """
    title = desk.task.field(same.field).title
    with desk.store.reading() as session:
        if is_compared(get_note(session, same.note)):
            return {"n": 0, "title": title, "notes": []}
        n_same, found = same_value(
            session,
            same.field,
            same.old_value,
            exclude=same.note,
            is_kept_back=withholding_test(session, reviewer, read_rules(session)),
        )
    notes = [
        {
            "note": row.note_id,
            "name": row.external_id or f"note {row.note_id}",
            "begins": " ".join(row.text.split())[:160],
        }
        for row in found
    ]
    return {"n": n_same, "title": title, "notes": notes}


def offer(desk: Desk, reviewer: str, same: Same) -> dict[str, Any]:
    """Propose the correction wherever a waiting note's suggestion says the same; nothing is decided by it."""
    desk.task.field(same.field)
    with acting(desk.store, reviewer, "offer a correction") as act:
        made = make_offer(
            act,
            field=same.field,
            old_value=same.old_value,
            new_value=same.new_value or None,
            note_id=same.note,
        )
    return {"offer": made.id}


def withdraw(desk: Desk, reviewer: str, unwanted: Unwanted) -> dict[str, Any]:
    """Take an offer back."""
    with acting(desk.store, reviewer, "offer a correction") as act:
        return {"withdrawn": withdraw_offer(act, unwanted.note)}


def remap(desk: Desk, reviewer: str, keys: Keys) -> dict[str, Any]:
    """Keep a reviewer's own keys."""
    with acting(desk.store, reviewer, "review") as act:
        write_keys(act, keys.keys)
    return {"keys": keys.keys}


def end_tour(desk: Desk, reviewer: str, tour: Toured) -> dict[str, Any]:
    """Keep that the reviewer has seen the tour."""
    with acting(desk.store, reviewer, "review") as act:
        write_tour(act, tour.ended)
    return {"ended": tour.ended}


def compare(desk: Desk, typed: Draft) -> dict[str, Any]:
    """Compare what was typed before a reload with what stands: as a save of it would be told, but nothing is saved."""
    with desk.store.reading() as session:
        revision, standing = revision_of(session, typed.note), latest_annotation(session, typed.note)
    if standing is None or revision == typed.revision:
        return {"theirs": None}
    return _conflict_answer(desk, Conflict(typed.note, revision=revision, theirs=standing), typed)


def _answer(action: Callable[[], dict[str, Any]], desk: Desk | None = None, sent: Draft | None = None) -> JSONResponse:
    """Run `action`; every way in which it can fail becomes a status and a sentence.

    Args:
        action: what to do.
        desk: the desk; only where a draft or a decision was sent.
        sent: what was sent, to be merged with what stands if somebody else was first.
    """
    try:
        return JSONResponse(action())
    except Conflict as error:
        return JSONResponse(_conflict_answer(desk, error, sent) if desk and sent else both_versions(error), 409)
    except (TaskError, StoreError) as error:
        return refusal(error)


def _conflict_answer(desk: Desk, conflict: Conflict, sent: Draft) -> dict[str, Any]:
    """Both versions, and what they merge to."""
    told = both_versions(conflict)
    if conflict.theirs is not None or conflict.draft is not None:
        told["theirs"]["values"] = Extraction.from_stored(desk.task, told["theirs"]["values"]).as_dict()
    told["theirs"]["merge"] = merge_versions(
        desk,
        conflict,
        revision=sent.revision,
        suggestion_id=sent.suggestion,
        values=sent.values,
        settled=sent.settled,
    )
    return told


def stamp(at: datetime) -> str:
    """A time as the page reads it."""
    return at.isoformat()
