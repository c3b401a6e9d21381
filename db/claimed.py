"""Which notes are claimed, as a part of queries that look notes up; claiming is in `claims.py`."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from db import tables as t

FREE = sa.text("note.is_claimed = 0")
"""Notes that nobody has open. Written out, without parameters: only so does SQLite see that a partial index fits."""


def claimed_by(reviewer: str | sa.BindParameter[str]) -> sa.Select[Any]:
    """The numbers of the notes that a reviewer has claimed."""
    query = sa.select(t.claim.c.note_id).join_from(t.claim, t.reviewer).where(t.reviewer.c.name == reviewer)
    return query.correlate(None)


OWN = claimed_by(sa.bindparam("reviewer", type_=sa.Text))
"""The same, with the reviewer given later."""
