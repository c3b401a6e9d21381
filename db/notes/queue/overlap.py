"""Overlap: which notes several reviewers are asked about, and how many of them.

Chosen by the content hash, evenly and the same for whoever asks, but by another part of it than the hold-out is.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from db.people.settings import get_settings
from db.schema import tables as t
from db.schema.errors import StoreError

MAX_OPINIONS = 5
SETTING = "overlap"
_PLACE, _DIGITS = 16, 8
"""Where in the content hash, and how many of its hexadecimal digits, decide."""


@dataclass(frozen=True)
class Overlap:
    """Of which share of the notes how many reviewers are asked.

    Attributes:
        share: of all notes, 0 to 1.
        n_opinions: reviewers a note of these, 2 to `MAX_OPINIONS`.

    Raises:
        StoreError: it is none.
    """

    share: float = 0.0
    n_opinions: int = 2

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1 or not 2 <= self.n_opinions <= MAX_OPINIONS:
            raise StoreError(
                f"Expected a share from 0 to 100 % and 2 to {MAX_OPINIONS} reviewers a note; "
                f"found {self.share:.0%} and {self.n_opinions}. Nothing was changed."
            )

    def n_wanted(self, content_hash: str) -> int:
        """How many reviewers are asked about the note with this hash."""
        if not self.share:
            return 1
        return self.n_opinions if content_hash[_PLACE : _PLACE + _DIGITS] < self.limit else 1

    @property
    def limit(self) -> str:
        """Notes whose digits stand before this are chosen."""
        return "g" if self.share == 1 else f"{int(self.share * 16**_DIGITS):0{_DIGITS}x}"

    def to_json(self) -> dict[str, float | int]:
        """As a setting keeps it."""
        return asdict(self)


def read_overlap(session: Session) -> Overlap:
    """What the lead has set; no overlap where nothing is."""
    kept = get_settings(session, SETTING).get(SETTING)
    return Overlap(**kept) if kept else Overlap()


def count_wanted(overlap: Overlap) -> sa.ColumnElement[int]:
    """The same as `Overlap.n_wanted`, of a row of the table of notes."""
    digits = sa.func.substr(t.note.c.content_hash, _PLACE + 1, _DIGITS)
    return sa.case((digits < overlap.limit, overlap.n_opinions), else_=1)
