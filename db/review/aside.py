"""Values of fields that today's task does not ask for: kept with what is decided, so that nothing is lost by a task.

A field may have been taken out of the task file, or renamed, since a note was labelled. Its value then stands beside
the task's fields in what is stored, is shown and exported nowhere, and is there again once the task asks for it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from data.task import Extraction
from db.schema import tables as t
from db.schema.dialects import json_pairs

Values = Mapping[str, str | None]


def with_aside(extraction: Extraction, before: Values | None) -> dict[str, str | None]:
    """What is stored of an extraction, with the fields of what stood there before that the task does not have."""
    values = extraction.as_dict()
    return values | {key: value for key, value in (before or {}).items() if key not in values}


def stands_before(session: Session, note_id: int, reviewer: str) -> Values | None:
    """What a decision of this reviewer takes the place of: the last one, or their opinion, or the note's own labels."""
    n, a = t.note.c, t.annotation.c
    query = sa.select(n.gold, a.extraction, n.n_opinions).select_from(
        t.note.outerjoin(t.annotation, sa.and_(a.note_id == n.id, a.revision == n.revision))
    )
    row = session.execute(query.where(n.id == note_id)).one_or_none()
    if row is None:
        return None
    if row.extraction is None and row.n_opinions:
        query = (
            sa.select(t.opinion.c.extraction)
            .join_from(t.standing_opinion, t.opinion, t.opinion.c.id == t.standing_opinion.c.opinion_id)
            .join(t.reviewer, t.reviewer.c.id == t.opinion.c.reviewer_id)
            .where(t.standing_opinion.c.note_id == note_id, t.reviewer.c.name == reviewer)
        )
        opinion: Any = session.execute(query).scalar_one_or_none()
        if opinion is not None:
            return dict(opinion)
    before: Values | None = row.gold if row.extraction is None else row.extraction
    return before


def fields_held(session: Session) -> tuple[dict[str, int], int]:
    """Field to how many decisions and labels of notes hold it, whatever the task asks; and how many there are of these.

    Reads all of them.
    """
    n, a = t.note.c, t.annotation.c
    decided = sa.select(a.extraction.label("values")).join_from(
        t.note, t.annotation, sa.and_(a.note_id == n.id, a.revision == n.revision)
    )
    labels = sa.select(n.gold.label("values")).where(n.gold.is_not(None))
    held: dict[str, int] = {}
    total = 0
    for query in (decided, labels):
        some = query.subquery()
        total += int(session.execute(sa.select(sa.func.count()).select_from(some)).scalar_one())
        each = json_pairs(some.c["values"]).table_valued("key", "value").alias("each")
        counted = sa.select(each.c.key, sa.func.count()).select_from(some.join(each, sa.true())).group_by(each.c.key)
        for key, count in session.execute(counted):
            held[key] = held.get(key, 0) + count
    return held, total
