"""How an adapter's suggestions fared with reviewers: what its confidence is fitted on; and the places in the queue that
follow from that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from data.suggestion import Grounding
from db.notes.suggestions import WAITING, SuggestionRow, places, read_suggestion
from db.people.acting import Program
from db.schema import tables as t
from db.store.heartbeats import heartbeat, set_heartbeat

_PLACE = "confidence"


@dataclass(frozen=True)
class Judged:
    """What an adapter suggested for a note, and what a person decided about it."""

    suggested: dict[str, str | None]
    raw_confidence: dict[str, float]
    grounding: dict[str, Grounding]
    decided: dict[str, str | None]


@dataclass(frozen=True)
class Placed:
    """How far the notes that wait have their places in the queue by the curves that hold.

    Attributes:
        curves: which curves: the adapter's name and a fingerprint of them.
        after: the highest number of a note that has its place.
    """

    curves: str = ""
    after: int = 0


def count_judged(session: Session, adapter: str) -> int:
    """How many notes `read_judged_rows` would give without a limit."""
    return int(session.execute(_select_judged([sa.func.count()], adapter)).scalar_one())


def read_judged_rows(session: Session, adapter: str, limit: int) -> list[Judged]:
    """Reviewed notes that an adapter suggested for and was not trained on, the latest decided first.

    Samples are none of them. A note of the training side counts where the suggestion came before any label, since the
    adapter cannot have known it.
    """
    s, a = t.suggestion.c, t.annotation.c
    columns = [s.extraction.label("suggested"), s.raw_confidence, s.grounding, a.extraction.label("decided")]
    rows = session.execute(_select_judged(columns, adapter).order_by(a.id.desc()).limit(limit))
    return [
        Judged(row.suggested, row.raw_confidence, {k: Grounding(v) for k, v in row.grounding.items()}, row.decided)
        for row in rows
    ]


def _select_judged(columns: list[Any], adapter: str) -> sa.Select[Any]:
    n, s, a = t.note.c, t.suggestion.c, t.annotation.c
    earlier = t.annotation.alias("earlier")
    known = sa.exists().where(earlier.c.note_id == n.id, earlier.c.submitted_at < s.created_at)
    return (
        sa.select(*columns)
        .select_from(t.note)
        .join(t.annotation, sa.and_(a.note_id == n.id, a.revision == n.revision))
        .join(t.suggestion, sa.and_(s.note_id == n.id, s.adapter == adapter))
        .where(n.state == "submitted", n.origin != "sample", sa.cast(s.raw_confidence, sa.Text) != "{}")
        .where(sa.or_(n.split == "holdout", sa.and_(n.gold.is_(None), ~known)))
    )


def read_placement(session: Session) -> Placed:
    """How far it has come."""
    beat = heartbeat(session, _PLACE)
    return Placed(**beat.payload) if beat else Placed()


def read_unplaced(session: Session, adapter: str, after: int, limit: int) -> list[SuggestionRow]:
    """Suggestions of an adapter, as they are stored, for notes that wait, behind a note's number in import order."""
    query = (
        sa.select(t.suggestion)
        .join_from(t.note, t.suggestion, t.suggestion.c.note_id == t.note.c.id)
        .where(WAITING, t.note.c.suggested_by == adapter, t.suggestion.c.adapter == adapter, t.note.c.id > after)
        .order_by(t.note.c.id)
        .limit(limit)
    )
    return [read_suggestion(row._mapping) for row in session.execute(query)]


def put_places(program: Program, rows: Sequence[SuggestionRow], curves: str) -> None:
    """Sort notes by the confidence that their suggestions have now; what is stored of the suggestions stays.

    Args:
        rows: suggestions with that confidence, in the order of `read_unplaced`.
        curves: as `Placed` has it.
    """
    program.session.connection().execute(
        sa.update(t.note)
        .where(t.note.c.id == sa.bindparam("number"))
        .values(min_confidence=sa.bindparam("lowest"), doubt=sa.bindparam("doubts")),
        [
            {"number": row.note_id, "lowest": found["min_confidence"], "doubts": found["doubt"]}
            for row in rows
            for found in [places(row.confidence, is_raw=row.is_raw)]
        ],
    )
    set_heartbeat(program, _PLACE, {"curves": curves, "after": rows[-1].note_id})
