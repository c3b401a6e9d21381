"""Slots of several sizes in one memory of a GPU: short notes take small ones, long notes large ones.

The memory is a row of blocks. A slot of one size is one block, or two, four and so on, up to what the longest note
needs; slots overlap, and one is free as long as no other that shares a block with it is taken. So 80 short notes stand
in the memory that holds 40 twice as long, or some of each, and nothing is moved or set up anew when lengths change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

FEW_ROWS, MANY_ROWS = 4, 16
"""Rows of a bank for a handful of notes, which may stand anywhere; more are read as a part of the memory as it lies."""
SPARE_POSITIONS = 64
"""Beyond the longest note: a draft may be read there, and is thrown away."""


@dataclass(frozen=True)
class Slots:
    """How notes are held and read.

    Attributes:
        n: notes of the smallest room held at a time; longer ones take the place of several.
        room: positions of the smallest slot.
        row_width: tokens of a note in a pass over many.
        depth: parts of the slots that are read in turn, one while the host settles the other.
    """

    n: int
    room: int = 384
    row_width: int = 8
    depth: int = 2


class Bank(NamedTuple):
    """Rows of a pass with the same room.

    Attributes:
        n_rows: how many.
        room: positions that each sees.
        first: the cell at which they lie, one after the other; None where each lies at an offset of its own.
    """

    n_rows: int
    room: int
    first: int | None = None


class Place(NamedTuple):
    """Where a slot lies: its size's number, its number among those of its size, its cell, and how many it has."""

    size: int
    number: int
    offset: int
    room: int


class Layout:
    """The slots of one memory, numbered from the smallest size to the largest.

    Args:
        slots: how many, and of what room.
        max_positions: of the longest note.
    """

    def __init__(self, slots: Slots, max_positions: int) -> None:
        most = -(-(max_positions + SPARE_POSITIONS) // slots.room)
        self._n_blocks, self._depth = max(slots.n, most), slots.depth
        sizes = [size for size in (1 << power for power in range(most.bit_length())) if size < most] + [most]
        self._sizes, self._counts = sizes, [min(slots.n, self._n_blocks // size) for size in sizes]
        self.places = [
            Place(number, index, index * size * slots.room, size * slots.room)
            for number, (size, count) in enumerate(zip(sizes, self._counts, strict=True))
            for index in range(count)
        ]
        self.n_cells = self._n_blocks * slots.room

    def blocks(self, slot: int) -> int:
        """The blocks that a slot takes, one bit each."""
        place = self.places[slot]
        size = self._sizes[place.size]
        return ((1 << size) - 1) << (place.number * size)

    def group(self, slot: int) -> int:
        """Which part of the slots of its size a slot belongs to."""
        place = self.places[slot]
        return place.number * self._depth // self._counts[place.size]

    def arrange(self, slots: Sequence[int]) -> tuple[tuple[Bank, ...], list[int]]:
        """The rows that hold these slots, size by size, and the row of each slot."""
        rows: dict[int, int] = {}
        banks: list[Bank] = []
        for size in sorted({self.places[slot].size for slot in slots}):
            some = [slot for slot in slots if self.places[slot].size == size]
            n_before = sum(bank.n_rows for bank in banks)
            bank, first = self._bank(size, some, is_only=len(slots) == 1)
            banks.append(bank)
            for number, slot in enumerate(some):
                rows[slot] = n_before + (number if first is None else self.places[slot].number - first)
        return tuple(banks), [rows[slot] for slot in slots]

    def _bank(self, size: int, some: list[int], *, is_only: bool) -> tuple[Bank, int | None]:
        """Rows for slots of one size, and the number of the first where they lie one after the other."""
        room, count = self.places[some[0]].room, self._counts[size]
        if len(some) <= FEW_ROWS:
            return Bank(1 if is_only else FEW_ROWS, room), None
        groups = {self.group(slot) for slot in some}
        first, last = 0, count
        if len(groups) == 1:
            group = groups.pop()
            first, last = (-(-part * count // self._depth) for part in (group, group + 1))
        if len(some) <= MANY_ROWS and last - first >= 2 * MANY_ROWS:
            return Bank(MANY_ROWS, room), None
        return Bank(last - first, room, first * room), first
