"""A note's history: every suggestion, every revision, who, when, and what each changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import JSONResponse

from app.access.guard import current_reviewer
from app.core.desk import Desk
from app.core.rules import read_rules
from app.screens.replies import answer_with
from app.screens.review.saving.trials import is_kept_back
from data.task import Task
from db.notes.suggestions import SuggestionRow, suggestions_of
from db.people.acting import can
from db.review.decisions import open_review
from db.review.opinions import OpinionRow, opinion_history
from db.review.reviewed import AnnotationRow, history

SAID = {"submitted": "saved", "skipped": "skipped", "flagged": "flagged", "reopened": "reopened"}


def routes(desk: Desk) -> APIRouter:
    """`GET /review/history`."""
    router = APIRouter()

    @router.get("/review/history")
    def show_history(
        by: Annotated[str, Depends(current_reviewer)], note: Annotated[int, Query(ge=1, lt=1 << 62)]
    ) -> JSONResponse:
        return answer_with(lambda: list_events(desk, by, note))

    return router


def list_events(desk: Desk, reviewer: str, note_id: int) -> dict[str, Any]:
    """What happened to a note, oldest first.

    A suggestion that the reviewer is not to see yet, or only with a wrong value, stays out until somebody has decided:
    otherwise the history would give the test away. So do others' opinions while any is missing, for whoever it may be
    is asked for one; where they differ, whoever decides between them sees them.

    Raises:
        UnknownNote: there is no such note.
    """
    with desk.store.reading() as session:
        review = open_review(session, note_id, reviewer)
        note = review.note
        sees_all = note.is_decided or (note.is_disputed and can(session, reviewer, "adjudicate"))
        opinions = [one for one in opinion_history(session, note_id) if sees_all or one.reviewer == reviewer]
        decisions = sorted(history(session, note_id), key=lambda decision: decision.revision)
        suggestions = suggestions_of(session, note_id)
        is_hidden = not decisions and is_kept_back(session, reviewer, review, read_rules(session))
    steps: list[dict[str, Any]] = [{"at": note.added_at, "who": "", "what": "imported", "changes": []}]
    if not is_hidden:
        steps += [_suggestion_event(desk.task, one) for one in suggestions]
    steps += [_opinion_event(desk.task, one) for one in opinions]
    started_from = {one.id: one for one in suggestions}
    before: Mapping[str, str | None] | None = None
    for decision in decisions:
        suggestion = started_from.get(decision.suggestion_id) if decision.suggestion_id else None
        base = before if before is not None else suggestion.extraction if suggestion else dict.fromkeys(desk.task.keys)
        steps.append(_decision_event(desk.task, decision, base))
        before = decision.extraction
    steps.sort(key=lambda step: step["at"])  # what was decided keeps its order: the sort is stable
    return {"steps": [{**step, "at": step["at"].isoformat()} for step in steps]}


def _suggestion_event(task: Task, suggestion: SuggestionRow) -> dict[str, Any]:
    said = [
        {"field": field.title, "old": None, "new": value}
        for field in task.fields
        if (value := suggestion.extraction.get(field.key)) is not None
    ]
    return {"at": suggestion.created_at, "who": suggestion.adapter, "what": "suggested", "changes": said}


def _opinion_event(task: Task, opinion: OpinionRow) -> dict[str, Any]:
    """An opinion with all that it says: what others say may differ anywhere."""
    is_back = opinion.status == "withdrawn"
    said = [
        {"field": field.title, "old": None, "new": value}
        for field in task.fields
        if (value := opinion.extraction.get(field.key)) is not None and not is_back
    ]
    what = "took an opinion back" if is_back else f"gave an opinion: {SAID[opinion.status]}"
    return {"at": opinion.given_at, "who": opinion.reviewer, "what": what, "changes": said, "comment": opinion.comment}


def _decision_event(task: Task, decision: AnnotationRow, before: Mapping[str, str | None]) -> dict[str, Any]:
    changes = [
        {"field": field.title, "old": before.get(field.key), "new": decision.extraction.get(field.key)}
        for field in task.fields
        if before.get(field.key) != decision.extraction.get(field.key)
    ]
    return {
        "at": decision.submitted_at,
        "who": decision.reviewer,
        "what": f"{SAID[decision.status]}, revision {decision.revision}",
        "changes": changes,
        "comment": decision.comment,
    }
