"""Suggestions from elsewhere: what a model of another tool proposed for a record, as suggestions of its name."""

from __future__ import annotations

from data.reading.annotators.fields import StatedError, confidence_of, evidence_of, labels_of
from data.reading.records import Record, Statement
from data.suggestion import Span, Suggestion
from data.task import Extraction, Task, TaskError

UNNAMED = "imported"
"""The adapter's name where the tool names no model."""
_MAX_NAME = 100


def suggestions_in(record: Record, task: Task) -> tuple[Suggestion, ...]:
    """The proposals that fit the task, one of each model, the newest; none where one of its values does not fit."""
    found: dict[str, Suggestion] = {}
    for proposal in record.proposals:
        suggestion = _suggestion(proposal, task)
        if suggestion is not None:
            found[suggestion.adapter] = suggestion
    return tuple(found.values())


def _suggestion(proposal: Statement, task: Task) -> Suggestion | None:
    try:
        values = labels_of(proposal, task)
        extraction = Extraction(task, values) if values is not None else None
    except (StatedError, TaskError):
        return None
    name = "".join(sign for sign in proposal.by or UNNAMED if sign.isprintable())[:_MAX_NAME].strip() or UNNAMED
    if extraction is None:
        return None
    filled = {key for key, value in extraction.items() if value is not None}
    sure = {key: share for key, share in confidence_of(proposal, task).items() if key in filled}
    places = {key: spans for key, spans in evidence_of(proposal, task).items() if key in filled}
    return Suggestion(
        extraction=extraction,
        confidence=sure,
        raw_confidence=sure,  # no curve of ours levels what another model says of itself
        raw_reply="",
        adapter=name,
        prompt_version=0,
        latency_ms=0,
        evidence={key: tuple(Span(*place) for place in spans) for key, spans in places.items()},
    )
