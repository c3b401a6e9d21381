"""Which of the notes that wait are answered next, where short and long ones share one memory.

Notes are told apart by the size of the slot that they need. Of the sizes that wait, the one that holds least memory
goes first, so that neither short nor long notes hold the others up, and one size alone gets everything. A long note
needs blocks that lie together: where shorter ones would always take one of them, the blocks are kept for it until they
are all free.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import or_
from typing import Any

from trainer.engine.api import EngineError, Request
from trainer.engine.decoding.decoder import Decoder
from trainer.engine.decoding.rows import Row

POLL_S = 0.002
SPARE_TOKENS = 32
"""Room that a note needs beyond what is settled, for a draft."""
N_AHEAD = 2
"""Notes that may wait in the engine, in multiples of its slots: behind so many long ones it looks for short ones."""


@dataclass(frozen=True)
class Waiting:
    """A note that waits: its prompt in tokens, and the positions that it is to have."""

    request: Request
    prompt: list[int]
    n_positions: int


@dataclass(kw_only=True)
class SlotPool:
    """The slots of a forward pass.

    Attributes:
        forward: whose slots they are.
        free: those that could be taken now.
        lock: held by whoever takes or gives.
        taken: those that are.
        kept: for each queue that waits for one, a slot whose blocks no other note is given.
        n_beside: further engines that share them.
    """

    forward: Any
    free: list[int]
    lock: threading.RLock
    taken: list[int] = field(default_factory=list)
    kept: dict[int, int] = field(default_factory=dict)
    n_beside: int = 0

    def take(self, n_positions: int, part: int | None = None, kept: int = 0) -> int | None:
        """A free slot that holds so many positions, the smallest of these.

        Args:
            n_positions: what it has to hold.
            part: of the slots, in which it is to be; None for any.
            kept: blocks that it must not have.
        """
        fitting = [slot for slot in self.list_usable(part, kept) if self.forward.capacity(slot) >= n_positions]
        if not fitting:
            return None
        # Short notes from one end and long ones from the other, so that large slots stay whole.
        slot = min(fitting, key=lambda one: (self.forward.capacity(one), one if one < self.forward.n_slots else -one))
        self.hold(slot)
        return slot

    def list_usable(self, part: int | None, kept: int) -> list[int]:
        """The free slots of a part that have none of the kept blocks."""
        forward = self.forward
        return [
            slot
            for slot in self.free
            if (part is None or forward.group(slot) == part) and not (kept and forward.blocks(slot) & kept)
        ]

    def hold(self, slot: int) -> None:
        """Take a certain slot that is free."""
        blocks = self.forward.blocks(slot)
        self.taken.append(slot)
        self.free[:] = [one for one in self.free if not self.forward.blocks(one) & blocks]

    def give(self, slot: int) -> None:
        """Give a slot back."""
        self.taken.remove(slot)
        busy = self.busy
        self.free[:] = [one for one in self.forward.slots if not self.forward.blocks(one) & busy]

    @property
    def busy(self) -> int:
        """The blocks of all slots that are taken."""
        return reduce(or_, map(self.forward.blocks, self.taken), 0)

    @property
    def all_kept(self) -> int:
        """The blocks that are kept for notes that wait."""
        return reduce(or_, map(self.forward.blocks, self.kept.values()), 0)

    @property
    def n_free(self) -> int:
        """Free slots of the smallest size."""
        return sum(slot < self.forward.n_slots for slot in self.free)

    def count_held(self) -> dict[int, int]:
        """Blocks that are taken, by the capacity of their slots."""
        held: dict[int, int] = defaultdict(int)
        for slot in self.taken:
            held[self.forward.capacity(slot)] += self.forward.blocks(slot).bit_count()
        return held

    def fits(self, row: Row) -> bool:
        """Whether a row's next tokens fit its slot; one that has outgrown it moves, as soon as there is a larger."""
        most, capacity = self.forward.max_positions, self.forward.capacity(row.slot)
        needed = row.position + len(row.pending) + SPARE_TOKENS
        if needed <= capacity or capacity >= most:
            return True
        slot = self.take(min(needed, most))
        if slot is None:
            return False
        self.forward.fork(row.slot, slot, row.position)
        self.give(row.slot)
        row.slot = slot
        return True

    def share_out(self, active: list[Row], decoder: Decoder) -> None:
        """Let free slots help with the runners-up, but for those that the next notes need."""
        most = self.forward.most_forked
        for row in [row for row in active if row.branches and not row.in_flight and row.position <= most]:
            capacity = self.forward.capacity(row.slot)
            usable = self.list_usable(None, self.all_kept)
            spare = [slot for slot in usable if self.forward.capacity(slot) == capacity]
            spare = spare[: max(0, len(spare) - len(active) // 2)]
            given = set(spare)
            active += decoder.helpers(row, spare)
            for slot in given - set(spare):
                self.hold(slot)

    def size_for(self, n_positions: int) -> int:
        """The capacity of the smallest slots that hold so many positions."""
        return int(min(size for size in map(self.forward.capacity, self.forward.slots) if size >= n_positions))


def wait_for_a_slot(until: float) -> None:
    """Wait a little for what another engine on this base, in another thread, gives back.

    Raises:
        EngineError: none came; both may be driven by one thread, and then none ever would.
    """
    if time.monotonic() > until:
        raise EngineError("Another engine holds all slots of the model. Wait for it.")
    time.sleep(POLL_S)


class Queue:
    """The notes of one engine that wait for a slot.

    Args:
        pool: whose slots they get.
    """

    def __init__(self, pool: SlotPool) -> None:
        self._pool = pool
        self._urgent: deque[Waiting] = deque()
        self._by_size: dict[int, deque[Waiting]] = defaultdict(deque)
        self._kept_for: int | None = None  # the size for which a slot is kept

    def __len__(self) -> int:
        return len(self._urgent) + sum(map(len, self._by_size.values()))

    def n_wanted(self, n_free: int) -> int:
        """How many notes to ask for where so many of the smallest slots are free: long ones that wait leave them so."""
        n_short = len(self._by_size[self._pool.forward.capacity(0)])
        return max(0, min(n_free - n_short, N_AHEAD * int(self._pool.forward.n_slots) - len(self)))

    def add(self, waiting: Waiting, *, first: bool = False) -> None:
        """Let a note wait, as the last of its size or as the first."""
        size = self._pool.size_for(waiting.n_positions)
        queue = self._urgent if waiting.request.is_urgent else self._by_size[size]
        if first:
            queue.appendleft(waiting)
        else:
            queue.append(waiting)

    def hurry(self, key: Hashable) -> bool:
        """Make a note that waits urgent; false if none of this key does."""
        if any(waiting.request.key == key for waiting in self._urgent):
            return True
        for queue in self._by_size.values():
            for waiting in queue:
                if waiting.request.key == key:
                    queue.remove(waiting)
                    self._urgent.append(replace(waiting, request=replace(waiting.request, is_urgent=True)))
                    return True
        return False

    def clear(self) -> None:
        """Forget all of them."""
        self._urgent.clear()
        self._by_size.clear()
        self._let_go()

    def choose(self, n_active: int, part: int | None, *, is_all: bool) -> Iterator[tuple[Waiting, int]]:
        """Notes that can begin now, each with its slot.

        Args:
            n_active: notes that are being answered.
            part: of the slots, in which they are to stand; None for any.
            is_all: whether no more notes can be had now. Until then half of the memory is left for shorter ones.
        """
        while self._urgent:
            slot = self._pool.take(self._urgent[0].n_positions)
            if slot is None:
                return  # what is free now is not given to others while this one waits for more
            yield self._urgent.popleft(), slot
        held = self._pool.count_held()
        smallest = self._pool.forward.capacity(0)
        n_left = {size: self._worth(size, n_active, part) for size in self._sizes()}
        first = min(self._sizes(), key=lambda one: (held[one], one), default=None)
        while sizes := [size for size in self._sizes() if n_left[size]]:
            size = min(sizes, key=lambda one: (held[one], one))
            n_large = sum(n_blocks for other, n_blocks in held.items() if other > smallest)
            slot = None
            if size == smallest or is_all or 2 * n_large < self._pool.forward.n_slots:
                slot = self._take(size, part)
            if slot is None:
                n_left[size] = 0
                continue
            held[size] += self._pool.forward.blocks(slot).bit_count()
            n_left[size] -= 1
            if size == first:
                first = None
            yield self._by_size[size].popleft(), slot
        if self._kept_for is not None and not self._by_size[self._kept_for]:
            self._let_go()
        if first is not None and self._kept_for is None and self._has_rivals():
            self._keep(first)  # it would have been its turn

    def _sizes(self) -> list[int]:
        """The sizes for which notes wait."""
        return [size for size, queue in self._by_size.items() if queue]

    def _has_rivals(self) -> bool:
        """Whether others would take what one size waits for."""
        return len(self._sizes()) > 1 or self._pool.n_beside > 0

    def _take(self, size: int, part: int | None) -> int | None:
        """A slot for the first note of a size: the one that is kept for it, or another."""
        if self._kept_for == size and self._pool.kept[id(self)] in self._pool.free:
            slot = self._pool.kept[id(self)]
            self._let_go()
            self._pool.hold(slot)
            return slot
        return self._pool.take(self._by_size[size][0].n_positions, part, self._find_kept_blocks(size))

    def _find_kept_blocks(self, size: int) -> int:
        """The blocks that are kept for others than the notes of a size."""
        pool, own = self._pool, id(self)
        others = [slot for queue, slot in pool.kept.items() if queue != own or self._kept_for != size]
        return reduce(or_, map(pool.forward.blocks, others), 0)

    def _keep(self, size: int) -> None:
        """Keep the blocks of the slot of this size of which most are free, where no other queue keeps them."""
        pool, busy = self._pool, self._pool.busy
        slots = [slot for slot in pool.forward.slots if pool.forward.capacity(slot) == size]
        slots = [slot for slot in slots if not pool.forward.blocks(slot) & pool.all_kept]
        if slots:
            pool.kept[id(self)] = min(slots, key=lambda slot: (pool.forward.blocks(slot) & busy).bit_count())
            self._kept_for = size

    def _let_go(self) -> None:
        self._pool.kept.pop(id(self), None)
        self._kept_for = None

    def _worth(self, size: int, n_active: int, part: int | None) -> int:
        """How many notes of a size are begun with now: prompts are best read several at a time."""
        forward, n_waiting = self._pool.forward, len(self._by_size[size])
        if not n_active:
            return n_waiting
        usable = self._pool.list_usable(part, self._find_kept_blocks(size))
        n_free = sum(forward.capacity(slot) == size for slot in usable)
        n_free -= n_free % min(forward.worth_admitting(n_active, size), n_waiting)
        return n_free or int(self._kept_for == size and self._pool.kept[id(self)] in self._pool.free)
