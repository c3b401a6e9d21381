"""The keys and values of the notes on a CPU: one memory for each slot, with room for runners-up before the note.

A slot's positions follow each other from its front on. What stands beside the note (see `trainer.engine.forward.Side`)
lies before the front, the first place next to it, so that a note and all that is beside it are one stretch of memory
and are attended to in one product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch

from trainer.engine.forward.base import Segment
from trainer.engine.forward.parts import PIECE
from trainer.model.llama_weights import Geometry

_ROOM = 320
_BESIDE = 32


class SlotMemory:
    """Keys and values of all slots: for each a tensor a layer, (2, key heads, positions, head width).

    A slot grows layer by layer, so that no long note is held twice while it does.

    Args:
        geometry: of the model.
        dtype: of keys and values.
        n_slots: how many.
    """

    def __init__(self, geometry: Geometry, dtype: torch.dtype, n_slots: int) -> None:
        self._geometry, self._dtype = geometry, dtype
        self._most = geometry.max_positions + 1
        self._slots = [self._room(_BESIDE + _ROOM) for _ in range(n_slots)]
        self._fronts = [_BESIDE] * n_slots

    def is_large(self, slot: int) -> bool:
        """Whether a long note was here, whose room is not kept for short ones."""
        return bool(self._slots[slot][0].shape[2] > 4 * _ROOM)

    def shrink(self, slot: int) -> None:
        """Give a slot the usual room, and forget what it holds."""
        self._slots[slot], self._fronts[slot] = self._room(_BESIDE + _ROOM), _BESIDE

    def beginning(self, slot: int, length: int) -> list[torch.Tensor]:
        """The first `length` positions in each layer."""
        self.reserve(slot, length, 0)
        return self.view_places(slot, length, 0)

    def begin(self, slot: int, beginning: Sequence[torch.Tensor]) -> None:
        """Write a beginning into a slot."""
        for layer, stored in zip(self.beginning(slot, beginning[0].shape[2]), beginning, strict=True):
            layer.copy_(stored)

    def reserve(self, slot: int, length: int, n_beside: int) -> None:
        """See to it that a slot has room for so many positions, and so many places beside them."""
        layers, front = self._slots[slot], self._fronts[slot]
        has = layers[0].shape[2] - front
        if length <= has and n_beside <= front:
            return
        more = front if n_beside <= front else n_beside + _BESIDE
        room = has if length <= has else min(length + _ROOM // 2, self._most)
        self._fronts[slot] = more
        for number, held in enumerate(layers):
            layers[number] = self._layer(more + room)
            layers[number][:, :, more - front : more + has] = held

    def view_places(self, slot: int, length: int, n_beside: int) -> list[torch.Tensor]:
        """So many places beside a note, the furthest first, and as many of its positions, in each layer."""
        first, last = self._fronts[slot] - n_beside, self._fronts[slot] + length
        return [layer[:, :, first:last] for layer in self._slots[slot]]

    def _room(self, n_positions: int) -> list[torch.Tensor]:
        return [self._layer(n_positions) for _ in range(self._geometry.n_layers)]

    def _layer(self, n_positions: int) -> torch.Tensor:
        return torch.zeros(2, self._geometry.n_kv_heads, n_positions, self._geometry.head_width, dtype=self._dtype)


@dataclass(frozen=True, slots=True)
class Stretch:
    """What is read of one note in a pass.

    Attributes:
        own: which tokens of the pass.
        kept: keys and values of all that they see, in each layer.
        into: where their own are kept there: a slice, or numbers.
        pieces: tokens of the pass that are attended together, and their mask: 0 for what a token sees, minus infinity
            for what it does not, (tokens * group, seen); the query heads that share a key head follow each other, and
            what none of the tokens sees is left out at the end.
    """

    own: slice
    kept: list[torch.Tensor]
    into: slice | torch.Tensor
    pieces: list[tuple[slice, torch.Tensor]]


def stretches(segments: Sequence[Segment], memory: SlotMemory, group: int, dtype: torch.dtype) -> list[Stretch]:
    """One stretch for each slot; the segments of a slot stand together."""
    found, first = [], 0
    for slot, some in groupby(segments, key=lambda segment: segment.slot):
        together = list(some)
        count = sum(len(segment.tokens) for segment in together)
        length = max(_end_in_slot(segment) for segment in together)
        n_beside = max(
            (1 + max(segment.side.before + segment.side.now) for segment in together if segment.side), default=0
        )
        memory.reserve(slot, length, n_beside)
        into, mask = _lay_out(together, count, length, n_beside)
        shared = torch.from_numpy(mask).to(dtype).repeat_interleave(group, 0)
        # The first tokens of a prompt see little of it: in pieces, most of what they do not see is not computed.
        size = PIECE if isinstance(into, slice) else count
        pieces = []
        for begin in range(0, count, size):
            end = min(begin + size, count)
            seen = n_beside + length - count + end if isinstance(into, slice) else n_beside + length
            pieces.append((slice(first + begin, first + end), shared[group * begin : group * end, :seen]))
        found.append(Stretch(slice(first, first + count), memory.view_places(slot, length, n_beside), into, pieces))
        first += count
    return found


def _end_in_slot(segment: Segment) -> int:
    """The positions of the slot that a segment sees or fills."""
    if segment.side is not None:
        return segment.start - len(segment.side.before)
    return segment.start + len(segment.tokens)


def _lay_out(
    segments: list[Segment], count: int, length: int, n_beside: int
) -> tuple[slice | torch.Tensor, np.ndarray]:
    """Where the tokens of a stretch go, and what they see, (count, places and positions)."""
    mask = np.full((count, n_beside + length), -np.inf, dtype=np.float32)
    into = np.empty(count, dtype=np.int64)
    first = 0
    for segment in segments:
        end, last = _end_in_slot(segment), first + len(segment.tokens)
        if segment.side is None:
            own = n_beside + np.arange(segment.start, end)
            mask[first:last][np.arange(n_beside + length) <= own[:, None]] = 0
            mask[first:last, :n_beside] = -np.inf
        else:
            own = n_beside - 1 - np.array(segment.side.now)
            mask[first:last, n_beside : n_beside + end] = 0
            mask[first:last, n_beside - 1 - np.array(segment.side.before, dtype=np.int64)] = 0
            mask[first:last, own] = np.triu(np.full((len(own), len(own)), -np.inf), 1)
        into[first:last] = own
        first = last
    is_plain = len(segments) == 1 and segments[0].side is None
    return slice(int(into[0]), int(into[-1]) + 1) if is_plain else torch.from_numpy(into), mask
