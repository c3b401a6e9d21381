"""Values that people used before: what a field's box proposes while one types."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from db.notes.samples import VOTES
from db.schema import tables as t
from db.schema.dialects import json_value

N_VALUES = 300


def used_values(session: Session, key: str, limit: int = N_VALUES) -> list[tuple[str, int]]:
    """The values of a field in reviewed notes and in the originals' labels, with how often each; the commonest first.

    Invented values of samples are left out once a real note is labelled.

    Args:
        key: the field.
        limit: how many to give.
    """
    stands = sa.and_(t.annotation.c.note_id == t.note.c.id, t.annotation.c.revision == t.note.c.revision)
    sample = sa.and_(t.note.c.origin == "sample", t.note.c.gold.is_not(None))
    is_labelled = sa.or_(t.note.c.origin == "original", sample)
    # A reviewed note's field that a person cleared has no value, whatever the label it came with.
    value = sa.case(
        (t.note.c.state == "submitted", json_value(t.annotation.c.extraction, key)),
        else_=json_value(t.note.c.gold, key),
    ).label("value")
    found = (
        sa.select(value)
        .select_from(t.note)
        .outerjoin(t.annotation, stands)
        .where(sa.or_(t.note.c.state == "submitted", sa.and_(is_labelled, t.note.c.state == "todo")), VOTES)
        .subquery()
    )
    n = sa.func.count().label("n")
    query = sa.select(found.c.value, n).where(found.c.value.is_not(None)).group_by(found.c.value)
    rows = session.execute(query.order_by(n.desc(), found.c.value).limit(limit))
    return [(row.value, row.n) for row in rows]
