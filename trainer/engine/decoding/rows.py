"""The notes that a decoder answers: each a row, with its answer so far and the runners-up that are written for it.

Runners-up are written in one of two ways. Where the forward pass has sides, each stands beside its note from the moment
that its field is closed: it sees what the note had read up to where they part, is read in the note's own passes and
costs no pass of its own. Elsewhere it is written over the finished record, in the note's slot or in copies of it.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import NamedTuple

from trainer.engine.api import EngineError
from trainer.engine.decoding.drafts import Plan
from trainer.engine.decoding.lookup import Lookup
from trainer.engine.decoding.record import Cursor
from trainer.engine.forward.base import Option, Side

MAX_BRANCHES = 3
"""Runners-up that are written for a field; two that say the same leave room for a third."""


@dataclass(slots=True)
class Decision:
    """A token that the model decided: its field, the value's tokens before it, the position after which it stands."""

    index: int
    before: tuple[int, ...]
    position: int
    log_probability: float
    options: list[Option]


@dataclass(slots=True)
class Branch:
    """Another token at one decision, to be written to the end of its value."""

    decision: Decision
    token: int
    log_probability: float


class Written(NamedTuple):
    """A runner-up: its value, log-probability and tokens."""

    value: str | None
    log_probability: float
    tokens: list[int]


class Places:
    """The places beside a note that its runners-up share; those that are given back are taken first."""

    def __init__(self) -> None:
        self._free: list[int] = []
        self._n_used = 0

    def take(self, n: int) -> list[int]:
        """The `n` nearest that are free."""
        for _ in range(n - len(self._free)):
            heappush(self._free, self._n_used)
            self._n_used += 1
        return [heappop(self._free) for _ in range(n)]

    def give(self, places: Sequence[int]) -> None:
        """Give places back."""
        for place in places:
            heappush(self._free, place)


@dataclass(slots=True)
class Beside:
    """Where the tokens of one runner-up stand, beside its note.

    Attributes:
        shared: places of all runners-up of the note.
        before: those of the tokens read and kept.
        now: those of the tokens that are being read.
    """

    shared: Places
    before: list[int] = field(default_factory=list)
    now: list[int] = field(default_factory=list)

    def read(self, n: int) -> Side:
        """Take places for `n` tokens."""
        self.now = self.shared.take(n)
        return Side(tuple(self.before), tuple(self.now))

    def keep(self, n: int) -> None:
        """Keep the first `n` of the tokens that were read."""
        self.before += self.now[:n]
        self.shared.give(self.now[n:])
        self.now = []

    def end(self) -> None:
        """Give all places back."""
        self.keep(0)
        self.shared.give(self.before)
        self.before = []


@dataclass(slots=True)
class Row:
    """One note on its way through the decoder.

    Attributes:
        key: a number of its own, and whatever the caller knows the note by.
        cursor: where its answer stands.
        pending: tokens that are settled but not yet read.
        position: tokens read so far.
        plan: its drafts.
        lookup: further ones, from the tokens before; None for none.
        decisions: of the record, for the runners-up.
        answer: the cursor of the whole record, once it is written.
        branches: runners-up that are still to be written.
        found: what these were, by field number.
        parent: the row that this one helps with its runners-up, or beside which it stands.
        n_helpers: rows that help this one.
        twigs: runners-up that are being written beside this row.
        places: that they share.
        beside: where this row stands beside its parent; None for a row with a slot of its own.
        in_flight: whether a step with it has begun and is not settled.
        error: why there is no answer.
    """

    key: tuple[int, Hashable]
    slot: int
    cursor: Cursor
    pending: list[int]
    position: int
    plan: Plan
    lookup: Lookup | None = None
    is_urgent: bool = False
    began: float = field(default_factory=time.perf_counter)
    decisions: list[Decision] = field(default_factory=list)
    answer: Cursor | None = None
    branches: list[Branch] = field(default_factory=list)
    found: dict[int, list[Written]] = field(default_factory=dict)
    parent: Row | None = None
    n_helpers: int = 0
    twigs: list[Row] = field(default_factory=list)
    places: Places = field(default_factory=Places)
    beside: Beside | None = None
    in_flight: bool = False
    error: EngineError | None = None

    @property
    def share_read(self) -> float:
        """How far the prompt is read, 0 to 1; what is being read now counts as unread."""
        is_read = self.answer is not None or len(self.cursor.path) > len(self.cursor.tables.opening)
        return 1.0 if is_read else self.position / (self.position + len(self.pending))

    @property
    def is_done(self) -> bool:
        """Whether record and runners-up are written, by this row and by those that help it."""
        if self.error is not None:
            return not self.n_helpers
        is_whole = self.answer is not None and self.cursor.is_done
        return is_whole and not self.branches and not self.n_helpers and not self.twigs

    @property
    def is_ready(self) -> bool:
        """Whether there is something to read for it."""
        return bool(self.pending or self.twigs) and not self.in_flight and not self.is_done

    def propose(self, n_tokens: int) -> list[int]:
        """At most `n_tokens` tokens that may follow."""
        cursor = self.cursor
        draft = self.plan.propose(cursor.index, cursor.current, n_tokens)
        if draft or self.lookup is None:
            return draft
        path = (self.parent or self).cursor.path
        return self.lookup.propose(path, cursor.current, n_tokens)

    @property
    def readers(self) -> list[Row]:
        """This row and those beside it, as far as there is something to read for them."""
        return [row for row in (self, *self.twigs) if row.pending]


def branches_of(decisions: Sequence[Decision], floor: float) -> list[Branch]:
    """The likeliest other tokens of one field, best first.

    Args:
        decisions: of its value.
        floor: log-probability that the value has to have with such a token.
    """
    branches = [
        Branch(decision, token, log_probability)
        for decision in decisions
        for token, log_probability in decision.options[1:]
        if decision.log_probability + log_probability >= floor
    ]
    branches.sort(key=lambda branch: -(branch.decision.log_probability + branch.log_probability))
    return branches[:MAX_BRANCHES]
