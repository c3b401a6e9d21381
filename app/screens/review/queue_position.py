"""A walk as the page has it: the filter and the order that a reviewer chose in the queue, and what is said of it.

It stands in the page's address and comes with every request for a note, checked as the queue checks it; nothing of it
is kept in the server.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Request
from pydantic import Field, ValidationError

from app.screens.markup import STATES
from app.screens.queue.bulk import ChosenOrder, Shown
from data.text.figures import plural
from db.notes.notes import NoteRow
from db.notes.queue.metadata import Test, sorted_by
from db.notes.queue.queue_view import Walk
from db.notes.queue.search import Counts

ORDERS: dict[str, str] = {
    "imported": "as imported",
    "doubt": "least sure first",
    "novelty": "most different from reviewed first",
    "random": "in random order",
    "updated": "last changed first",
    "newest": "newest first",
    "confidence": "lowest confidence first",
}


TESTS: dict[Test, str] = {
    "is": "is",
    "is not": "is not",
    "contains": "contains",
    "present": "is there",
    "absent": "is not there",
}


def order_in_words(order: str) -> str:
    """An order as the queue calls it."""
    found = sorted_by(order)
    return ORDERS[order] if found is None else f"by {found[0]}{', downward' if found[1] else ''}"


class Chosen(Shown):
    """What was chosen in the queue: the filter, the order, and the seed of a random one."""

    order: ChosenOrder = "imported"
    seed: Annotated[int, Field(ge=0, lt=1 << 31)] = 0

    @property
    def walk(self) -> Walk:
        """What the store is asked for."""
        return Walk(self.filters, self.order, self.seed)

    @property
    def query(self) -> str:
        """The walk as the query of an address; only what differs from all notes as imported."""
        return urlencode(self._set)

    @property
    def _set(self) -> dict[str, Any]:
        left_out = set()
        if self.origin == "incoming":  # no other note waits for anybody
            left_out.add("origin")
        if self.order != "random":
            left_out.add("seed")
        values = self.model_dump(exclude_defaults=True, exclude=left_out)
        return {name: "1" if value is True else value for name, value in values.items()}

    @property
    def link(self) -> str:
        """The same without the words that are searched for, which no address holds; see walk.js."""
        without: dict[str, str] = {"text": ""}
        if self.meta_value:
            without |= {"meta_name": "", "meta_test": "is", "meta_value": ""}
        return self.model_copy(update=without).query

    @property
    def words(self) -> str:
        """The walk in words, as the queue calls its parts."""
        parts = [
            f"“{self.text.strip()}”" if self.text.strip() else "",
            STATES[self.state][1] if self.state else "",
            {"original": "originals", "sample": "samples"}.get(self.origin, ""),
            f"reviewer {self.reviewer}" if self.reviewer else "",
            f"adapter {self.adapter}" if self.adapter else "",
            "low confidence" if self.is_unsure else "",
            "not found in the note" if self.is_not_found else "",
            "corrected" if self.is_corrected else "",
            "to adjudicate" if self.is_disputed else "",
            " ".join(filter(None, (self.meta_name, TESTS[self.meta_test], self.meta_value))) if self.meta_name else "",
            order_in_words(self.order),
        ]
        return ", ".join(part for part in parts if part)


def read_chosen(values: Mapping[str, Any]) -> Chosen | None:
    """What was chosen; None for all notes, and for what the queue would not understand."""
    try:
        found = Chosen.model_validate(values)
    except ValidationError:
        return None
    return found if found._set else None


def _read_asked(request: Request) -> Chosen | None:
    known = request.query_params.keys() & Chosen.model_fields.keys()
    return read_chosen({name: request.query_params[name] for name in known})


Asked = Annotated[Chosen | None, Depends(_read_asked)]
"""The walk that stands in the query of a request."""


@dataclass(frozen=True)
class Place:
    """Where a note stands among those that come.

    Attributes:
        figures: how many notes there are.
        n_before: notes before it that are decided by the time it is shown.
        chosen: the walk that it comes in; None for all notes.
        n_left: notes of the walk that still wait by then, it among them.
    """

    figures: Counts
    n_before: int = 0
    chosen: Chosen | None = None
    n_left: int = 0

    def words(self, note: NoteRow) -> str:
        """Where it stands among all notes."""
        figures = self.figures
        n_left = max(1, figures.n_todo + figures.n_draft - self.n_before)
        if note.state in ("todo", "draft") and (
            note.origin == "incoming" or (note.origin == "sample" and note.gold is None)
        ):
            return f"{figures.n_incoming - n_left + 1:,} of {figures.n_incoming:,} to review"
        return f"{n_left if self.n_before else figures.n_todo + figures.n_draft:,} left to review"


def end_of(walk: Chosen, figures: Counts) -> tuple[str, str]:
    """What is said where no note of a walk waits while others do."""
    n_others = figures.n_todo + figures.n_draft
    others = f"{plural(n_others, 'other note waits', 'other notes wait')} for review."
    return "The end of this list.", f"Nothing waits any more in: {walk.words}. {others}"
