"""Figures of the work done: what became of suggested values, how long notes took. Counted in the database.

The field of a note in which a wrong value was seeded is left out wherever a suggestion is judged: what stood there was
not the adapter's.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from data.corrections import Kind, kind_of
from db.notes.samples import COUNTS
from db.schema import tables as t
from db.schema.dialects import json_pairs, json_value, whole_part

N_BINS = 10
"""Of confidence, of equal width, as in `data.evaluation.reliability`."""
MAX_NOTES = 5


@dataclass(frozen=True)
class Outcome:
    """Values of one field that an adapter suggested and that met the same end.

    Attributes:
        adapter: who suggested them.
        field: the field.
        suggested: what was suggested and not kept; None where it was kept, or where nothing was suggested.
        decided: what was put in its place, likewise.
        kind: what the reviewers did.
        is_shown: whether they saw it; a note that was shown blind tells of the adapter, not of what it does to people.
        bin: which tenth of confidence they were suggested with; None where it was not told.
        n: how many.
        confidence: the sum of their confidences.
        notes: of values that were not kept, the annotation and the note, the newest first; at most five.
    """

    adapter: str
    field: str
    suggested: str | None
    decided: str | None
    kind: Kind
    is_shown: bool
    bin: int | None
    n: int
    confidence: float
    notes: tuple[tuple[int, int], ...]


def outcomes(session: Session) -> list[Outcome]:
    """What became of every suggested value, by adapter, field, end and confidence.

    Counts the submitted annotations that stand and that started from a suggestion; those about samples only while
    there are no others.
    """
    v = _values().c
    # A kept value matters by its confidence only, so that these fall into few groups.
    before, after = sa.case((v.differs, v.suggested)), sa.case((v.differs, v.decided))
    tenth = sa.case((v.confidence >= 1.0, N_BINS - 1), else_=whole_part(v.confidence * N_BINS))
    place = sa.cast(v.annotation_id, sa.Text).concat(":").concat(sa.cast(v.note_id, sa.Text))
    groups = [v.adapter, v.field, v.differs, v.is_shown, before, after, tenth]
    query = sa.select(
        v.adapter,
        v.field,
        v.differs,
        v.is_shown,
        before.label("suggested"),
        after.label("decided"),
        tenth.label("bin"),
        sa.func.count().label("n"),
        sa.func.coalesce(sa.func.sum(v.confidence), 0.0).label("confidence"),
        sa.func.aggregate_strings(sa.case((v.differs, place)), ",").label("notes"),
    ).group_by(*groups)
    return [
        Outcome(
            row.adapter,
            row.field,
            row.suggested,
            row.decided,
            kind_of(row.suggested, row.decided),
            bool(row.is_shown),
            row.bin,
            row.n,
            row.confidence,
            _keep_newest(row.notes),
        )
        for row in session.execute(query)
    ]


def lead_times(session: Session) -> dict[str | None, list[int]]:
    """Milliseconds that each reviewed note took, by the adapter whose suggestion was shown; None without one.

    A note that was shown blind took its time without the suggestion, and counts as one without.
    """
    n, a = t.note.c, t.annotation.c
    blind = sa.exists().where(
        t.trial.c.note_id == n.id, t.trial.c.reviewer_id == a.reviewer_id, t.trial.c.kind == "blind"
    )
    shown = sa.case((~blind, t.suggestion.c.adapter))
    query = (
        sa.select(shown.label("adapter"), a.lead_time_ms)
        .select_from(t.note)
        .join(t.annotation, sa.and_(a.note_id == n.id, a.revision == n.revision))
        .outerjoin(t.suggestion, t.suggestion.c.id == a.suggestion_id)
        .where(n.state == "submitted", a.lead_time_ms > 0)
    )
    found: dict[str | None, list[int]] = {}
    for row in session.execute(query):
        found.setdefault(row.adapter, []).append(row.lead_time_ms)
    return found


def note_names(session: Session, note_ids: Collection[int]) -> dict[int, str]:
    """What notes are called: the id they came with, or else their number."""
    query = sa.select(t.note.c.id, t.note.c.external_id).where(t.note.c.id.in_(note_ids))
    return {row.id: row.external_id or f"note {row.id}" for row in session.execute(query)}


def newest_first(notes: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """The newest of some annotations and their notes, at most five."""
    return tuple(sorted(notes, reverse=True)[:MAX_NOTES])


def _values() -> sa.Subquery:
    """Every suggested value of the annotations that stand, with what became of it; a row each."""
    n, a, s = t.note.c, t.annotation.c, t.suggestion.c
    each = json_pairs(a.extraction).table_valued("key", "value").alias("each")
    suggested = json_value(s.extraction, each.c.key)
    sure = json_value(s.confidence, each.c.key)
    otherwise = sa.and_(
        t.trial.c.note_id == n.id, t.trial.c.reviewer_id == a.reviewer_id, t.trial.c.kind != "prefilled"
    )
    return (
        sa.select(
            s.adapter,
            each.c.key.label("field"),
            suggested.label("suggested"),
            sa.type_coerce(each.c.value, sa.Text).label("decided"),
            suggested.is_distinct_from(each.c.value).label("differs"),
            sa.cast(sure, sa.Double).label("confidence"),
            t.trial.c.kind.is_distinct_from("blind").label("is_shown"),
            n.id.label("note_id"),
            a.id.label("annotation_id"),
        )
        .select_from(t.note)
        .join(t.annotation, sa.and_(a.note_id == n.id, a.revision == n.revision))
        .join(t.suggestion, s.id == a.suggestion_id)
        .outerjoin(t.trial, otherwise)
        .join(each, sa.true())
        .where(n.state == "submitted", t.trial.c.field.is_distinct_from(each.c.key), COUNTS)
        .subquery()
    )


def _keep_newest(listed: str | None) -> tuple[tuple[int, int], ...]:
    pairs = (place.split(":") for place in (listed or "").split(",") if place)
    return newest_first([(int(annotation), int(note)) for annotation, note in pairs])
