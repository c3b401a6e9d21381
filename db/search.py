"""Searching the notes and counting them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

import sqlalchemy as sa
from sqlalchemy.orm import Session

from data.notes import Origin
from db import tables as t
from db.adapters import active_name
from db.errors import StoreError

State = Literal["todo", "draft", "submitted", "skipped", "flagged"]
Order = Literal["imported", "newest", "updated", "confidence"]
PREVIEW_CHARACTERS = 120
MIN_PREFIX_CHARACTERS = 3


@dataclass(frozen=True)
class QueueRow:
    """A note as a line of the queue.

    Attributes:
        preview: the beginning of the text on one line, at most 120 characters.
        min_confidence: the lowest confidence of the shown suggestion's fields; None without one.
        adapter: whose suggestion is shown: the active adapter's, or else the newest; None without one.
        n_changed: fields in which the latest annotation differs from the suggestion that it started from; None where
            there is no annotation or it started from none.
        reviewer: who submitted the latest annotation or, before that, saved the latest draft.
    """

    id: int
    external_id: str | None
    state: State
    preview: str
    origin: Origin
    min_confidence: float | None
    adapter: str | None
    n_changed: int | None
    reviewer: str | None
    updated_at: datetime


@dataclass(frozen=True)
class Counts:
    """How many notes there are. States count incoming notes and, once reviewed, originals; `n_todo` and `n_draft` are
    the review queue: incoming notes only. `n_prefilled` are incoming notes with a suggestion, whatever their state.
    """

    n_notes: int = 0
    n_incoming: int = 0
    n_originals: int = 0
    n_todo: int = 0
    n_prefilled: int = 0
    n_draft: int = 0
    n_submitted: int = 0
    n_skipped: int = 0
    n_flagged: int = 0
    n_holdout: int = 0


def search_notes(
    session: Session,
    *,
    text: str = "",
    state: State | None = None,
    origin: Origin | None = None,
    reviewer: str | None = None,
    order: Order = "imported",
    offset: int = 0,
    limit: int = 50,
) -> list[QueueRow]:
    """A page of the notes that match every filter given.

    Args:
        text: words that the note or its external id must hold, in any order; the last may be unfinished, from three
            letters on.
        state: only notes in this state.
        origin: only notes of this origin.
        reviewer: only notes whose latest annotation or draft is this reviewer's.
        order: "imported" (oldest first), "newest", "updated" (latest change first) or "confidence" (the newest
            suggestion's lowest first, notes without one last).
        offset: notes to pass over.
        limit: notes to give.

    Raises:
        StoreError: there is no such order or state.
    """
    if order not in get_args(Order):
        raise StoreError(f"Expected one of the orders {', '.join(get_args(Order))}; found {order!r}.")
    query, document = _filtered([t.note.c.id], text=text, state=state, origin=origin, reviewer=reviewer)
    ids = session.execute(query.order_by(*_ordered(order, document)).offset(offset).limit(limit)).scalars().all()
    return _lines(session, ids)


def count_notes(
    session: Session,
    *,
    text: str = "",
    state: State | None = None,
    origin: Origin | None = None,
    reviewer: str | None = None,
) -> int:
    """How many notes match; see `search_notes`."""
    query, _ = _filtered([sa.func.count()], text=text, state=state, origin=origin, reviewer=reviewer)
    return int(session.execute(query).scalar_one())


def counts(session: Session) -> Counts:
    """How many notes there are, by state, origin and split."""
    c = t.note.c
    groups = (c.origin, c.state, c.is_suggested, c.split)
    total: dict[str, int] = {}
    for row in session.execute(sa.select(*groups, sa.func.count().label("n")).group_by(*groups)):
        incoming = row.origin == "incoming"
        names = ["n_notes", "n_incoming" if incoming else "n_originals"]
        if incoming or row.state not in ("todo", "draft"):
            names.append(f"n_{row.state}")
        if incoming and row.is_suggested:
            names.append("n_prefilled")
        if row.split == "holdout":
            names.append("n_holdout")
        for name in names:
            total[name] = total.get(name, 0) + row.n
    return Counts(**total)


def match_expression(text: str) -> str:
    """Free text as a full-text query: every word quoted, so that nothing in it is an operator; the last a prefix."""
    words = [word.replace('"', '""') for word in text.replace("\0", " ").split()]
    if not words:
        return ""
    # A shorter beginning fits so many words of so many notes that looking them up takes longer than typing on.
    unfinished = "*" if len(words[-1]) >= MIN_PREFIX_CHARACTERS else ""
    return " ".join(f'"{word}"' for word in words) + unfinished


def _filtered(
    columns: Sequence[sa.ColumnElement[Any]],
    *,
    text: str,
    state: State | None,
    origin: Origin | None,
    reviewer: str | None,
) -> tuple[sa.Select[Any], sa.ColumnElement[int] | None]:
    """The query, and the full-text index's row number when it searches text."""
    if state is not None and state not in get_args(State):
        raise StoreError(f"Expected one of the states {', '.join(get_args(State))}; found {state!r}.")
    query = sa.select(*columns)
    document = None
    match = match_expression(text)
    if match:
        document = t.note_search.c.rowid
        query = query.select_from(t.note_search.join(t.note, t.note.c.id == document))
        query = query.where(t.note_search.c.note_search.op("MATCH")(match))
    else:
        query = query.select_from(t.note)
    if state is not None:
        query = query.where(t.note.c.state == state)
    if origin is not None:
        query = query.where(t.note.c.origin == origin)
    if reviewer is not None:
        who = sa.select(t.reviewer.c.id).where(t.reviewer.c.name == reviewer).scalar_subquery()
        query = query.where(t.note.c.reviewer_id == who)
    return query, document


def _ordered(order: Order, document: sa.ColumnElement[int] | None) -> tuple[sa.ColumnElement[Any], ...]:
    c = t.note.c
    number = c.id if document is None else document  # the full-text index gives its rows in this order unasked
    orders: dict[Order, tuple[sa.ColumnElement[Any], ...]] = {
        "imported": (number,),
        "newest": (number.desc(),),
        "updated": (c.updated_at.desc(), c.id.desc()),
        "confidence": (sa.literal_column("coalesce(note.min_confidence, 2)"), c.id),  # as its index has it
    }
    return orders[order]


def _lines(session: Session, ids: Sequence[int]) -> list[QueueRow]:
    """The lines of these notes, in this order."""
    c = t.note.c
    shown = (
        sa.select(t.suggestion.c.id)
        .where(t.suggestion.c.note_id == c.id)
        .order_by((t.suggestion.c.adapter == active_name()).desc(), t.suggestion.c.id.desc())
        .limit(1)
        .correlate(t.note)
        .scalar_subquery()
    )
    started_from = t.suggestion.alias("started_from")
    suggestion = t.suggestion.alias("shown")
    query = (
        sa.select(c.id, c.external_id, c.state, c.origin, c.updated_at, t.reviewer.c.name.label("reviewer"))
        .add_columns(sa.func.substr(t.note_text.c.text, 1, 4 * PREVIEW_CHARACTERS).label("beginning"))
        .add_columns(suggestion.c.min_confidence, suggestion.c.adapter)
        .add_columns(started_from.c.extraction.label("suggested"), t.annotation.c.extraction.label("decided"))
        .select_from(t.note)
        .join(t.note_text, t.note_text.c.note_id == c.id)
        .outerjoin(t.reviewer, t.reviewer.c.id == c.reviewer_id)
        .outerjoin(suggestion, suggestion.c.id == shown)
        .outerjoin(t.annotation, sa.and_(t.annotation.c.note_id == c.id, t.annotation.c.revision == c.revision))
        .outerjoin(started_from, started_from.c.id == t.annotation.c.suggestion_id)
        .where(c.id.in_(ids))
    )
    lines = {row.id: _line(row) for row in session.execute(query)}
    return [lines[number] for number in ids]


def _line(row: sa.Row[Any]) -> QueueRow:
    values = dict(row._mapping)
    suggested, decided = values.pop("suggested"), values.pop("decided")
    values["n_changed"] = None
    if suggested is not None and decided is not None:
        values["n_changed"] = sum(suggested.get(key) != decided[key] for key in decided)
    values["preview"] = _preview(values.pop("beginning"))
    return QueueRow(**values)


def _preview(beginning: str) -> str:
    line = " ".join(beginning.split())
    return line if len(line) <= PREVIEW_CHARACTERS else line[: PREVIEW_CHARACTERS - 1] + "…"
