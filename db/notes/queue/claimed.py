"""Which notes are claimed or answered by whom, as a part of queries that look notes up; claiming is in `claims.py`."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from db.schema import tables as t

FREE = sa.text("note.is_claimed = 0")
"""Notes that nobody has open. Written out, without parameters: only so does SQLite see that a partial index fits."""


def select_claimed(reviewer: str | sa.BindParameter[str]) -> sa.Select[Any]:
    """The numbers of the notes that a reviewer has claimed."""
    query = sa.select(t.claim.c.note_id).join_from(t.claim, t.reviewer).where(t.reviewer.c.name == reviewer)
    return query.correlate(None)


UNANSWERED = sa.or_(
    sa.literal_column("note.n_opinions = 0", sa.Boolean),
    ~sa.exists()
    .where(t.standing_opinion.c.note_id == t.note.c.id, t.standing_opinion.c.reviewer_id == t.reviewer.c.id)
    .where(t.reviewer.c.name == sa.bindparam("reviewer", type_=sa.Text))
    .correlate(t.note),
)
"""Notes about which the reviewer, given later, has no opinion that stands: nobody is asked twice."""

OWN = select_claimed(sa.bindparam("reviewer", type_=sa.Text))
"""The same, with the reviewer given later."""
