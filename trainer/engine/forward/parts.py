"""A pass over many tokens in parts: each small enough for a core's cache, and each core at work on its own.

The products of 2,000 tokens run at half the rate of those of 250, since what goes from one step to the next no longer
fits the cache. And where other processes use the cores too, threads that share each product wait for each other
thousands of times in a pass; those with a part of the notes each meet once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

from trainer.engine.forward.base import Option, Passed

Result = TypeVar("Result")

MOST_TOKENS = 256
"""Tokens of a part, where it holds several notes."""
LEAST_TOKENS = 24
"""Fewer tokens are not worth a thread of their own: a pass over them takes its time from the number of its steps."""


def divided(sizes: Sequence[int], n_threads: int) -> list[list[int]]:
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
            for future in rest:
                if not future.cancel():
                    future.exception()  # none writes on into the slots
        return done


def joined(parts: Sequence[Sequence[int]], done: Sequence[Passed], allowed: torch.Tensor) -> Passed:
    """The passes over parts as one over all segments, in the segments' order."""
    options: list[list[list[Option]]] = [[] for part in parts for _ in part]
    logits: list[torch.Tensor | None] = [None] * len(options)
    for part, passed in zip(parts, done, strict=True):
        first = 0
        for number, named in zip(part, passed.options, strict=True):
            options[number] = named
            if passed.logits is not None:
                logits[number] = passed.logits[first : first + len(named)]
            first += len(named)
    found = [some for some in logits if some is not None]
    return Passed(options, torch.cat(found) if found else None, allowed if found else None)
