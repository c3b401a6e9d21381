"""A walk through the queue: the notes that a filter shows and that wait for a reviewer, in the order they chose.

A walk is kept nowhere. It goes on behind the note just left, by where that note stands in the order now, and where
nothing follows it begins again with the first that waits: a note whose doubt or novelty changed meanwhile comes
earlier or later, but it comes.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from db.notes.queue.claimed import UNANSWERED, select_claimed
from db.notes.queue.order import Order, keys_of
from db.notes.queue.search import ALL, Filters, select_filtered
from db.notes.suggestions import UNDECIDED, WAITING
from db.schema import tables as t


@dataclass(frozen=True)
class Walk:
    """What a reviewer chose in the queue.

    Attributes:
        filters: which notes.
        order: which of them comes first; as in `search_notes`.
        seed: of a random order.

    Raises:
        StoreError: there is no such order.
    """

    filters: Filters = ALL
    order: Order = "imported"
    seed: int = 0

    def __post_init__(self) -> None:
        keys_of(self.order, self.seed)


def next_in_walk(
    session: Session,
    walk: Walk,
    reviewer: str,
    *,
    after: int | None = None,
    exclude: Collection[int] = (),
    limit: int = 1,
) -> list[int]:
    """The next notes of a walk that wait for this reviewer, in its order; none at all where none does.

    Notes that somebody else has claimed are not given, nor those that this reviewer has given an opinion about; notes
    about which opinions differ only where the filter asks for them.

    Args:
        walk: which notes, in which order.
        reviewer: whose drafts wait; a note with somebody else's draft alone does not come by itself.
        after: the note just left, which need not be of the walk; it is not given again.
        exclude: notes not to give.
        limit: notes to give.
    """
    left_out = exclude if after is None else {*exclude, after}
    query, document = _select_waiting([t.note.c.id], walk.filters, reviewer, left_out)
    sorting = [key.sorted for key in keys_of(walk.order, walk.seed, document)]
    behind = None if after is None else _sorts_after_note(session, walk, after)
    if behind is not None:
        sorting.insert(0, sa.case((behind, 0), else_=1))  # then those before it, from the first
    return list(session.execute(query.order_by(*sorting).limit(limit)).scalars())


def count_in_walk(session: Session, walk: Walk, reviewer: str, *, exclude: Collection[int] = ()) -> int:
    """How many notes of a walk wait for this reviewer, without those in `exclude` and those that others have."""
    query, _ = _select_waiting([sa.func.count()], walk.filters, reviewer, exclude)
    return int(session.execute(query).scalar_one())


def _select_waiting(
    columns: list[sa.ColumnElement[Any]], filters: Filters, reviewer: str, exclude: Collection[int]
) -> tuple[sa.Select[Any], sa.ColumnElement[int] | None]:
    query, document = select_filtered(columns, filters)
    own = (
        sa.exists()
        .where(t.draft.c.note_id == t.note.c.id, t.draft.c.reviewer_id == t.reviewer.c.id)
        .where(t.reviewer.c.name == reviewer)
        .correlate(t.note)
    )
    if filters.is_disputed:  # a lead decides about these, also one who has given an opinion
        query = query.where(UNDECIDED)
    else:
        query = query.where(WAITING, sa.or_(t.note.c.state == "todo", own), UNANSWERED).params(reviewer=reviewer)
    query = query.where(sa.or_(t.note.c.is_claimed == 0, t.note.c.id.in_(select_claimed(reviewer))))
    return (query.where(t.note.c.id.not_in({*exclude})) if exclude else query), document


def _sorts_after_note(session: Session, walk: Walk, note_id: int) -> sa.ColumnElement[bool] | None:
    """Whether a note stands behind this one in the order; None where there is no such note."""
    keys = keys_of(walk.order, walk.seed)
    place = session.execute(sa.select(*(key.column for key in keys)).where(t.note.c.id == note_id)).one_or_none()
    if place is None:
        return None
    behind = keys[-1].sorts_after(place[-1])
    for key, value in zip(keys[-2::-1], place[-2::-1], strict=True):
        behind = sa.or_(key.sorts_after(value), sa.and_(key.column == value, behind))
    return behind
