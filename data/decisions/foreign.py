"""Decisions of other annotation tools as nested records of ours: who labelled a text there, when and what with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from data.notes import NoteError
from data.reading.annotators.fields import (
    StatedError,
    confidence_of,
    evidence_of,
    kept_beside,
    labels_of,
    names_in,
)
from data.reading.provenance import PROVENANCE, SET_ASIDE, SPANS, STATUS
from data.reading.records import Record, Statement, plain_name
from data.task import Task

_SETTLED = "confirmed"


def nested(record: Record, task: Task) -> dict[str, Any]:
    """The record as our own export would write it: the newest decision, and the newest proposal that it started from.

    Raises:
        NoteError: nobody decided about it, or it is not said who or when, or its labels are not the task's.
    """
    decided = [one for one in record.decisions if one.status != "rejected"]
    if not decided:
        raise NoteError("a decision about the note", "labels that were rejected", "leave it out")
    decision = next((one for one in decided if one.is_truth), decided[-1])
    proposal = record.proposals[-1] if record.proposals else None
    for said, what in ((decision.by, "who"), (decision.at, "when")):
        if said is None:
            advice = "import it with --original: the labels come in without a reviewer"
            raise NoteError("who decided and when", f"a record that does not say {what}", advice)
    values = _values(decision, task)
    is_reviewed = decision.status == "submitted"
    spans = [
        {"field": key, "start": start, "end": end}
        for key, places in evidence_of(decision, task).items()
        for start, end in places
    ]
    told = {
        "reviewer": decision.by,
        "submitted_at": decision.at,
        "lead_time_ms": decision.lead_time_ms,
        "comment": decision.comment,
        "states": dict.fromkeys(task.keys, _SETTLED),
        **(_started_from(proposal, task) if proposal else {"adapter": None}),
    }
    others = replace(record, proposals=record.proposals[:-1])
    return {
        **record.values,
        **kept_beside(others, task),
        "output": values if is_reviewed else None,
        SET_ASIDE: None if is_reviewed else values,
        STATUS: decision.status,
        SPANS: spans,
        PROVENANCE: told,
    }


def _values(statement: Statement, task: Task) -> dict[str, str | None]:
    try:
        values = labels_of(statement, task)
    except StatedError as error:
        raise NoteError(error.expected, error.found, error.advice) from None
    names = names_in([statement])
    if values is None and names:
        found = f"labels named {', '.join(plain_name(name) for name in names[:10])}"
        expected = f"labels named like the fields, {', '.join(task.keys)}, by their keys or titles"
        raise NoteError(expected, found, "rename them in the tool")
    return values or dict.fromkeys(task.keys)


def _started_from(proposal: Statement, task: Task) -> dict[str, Any]:
    return {
        "adapter": proposal.by or "imported",
        "suggestion": _values(proposal, task),
        "confidence": confidence_of(proposal, task),
        "grounding": {},
    }
