"""Saved filters: what a reviewer looks for often, under a name of their own."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from db.notes.queue.order import Order, check_order
from db.notes.queue.search import Filters
from db.people.acting import Act
from db.schema import tables as t
from db.schema.dialects import insert_into
from db.schema.errors import StoreError, refuse_nul

MAX_NAME_CHARACTERS = 100


@dataclass(frozen=True)
class SavedFilter:
    """A filter with an order, as a reviewer saved it."""

    id: int
    name: str
    filters: Filters
    order: Order


def save_filter(act: Act, *, name: str, filters: Filters, order: Order = "imported") -> int:
    """Keep a filter under a name, in place of the one that had it before; its number.

    Raises:
        StoreError: the name is empty or too long, or there is no such order.
    """
    refuse_nul(name)
    name = " ".join(name.split())
    if not 1 <= len(name) <= MAX_NAME_CHARACTERS:
        raise StoreError(f"Expected a name of 1 to {MAX_NAME_CHARACTERS} characters; found {len(name)}. Choose one.")
    check_order(order)
    kept = {"query": {**filters.to_json(), "order": order}, "saved_at": t.now()}
    added = act.session.execute(
        insert_into(act.session, t.saved_filter)
        .values(reviewer_id=act.number, name=name, **kept)
        .on_conflict_do_update(index_elements=["reviewer_id", "name"], set_=kept)
        .returning(t.saved_filter.c.id)
    )
    number = int(added.scalar_one())
    act.record("saved a filter", f"filter {number}")
    return number


def saved_filters(session: Session, reviewer: str) -> list[SavedFilter]:
    """What this reviewer saved, by name."""
    query = (
        sa.select(t.saved_filter.c.id, t.saved_filter.c.name, t.saved_filter.c.query)
        .join(t.reviewer, t.reviewer.c.id == t.saved_filter.c.reviewer_id)
        .where(t.reviewer.c.name == reviewer)
        .order_by(sa.func.lower(t.saved_filter.c.name), t.saved_filter.c.id)
    )
    return [
        SavedFilter(row.id, row.name, Filters.from_json(row.query), row.query.get("order", "imported"))
        for row in session.execute(query)
    ]


def drop_filter(act: Act, *, filter_id: int) -> bool:
    """Delete a filter of the person's own; whether there was one."""
    gone = act.session.execute(
        sa.delete(t.saved_filter)
        .where(t.saved_filter.c.id == filter_id, t.saved_filter.c.reviewer_id == act.number)
        .returning(t.saved_filter.c.id)
    )
    if gone.one_or_none() is None:
        return False
    act.record("deleted a filter", f"filter {filter_id}")
    return True
