"""A pass over many tokens in parts: each small enough for a core's cache, and each core at work on its own.

The products of 2,000 tokens run at half the rate of those of 250, since what goes from one step to the next no longer
fits the cache. And where other processes use the cores too, threads that share each product wait for each other
thousands of times in a pass; those with a part of the notes each meet once.

A prompt that is more than a thread's share is read by several, a stretch each: the later ones need nothing of the
earlier but its keys and values, so they wait for these once in a layer, and mostly find them written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from threading import Semaphore
from typing import TypeVar

import torch

from trainer.engine.forward.base import Option, Passed, Segment

Result = TypeVar("Result")

MOST_TOKENS = 256
"""Tokens of a part, where it holds several notes."""
LEAST_TOKENS = 24
"""Fewer tokens are not worth a thread of their own: a pass over them takes its time from the number of its steps."""
PIECE = 32
"""Tokens of a prompt that are attended together, from its start on. A prompt is cut between them alone: each token then
gives the same numbers to the last bit, whether one thread reads the prompt or several do."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A segment, or a stretch of one whose others are read by other threads at the same time.

    Attributes:
        number: of the segment in its pass.
        segment: what is read.
        before: let through once for every layer in which all that stands before is written; None where nothing is.
        after: to be let through in turn; None for the end of the segment.
    """

    number: int
    segment: Segment
    before: Semaphore | None = None
    after: Semaphore | None = None

    def mark_written(self) -> None:
        """Say that a layer's keys and values are there, once those before them are."""
        if self.before is not None:
            self.before.acquire()
        if self.after is not None:
            self.after.release()

    def give_up(self, n_layers: int) -> None:
        """Let those that wait go on, whose pass is lost."""
        if self.after is not None:
            self.after.release(n_layers)


def pieces_of(segments: Sequence[Segment], n_threads: int) -> list[list[Piece]]:
    """Which pieces are computed together, as parts in the order in which they have to begin.

    The segments of one slot stand together, unless a single long one is read by several threads.
    """
    together = [list(some) for _, some in groupby(range(len(segments)), key=lambda number: segments[number].slot)]
    sizes = [sum(len(segments[number].tokens) for number in some) for some in together]
    largest = sizes.index(max(sizes))
    pieces = _cut(together[largest], segments, sum(sizes), n_threads)
    if len(pieces) == 1:
        parts = divide(sizes, n_threads)
        return [[Piece(number, segments[number]) for one in part for number in together[one]] for part in parts]
    found = [[piece] for piece in pieces] + [[] for _ in range(n_threads - len(pieces))]
    loads = [sum(len(piece.segment.tokens) for piece in part) for part in found]
    for one in sorted(range(len(sizes)), key=lambda one: -sizes[one]):
        if one != largest:
            least = loads.index(min(loads))
            found[least] += [Piece(number, segments[number]) for number in together[one]]
            loads[least] += sizes[one]
    return [part for part in found if part]


def _cut(numbers: Sequence[int], segments: Sequence[Segment], total: int, n_threads: int) -> list[Piece]:
    """A slot's only segment in pieces of like size, one for each thread whose share of the pass it fills.

    What is asked of a segment stays with its last piece, so its end is never cut.
    """
    number, segment = numbers[0], segments[numbers[0]]
    n_before = segment.wanted[0] if segment.wanted else len(segment.tokens)
    n_pieces = min(n_threads, round(len(segment.tokens) * n_threads / total), n_before // PIECE)
    if n_pieces < 2 or len(numbers) > 1 or segment.side is not None:
        return [Piece(number, segment)]
    share = -(-len(segment.tokens) // (n_pieces * PIECE))
    size = PIECE * min(share, n_before // (PIECE * (n_pieces - 1)))
    bounds = [*range(0, size * n_pieces, size), len(segment.tokens)]
    links = [None, *(Semaphore(0) for _ in range(n_pieces - 1)), None]
    cut = []
    for place, (begin, end) in enumerate(pairwise(bounds)):
        is_last = place == n_pieces - 1
        wanted = [at - begin for at in segment.wanted] if is_last else ()
        states = segment.states if is_last else ()
        tokens = segment.tokens[begin:end]
        piece = replace(segment, start=segment.start + begin, tokens=tokens, wanted=wanted, states=states)
        cut.append(Piece(number, piece, links[place], links[place + 1]))
    return cut


def divide(sizes: Sequence[int], n_threads: int) -> list[list[int]]:
    """Which segments are computed together.

    Args:
        sizes: tokens of each segment.
        n_threads: that can compute at the same time.

    Returns:
        Numbers of segments, the largest parts first: as many parts as there are threads or more, of like size as far
        as whole segments allow; one part where there are few tokens.
    """
    total = sum(sizes)
    n_parts = max(-(-total // MOST_TOKENS), min(n_threads, total // LEAST_TOKENS), 1)
    parts: list[list[int]] = [[] for _ in range(min(n_parts, len(sizes)))]
    loads = [0] * len(parts)
    for number in sorted(range(len(sizes)), key=lambda one: -sizes[one]):
        least = loads.index(min(loads))
        parts[least].append(number)
        loads[least] += sizes[number]
    return [sorted(part) for _, part in sorted(zip(loads, parts, strict=True), key=lambda one: -one[0])]


class Workers:
    """Threads that compute parts, each with one thread of torch's; made when they are first needed.

    Jobs begin in their order, so that one may wait for those before it.

    Args:
        n_threads: how many; with one, the caller does the work.
    """

    def __init__(self, n_threads: int) -> None:
        self._n_threads = n_threads
        self._pool: ThreadPoolExecutor | None = None

    def run(self, jobs: Sequence[Callable[[], Result]]) -> list[Result]:
        """What the jobs give, in their order; the caller, who has one thread of torch's, works too."""
        if self._n_threads == 1:
            return [job() for job in jobs]
        if self._pool is None:
            n_others = self._n_threads - 1
            self._pool = ThreadPoolExecutor(n_others, "forward", initializer=torch.set_num_threads, initargs=(1,))
        rest = [self._pool.submit(job) for job in jobs[1:]]
        done: list[Result] = []
        try:
            done.append(jobs[0]())
            for job, future in zip(jobs[1:], rest, strict=True):
                done.append(job() if future.cancel() else future.result())
        finally:
            for future in reversed(rest):  # a job that waits for one before it is taken away first
                if not future.cancel():
                    future.exception()  # none writes on into the slots
        return done


def join_passes(parts: Sequence[Sequence[Piece]], done: Sequence[Passed], allowed: torch.Tensor) -> Passed:
    """The passes over parts as one over all segments, in the segments' order."""
    n_segments = 1 + max(piece.number for part in parts for piece in part)
    options: list[list[list[Option]]] = [[] for _ in range(n_segments)]
    logits: list[torch.Tensor | None] = [None] * n_segments
    for part, passed in zip(parts, done, strict=True):
        first = 0
        for piece, named in zip(part, passed.options, strict=True):
            if piece.after is not None:  # nothing is asked before a segment's end
                continue
            options[piece.number] = named
            if passed.logits is not None:
                logits[piece.number] = passed.logits[first : first + len(named)]
            first += len(named)
    found = [some for some in logits if some is not None]
    return Passed(options, torch.cat(found) if found else None, allowed if found else None)
