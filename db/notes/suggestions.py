"""Suggestions: what adapters proposed. Insert-only; they never touch what a person decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from data.cutoffs import Cutoffs
from data.suggestion import Grounding, Span, Suggestion, is_raw
from db.people.acting import LeadAct, Program
from db.schema import tables as t
from db.schema.dialects import insert_into
from db.schema.errors import UnknownNote
from db.training.adapters import active_name

MAX_FAILURES = 3
INCOMING = "(note.origin = 'incoming' OR (note.origin = 'sample' AND note.gold IS NULL))"
"""Notes that came to be reviewed, and the samples that stand for such."""
UNDECIDED = sa.text(f"{INCOMING} AND note.state IN ('todo', 'draft') AND note.is_superseded = 0")
"""Those that nobody has decided about. Written out, without parameters: only so does SQLite see that a partial index
fits."""
WAITING = sa.text(f"{UNDECIDED.text} AND note.is_disputed = 0")
"""Those of them that wait for any person; about the others opinions differ, and a lead decides."""

_GROUNDINGS = {str(kind): kind for kind in Grounding}


@dataclass(frozen=True)
class SuggestionRow:
    """A suggestion in the store; see `data.suggestion.Suggestion` for its parts.

    `min_confidence` is the lowest of its fields' confidences, None when it has none. `grounding` and `raw_confidence`
    are empty in rows from before they were kept. `cutoffs` is not stored: who reads the row puts those in that hold.
    """

    id: int
    note_id: int
    adapter: str
    prompt_version: int
    extraction: dict[str, str | None]
    confidence: dict[str, float]
    min_confidence: float | None
    evidence: dict[str, tuple[Span, ...]]
    alternatives: dict[str, tuple[str | None, ...]]
    raw_reply: str
    latency_ms: int
    created_at: datetime
    raw_confidence: dict[str, float]
    grounding: dict[str, Grounding]
    times_longest: float | None = None
    legibility: float | None = None
    cutoffs: Cutoffs | None = None

    @property
    def is_raw(self) -> bool:
        """Whether the confidence is not calibrated; see `data.suggestion.is_raw`."""
        return is_raw(self.confidence, self.raw_confidence)


def add_suggestion(
    permit: Program | LeadAct, note_id: int, suggestion: Suggestion, *, created_at: datetime | None = None
) -> int:
    """Keep a suggestion and give its number. An adapter suggests once for a note: a second one is not kept.

    State, drafts and annotations of the note stay as they are.

    Args:
        permit: of the program, or of whoever brings a decision that started from it.
        created_at: when it was made; now where that is None.

    Raises:
        UnknownNote: there is no such note.
    """
    session = permit.session
    if session.execute(sa.select(t.note.c.id).where(t.note.c.id == note_id)).one_or_none() is None:
        raise UnknownNote(note_id)
    lowest = min(suggestion.confidence.values(), default=None)
    added: int | None = session.execute(
        insert_into(session, t.suggestion)
        .values(note_id=note_id, min_confidence=lowest, created_at=created_at or t.now(), **_values(suggestion))
        .on_conflict_do_nothing(index_elements=["note_id", "adapter"])
        .returning(t.suggestion.c.id)
    ).scalar_one_or_none()
    if added is None:
        known = sa.select(t.suggestion.c.id).where(
            t.suggestion.c.note_id == note_id, t.suggestion.c.adapter == suggestion.adapter
        )
        return int(session.execute(known).scalar_one())
    session.execute(
        sa.update(t.note)
        .where(t.note.c.id == note_id)
        .values(
            suggested_by=suggestion.adapter,
            is_suggested=1,
            **places(suggestion.confidence, is_raw=suggestion.is_raw),
            n_not_found=sum(kind == Grounding.NOT_FOUND for kind in suggestion.grounding.values()),
        )
    )
    return added


def places(confidence: Mapping[str, float], *, is_raw: bool) -> dict[str, float | None]:
    """By what the queue sorts and filters a note, of its newest suggestion: the lowest confidence, and the doubt.

    A confidence that is not calibrated says which note is the less sure and nothing else: it is kept as 1 less, so that
    no value counts as sure and the order stays.
    """
    lowest = min(confidence.values(), default=None)
    return {
        "min_confidence": lowest - 1.0 if lowest is not None and is_raw else lowest,
        "doubt": sum(1.0 - sure for sure in confidence.values()) if confidence else None,
    }


def suggestion_of(session: Session, note_id: int, adapter: str | None = None) -> SuggestionRow | None:
    """This adapter's suggestion for a note; without `adapter` the active one's, or else the newest."""
    query = sa.select(t.suggestion).where(t.suggestion.c.note_id == note_id)
    if adapter is not None:
        query = query.where(t.suggestion.c.adapter == adapter)
    else:
        query = query.order_by((t.suggestion.c.adapter == active_name()).desc(), t.suggestion.c.id.desc()).limit(1)
    row = session.execute(query).one_or_none()
    return read_suggestion(row._mapping) if row else None


def get_suggestion(session: Session, suggestion_id: int) -> SuggestionRow | None:
    """The suggestion of this number, or None."""
    row = session.execute(sa.select(t.suggestion).where(t.suggestion.c.id == suggestion_id)).one_or_none()
    return read_suggestion(row._mapping) if row else None


def suggestions_of(session: Session, note_id: int) -> list[SuggestionRow]:
    """All suggestions for a note, newest first."""
    query = sa.select(t.suggestion).where(t.suggestion.c.note_id == note_id).order_by(t.suggestion.c.id.desc())
    return [read_suggestion(row._mapping) for row in session.execute(query)]


def notes_without(session: Session, adapter: str, limit: int) -> list[tuple[int, str]]:
    """Notes that wait for a person and lack this adapter's suggestion, as (number, text).

    Those without any suggestion come first, then in import order; notes on which the adapter failed three times are
    left out.
    """
    found: list[tuple[int, str]] = []
    # Three ranges of one index, each in import order: none yet, and by an adapter named before or after this one. A
    # note whose newest suggestion is this adapter's is thus never looked at, however many there are.
    newest = t.note.c.suggested_by
    for missing in (newest.is_(None), newest < adapter, newest > adapter):
        if len(found) < limit:
            query = (
                sa.select(t.note.c.id, t.note_text.c.text)
                .join_from(t.note, t.note_text)
                .where(WAITING, missing, ~_has(t.suggestion, adapter), ~_has_given_up(adapter))
                .order_by(newest, t.note.c.id)
                .limit(limit - len(found))
            )
            found.extend((row.id, row.text) for row in session.execute(query))
    return found


def count_without(session: Session, adapter: str) -> int:
    """How many notes `notes_without` would give without a limit."""
    newest = t.note.c.suggested_by
    return sum(
        session.execute(
            sa.select(sa.func.count())
            .select_from(t.note)
            .where(WAITING, missing, ~_has(t.suggestion, adapter), ~_has_given_up(adapter))
        ).scalar_one()
        for missing in (newest.is_(None), newest < adapter, newest > adapter)
    )


def record_failure(program: Program, note_id: int, adapter: str, reason: str) -> int:
    """Count a failed attempt of an adapter on a note, and give the count.

    Args:
        reason: one sentence without note text.
    """
    again = {"n_failures": t.suggestion_failure.c.n_failures + 1, "reason": reason, "failed_at": t.now()}
    counted = program.session.execute(
        insert_into(program.session, t.suggestion_failure)
        .values(note_id=note_id, adapter=adapter, n_failures=1, reason=reason, failed_at=t.now())
        .on_conflict_do_update(index_elements=["note_id", "adapter"], set_=again)
        .returning(t.suggestion_failure.c.n_failures)
    )
    return int(counted.scalar_one())


def failure_of(session: Session, note_id: int, adapter: str) -> tuple[int, str] | None:
    """How often an adapter failed on a note, and why the last time; None when it never did."""
    f = t.suggestion_failure.c
    row = session.execute(
        sa.select(f.n_failures, f.reason).where(f.note_id == note_id, f.adapter == adapter)
    ).one_or_none()
    return (row.n_failures, row.reason) if row else None


def read_suggestion(row: Mapping[Any, Any]) -> SuggestionRow:
    """A row of the table, column to value, as plain data."""
    evidence = read_evidence(row["evidence"])
    alternatives = {key: tuple(others) for key, others in row["alternatives"].items()}
    grounding = {key: _GROUNDINGS[kind] for key, kind in row["grounding"].items()}
    return SuggestionRow(**{**row, "evidence": evidence, "alternatives": alternatives, "grounding": grounding})


def read_evidence(kept: Mapping[str, Any]) -> dict[str, tuple[Span, ...]]:
    """Field to the spans that its value rests on, as a row keeps them."""
    return {key: tuple(Span(*pair) for pair in spans) for key, spans in kept.items()}


def _values(suggestion: Suggestion) -> dict[str, Any]:
    return {
        "adapter": suggestion.adapter,
        "prompt_version": suggestion.prompt_version,
        "extraction": suggestion.extraction.as_dict(),
        "confidence": dict(suggestion.confidence),
        "evidence": {key: [[s.start, s.end] for s in spans] for key, spans in suggestion.evidence.items()},
        "alternatives": {key: list(others) for key, others in suggestion.alternatives.items()},
        "raw_reply": suggestion.raw_reply.replace("\0", "\ufffd"),  # PostgreSQL keeps none
        "latency_ms": suggestion.latency_ms,
        "raw_confidence": dict(suggestion.raw_confidence),
        "grounding": {key: str(kind) for key, kind in suggestion.grounding.items()},
        "times_longest": suggestion.times_longest,
        "legibility": suggestion.legibility,
    }


def _has(table: sa.Table, adapter: str) -> sa.Exists:
    return sa.exists().where(table.c.note_id == t.note.c.id, table.c.adapter == adapter).correlate(t.note)


def _has_given_up(adapter: str) -> sa.Exists:
    return _has(t.suggestion_failure, adapter).where(t.suggestion_failure.c.n_failures >= MAX_FAILURES)
