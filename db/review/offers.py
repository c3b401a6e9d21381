"""Offers: a correction of one note, proposed for the same suggested value of every other note that waits.

An offer changes what the form proposes and never an annotation or a suggestion; withdrawn, the suggestion shows again.
It neither comes from nor reaches a note about which several people are asked, each without seeing what the others say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from db.notes.notes import get_note
from db.notes.suggestions import WAITING
from db.people.acting import Act
from db.review.opinions import is_compared
from db.schema import tables as t
from db.schema.dialects import json_value
from db.schema.errors import StoreError, refuse_nul


@dataclass(frozen=True)
class OfferRow:
    """Where a suggestion says `old_value` for `field`, the form proposes `new_value` (None for no value).

    `note_id` is the note that was corrected; None where that was not kept.
    """

    id: int
    field: str
    old_value: str
    new_value: str | None
    offered_by: str
    offered_at: datetime
    withdrawn_at: datetime | None
    note_id: int | None = None


@dataclass(frozen=True)
class SameValue:
    """A waiting note whose suggestion says the same."""

    note_id: int
    external_id: str | None
    text: str


def make_offer(act: Act, *, field: str, old_value: str, new_value: str | None, note_id: int | None = None) -> OfferRow:
    """Propose `new_value` wherever a waiting note's suggestion says `old_value`; it replaces an offer for the same.

    Args:
        note_id: the note that was corrected.

    Raises:
        StoreError: both values are the same, or others are still asked about the note: they would see what was said.
        UnknownNote: there is no such note.
    """
    session = act.session
    if note_id is not None and is_compared(get_note(session, note_id)):
        raise StoreError(
            "This note is still with other reviewers, who must not see your answer, so its correction cannot be "
            "offered yet. Offer it once the note is decided."
        )
    if old_value == new_value:
        raise StoreError("The two values are the same, so there is nothing to offer.")
    refuse_nul(old_value, new_value)
    at = t.now()
    same = (t.offer.c.field == field, t.offer.c.old_value == old_value, t.offer.c.withdrawn_at.is_(None))
    session.execute(sa.update(t.offer).where(*same).values(withdrawn_at=at))
    row = session.execute(
        sa.insert(t.offer)
        .values(
            field=field, old_value=old_value, new_value=new_value, offered_by=act.who, offered_at=at, note_id=note_id
        )
        .returning(*t.offer.c)
    ).one()
    act.record("offered a correction", f"offer {row.id}", field=field)
    return OfferRow(**row._mapping)


def withdraw_offer(act: Act, offer_id: int) -> bool:
    """Take an offer back; whether it stood."""
    gone = act.session.execute(
        sa.update(t.offer)
        .where(t.offer.c.id == offer_id, t.offer.c.withdrawn_at.is_(None))
        .values(withdrawn_at=t.now())
        .returning(t.offer.c.id)
    )
    if gone.one_or_none() is None:
        return False
    act.record("withdrew an offer", f"offer {offer_id}")
    return True


def standing_offers(session: Session) -> list[OfferRow]:
    """Every offer that stands, newest first."""
    query = sa.select(*t.offer.c).where(t.offer.c.withdrawn_at.is_(None)).order_by(t.offer.c.id.desc())
    return [OfferRow(**row._mapping) for row in session.execute(query)]


def offers_for(session: Session, suggested: Mapping[str, str | None]) -> dict[str, OfferRow]:
    """The offers that stand for these suggested values, by field."""
    pairs = [
        sa.and_(t.offer.c.field == field, t.offer.c.old_value == value)
        for field, value in suggested.items()
        if value is not None
    ]
    if not pairs:
        return {}
    query = sa.select(*t.offer.c).where(t.offer.c.withdrawn_at.is_(None), sa.or_(*pairs))
    return {row.field: OfferRow(**row._mapping) for row in session.execute(query)}


def same_value(
    session: Session,
    field: str,
    value: str,
    *,
    exclude: int,
    limit: int = 5,
    is_kept_back: Callable[[int, str], bool] = lambda note_id, content_hash: False,
) -> tuple[int, list[SameValue]]:
    """How many other waiting notes have a suggestion that says `value` for `field`, and the first of them.

    Those that an offer would not reach do not count.

    Args:
        field: a key of the task.
        value: as the suggestion has it, letter by letter.
        exclude: the note that was corrected.
        limit: how many to give.
        is_kept_back: whether whoever asks is not to know what a note's suggestion says.
    """
    query = (
        sa.select(t.note.c.id, t.note.c.external_id, t.note.c.content_hash)
        .join_from(t.note, t.suggestion, t.suggestion.c.note_id == t.note.c.id)
        .where(WAITING, t.note.c.n_wanted == 1, t.note.c.n_opinions == 0)
        .where(t.note.c.id != exclude, t.suggestion.c.adapter == t.note.c.suggested_by)
        .where(json_value(t.suggestion.c.extraction, field) == value)
        .order_by(t.note.c.id)
    )
    rows = [row for row in session.execute(query) if not is_kept_back(row.id, row.content_hash)]
    texts = sa.select(t.note_text.c.note_id, t.note_text.c.text).where(
        t.note_text.c.note_id.in_([row.id for row in rows[:limit]])
    )
    found = {row.note_id: row.text for row in session.execute(texts)}
    return len(rows), [SameValue(row.id, row.external_id, found[row.id]) for row in rows[:limit]]
