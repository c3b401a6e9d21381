"""The orders of the queue: what notes are sorted by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import sqlalchemy as sa

from db.notes.queue.metadata import sort_columns, sorted_by
from db.schema import tables as t
from db.schema.errors import StoreError

Named = Literal["imported", "newest", "updated", "confidence", "doubt", "novelty", "random"]
Order = str
"""One of these, or `meta.NAME`, or `-meta.NAME`; see `check_order`."""


def check_order(order: str) -> Order:
    """The order, if there is such a one.

    Raises:
        StoreError: there is not.
    """
    if order not in get_args(Named) and sorted_by(order) is None:
        raise StoreError(f"Expected one of the orders {', '.join(get_args(Named))} or meta.NAME; found {order[:80]!r}.")
    return order


_PRIME = 2**31 - 1


@dataclass(frozen=True)
class Key:
    """What notes are sorted by: a column or an expression as its index has it, and which way."""

    column: sa.ColumnElement[Any]
    is_descending: bool = False

    @property
    def sorted(self) -> sa.ColumnElement[Any]:
        """For an ORDER BY."""
        return self.column.desc() if self.is_descending else self.column

    def sorts_after(self, value: Any) -> sa.ColumnElement[bool]:
        """Whether a note stands behind one that has this value."""
        behind: sa.ColumnElement[bool] = self.column < value if self.is_descending else self.column > value
        return behind


def keys_of(order: Order, seed: int = 0, document: sa.ColumnElement[int] | None = None) -> tuple[Key, ...]:
    """What an order sorts by; the last key differs from note to note.

    Args:
        order: as in `search_notes`.
        seed: of a random order.
        document: the full-text index's row number where the query searches text.

    Raises:
        StoreError: there is no such order.
    """
    check_order(order)
    c = t.note.c
    number = c.id if document is None else document  # the full-text index gives its rows in this order unasked
    if found := sorted_by(order):
        (lacks, *others), is_descending = sort_columns(found[0]), found[1]
        return Key(lacks), *(Key(column, is_descending=is_descending) for column in others), Key(c.id)
    orders: dict[str, tuple[Key, ...]] = {
        "imported": (Key(number),),
        "newest": (Key(number, is_descending=True),),
        "updated": (Key(c.updated_at, is_descending=True), Key(c.id, is_descending=True)),
        # As their indexes have them.
        "confidence": (Key(sa.literal_column("coalesce(note.min_confidence, 2)")), Key(c.id)),
        "doubt": (Key(sa.literal_column("coalesce(note.doubt, -1)"), is_descending=True), Key(c.id)),
        "novelty": (Key(sa.literal_column("coalesce(note.novelty, -1)"), is_descending=True), Key(c.id)),
        "random": (Key(shuffle_key(seed)), Key(c.id)),
    }
    return orders[order]


def shuffle_key(seed: int) -> sa.ColumnElement[Any]:
    """A number that follows from the note's id and the seed and looks like chance: squares modulo a prime."""
    spread = f"((note.id * 48271 + {abs(seed) * 69621 % _PRIME}) % {_PRIME})"
    return sa.literal_column(f"({spread} * {spread} % {_PRIME} * 16807 % {_PRIME})")
