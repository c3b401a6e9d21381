"""What the decoder asks of a model: read some tokens of some notes, and say what may come after them.

A forward pass works on slots. A slot holds the keys and values of one note; where reading goes on is for the caller
to say, so that a rejected draft costs nothing to take back: the next tokens are written over it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, NamedTuple, Protocol

import torch

from trainer.model.llama_weights import AdapterWeights

N_OPTIONS = 3
"""How many of the best allowed tokens a forward pass names at each place."""

Option = tuple[int, float]
"""A token and its log-probability among all tokens, allowed or not."""


class Side(NamedTuple):
    """Where the tokens of a segment stand that is read beside a note and not at its end.

    It sees the note up to where it parts from it, its own earlier tokens, and nothing else that is beside the note.

    Attributes:
        before: places beside the slot of the segment's earlier tokens.
        now: places for its own.
    """

    before: tuple[int, ...]
    now: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Segment:
    """Tokens of one note that are to be read.

    Attributes:
        slot: where the note's keys and values are.
        start: position of the first token.
        tokens: what is read.
        wanted: positions in `tokens` after which the model is asked what comes next.
        states: for each of these, the row of the tables' mask (see `RecordTables.allowed`).
        side: where the tokens stand beside the slot; None for the slot itself.
    """

    slot: int
    start: int
    tokens: Sequence[int]
    wanted: Sequence[int]
    states: Sequence[int]
    side: Side | None = None


class Asked(NamedTuple):
    """A place of a pass for which more options are wanted.

    Attributes:
        segment: its number in the pass.
        place: its number among those that were wanted in the segment.
        state: of the mask there.
    """

    segment: int
    place: int
    state: int


@dataclass(frozen=True, slots=True)
class Passed:
    """A pass that is done.

    Attributes:
        options: see `Forward.collect`.
        logits: of all wanted places, segment by segment, (places, n_logits).
        allowed: the masks by state, (states, n_logits), bool.
    """

    options: list[list[list[Option]]]
    logits: torch.Tensor | None = None
    allowed: torch.Tensor | None = None


class Forward(Protocol):
    """A model with its slots.

    Attributes:
        n_slots: notes that can be held at a time.
        max_positions: tokens that a slot can hold at most.
        prefill: tokens of one note that are best read at once.
        depth: steps that are best under way at a time; 2 where one half of the notes is settled while a GPU reads
            the other.
        takes_others: whether several adapters can be held.
        has_sides: whether runners-up can be read beside their note, in the same pass; see `Side`.
        most_forked: positions up to which a slot is copied for the sake of runners-up.
    """

    n_slots: int
    max_positions: int
    prefill: int
    depth: int
    takes_others: bool
    has_sides: bool
    most_forked: int

    def width(self, n_rows: int) -> int:
        """How many tokens of a row are best read in one pass over `n_rows` rows, drafts included."""
        ...

    def capacity(self, slot: int) -> int:
        """Positions that a slot can hold."""
        ...

    def blocks(self, slot: int) -> int:
        """The memory that a slot takes, one bit for each block; slots that share one are never taken together."""
        ...

    def group(self, slot: int) -> int:
        """Which part of the slots a slot belongs to; parts are read in turn where `depth` is more than 1."""
        ...

    @property
    def slots(self) -> list[int]:
        """All slots, the smallest first: `n_slots` of one block each, then larger ones in the same memory."""
        ...

    def worth_admitting(self, n_active: int, capacity: int = 0) -> int:
        """How many free slots are worth the reading of new prompts while `n_active` notes are being answered.

        Slots of the smallest size, or of a larger capacity, whose notes are longer.
        """
        ...

    def add(self, name: str, adapter: AdapterWeights) -> None:
        """Take one more adapter beside the others."""
        ...

    def remove(self, name: str) -> None:
        """Let go of an adapter."""
        ...

    def begin(self, slot: int, adapter: str, prefix: Sequence[int]) -> int:
        """Make a slot ready for a new note; gives how many tokens of the prefix it holds already."""
        ...

    def fork(self, source: int, target: int, length: int) -> None:
        """Copy the first `length` positions of a slot to another."""
        ...

    def submit(self, segments: Sequence[Segment], adapter: str) -> Any:
        """Start a pass; what it gives is for `collect`. On a GPU this returns before the pass is done."""
        ...

    def collect(self, submitted: Any) -> list[list[list[Option]]]:
        """For each segment and each wanted place the best allowed tokens, best first; none where it is no number."""
        ...

    def read_more(self, submitted: Any, asked: Sequence[Asked], n: int) -> list[list[Option]]:
        """The `n` best allowed tokens at some places of a pass that was collected; all where there are less."""
        ...


class GrowingSlots:
    """A forward pass that reads all slots together, gives each the room that its note needs, and ends with `submit`."""

    n_slots: int
    max_positions: int
    depth = 1
    has_sides = False
    most_forked = 1500
    """Eight copies of a note of 20,000 characters would take 2 GB, and as long as the passes that they spare."""

    def capacity(self, slot: int) -> int:
        """Positions that a slot can hold."""
        return self.max_positions

    def blocks(self, slot: int) -> int:
        """Each slot has its own memory."""
        return 1 << slot

    def group(self, slot: int) -> int:
        """All slots are read together."""
        return 0

    @property
    def slots(self) -> list[int]:
        """All slots."""
        return list(range(self.n_slots))

    def collect(self, submitted: Passed) -> list[list[list[Option]]]:
        """What `submit` computed."""
        return submitted.options

    @torch.inference_mode()
    def read_more(self, submitted: Passed, asked: Sequence[Asked], n: int) -> list[list[Option]]:
        """Further options of what `submit` computed."""
        assert submitted.logits is not None
        assert submitted.allowed is not None
        first = [0, *accumulate(len(places) for places in submitted.options)]
        logits = submitted.logits[[first[one.segment] + one.place for one in asked]]
        return more_options(logits, submitted.allowed[[one.state for one in asked]], n)


def best_options(logits: torch.Tensor, allowed: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The best allowed tokens and their log-probabilities among all tokens.

    Args:
        logits: (places, n_logits), fp32.
        allowed: (places, n_logits), bool.

    Returns:
        Tokens and log-probabilities, both (places, N_OPTIONS); a place with fewer allowed tokens repeats -inf.
    """
    total = torch.logsumexp(logits, -1, keepdim=True)
    masked = logits.masked_fill(~allowed, -torch.inf)
    values, tokens = masked.topk(N_OPTIONS, -1)
    return tokens, values - total


def more_options(logits: torch.Tensor, allowed: torch.Tensor, n: int) -> list[list[Option]]:
    """The `n` best allowed tokens of each place, best first; arguments as of `best_options`."""
    total = torch.logsumexp(logits, -1, keepdim=True)
    values, tokens = logits.masked_fill(~allowed, -torch.inf).topk(min(n, logits.shape[-1]), -1)
    return read_options(tokens.tolist(), (values - total).tolist())


def read_options(tokens: list[list[int]], log_probabilities: list[list[float]]) -> list[list[Option]]:
    """Options as plain numbers; none at a place where the best one is no number."""
    # The comparison is false for NaN, and for the infinite distance of a token that is not allowed.
    return [
        [(token, value) for token, value in zip(some, values, strict=True) if value > -1e30] if values[0] < 1e30 else []
        for some, values in zip(tokens, log_probabilities, strict=True)
    ]
