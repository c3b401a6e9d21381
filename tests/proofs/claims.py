"""Sixteen workers ask for the next note at once: none is given to two of them while one has it open.

Processes of several threads each claim the next note, look at it for a moment, and then decide it, go on, or open
another by hand. A worker has a note from when it was given until it asks for something else; by the machine's one
monotonic clock no two workers may have the same note at the same moment. `python -m tests.proofs.claims` prints the
outcome as JSON and exits with 1 if a note was ever given out twice. With `--broken` the note is looked up in one
transaction and claimed in the next, as if nobody came between: that must give doubles. With `--postgres` the store is
in a PostgreSQL server of the proof's own, and `--broken` claims there without locking what it looked up.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path

import sqlalchemy as sa

from db.notes.notes import next_notes
from db.notes.queue.claims import LEASE, Find, give, hold
from db.review.revisions import Conflict
from db.schema import tables as t
from db.schema.dialects import insert_into
from db.schema.errors import StoreBusy
from db.store.store import Store, open_store
from tests.kit.desk.permits import person_in
from tests.kit.desk.postgres import a_place
from tests.kit.desk.stores import decide
from tests.kit.forks import fork

N_PROCESSES, N_THREADS = 4, 4
N_TIMED = 400
Give = Callable[..., list[int]]

NOTES = """
INSERT INTO note (id, content_hash, text_hash, split, origin, metadata, state, revision, is_suggested, added_at,
    updated_at)
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :n)
SELECT i, 'hash ' || i, 'hash ' || i, 'train', 'incoming', '{}', 'todo', 0, 0, :at, :at FROM n
"""


@dataclass
class Outcome:
    """What happened. `n_doubles` must be 0, and `n_unknown` too: notes given that nobody claimed in the store."""

    n_notes: int
    n_workers: int
    n_claims: int = 0
    n_doubles: int = 0
    n_decided: int = 0
    n_conflicts: int = 0
    n_silent: int = 0
    p50_ms: float = 0.0
    p95_ms: float = 0.0
    p95_cpu_ms: float = 0.0
    load: float = field(default_factory=lambda: round(os.getloadavg()[0], 1))


def main() -> int:
    """Claim; 0 if no note was given out twice."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--claims", type=int, default=20_000)
    parser.add_argument("--notes", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--broken", action="store_true")
    parser.add_argument("--postgres", action="store_true")
    given = parser.parse_args()
    how = (not_locking if given.postgres else selecting_first) if given.broken else give
    with a_place(in_postgres=given.postgres) as place:
        outcome = prove(place, given.notes, given.claims, given.seed, how)
    print(json.dumps(asdict(outcome)))
    return 1 if outcome.n_doubles or outcome.n_silent else 0


def prove(place: Path | str, n_notes: int, n_claims: int, seed: int, how: Give) -> Outcome:
    """Let the workers claim, then compare what each had when."""
    outcome = Outcome(n_notes, N_PROCESSES * N_THREADS)
    with open_store(place) as store:
        with store.transaction() as session:
            session.execute(sa.text(NOTES), {"n": n_notes, "at": "2026-01-01T00:00:00.000000Z"})
        outcome.p50_ms, outcome.p95_ms, outcome.p95_cpu_ms = latencies(store, how)
    each = n_claims // outcome.n_workers
    children = [fork(partial(work, place, number, each, seed, how)) for number in range(N_PROCESSES)]
    lines: list[dict[str, float]] = []
    for child in children:
        ended = child.end()
        assert ended.code == 0, ended.said.decode()[-2000:]
        lines += [json.loads(line) for line in ended.said.splitlines()]
    outcome.n_doubles = sum(1 for _ in doubles(lines))
    outcome.n_claims = sum(line["kind"] == "given" for line in lines)
    outcome.n_conflicts = sum(line["kind"] == "conflict" for line in lines)
    with open_store(place) as store, store.reading() as session:
        outcome.n_decided = session.execute(sa.select(sa.func.count()).select_from(t.annotation)).scalar_one()
        outcome.n_silent = sum(line["kind"] == "decided" for line in lines) - outcome.n_decided
        assert store.problems() == []
    return outcome


def latencies(store: Store, how: Give) -> tuple[float, float, float]:
    """Median and 95th percentile of one claim in milliseconds, and the latter of its processor time alone."""
    wall, cpu = [], []
    for number in range(N_TIMED):
        name = f"timed {number % 50}"
        began, began_cpu = time.perf_counter(), time.process_time()
        how(store, name, finder(name), limit=1)
        wall.append(1000 * (time.perf_counter() - began))
        cpu.append(1000 * (time.process_time() - began_cpu))
    steps = statistics.quantiles(wall, n=20)
    return round(steps[9], 2), round(steps[18], 2), round(statistics.quantiles(cpu, n=20)[18], 2)


def finder(name: str) -> Find:
    return lambda session, n: next_notes(session, reviewer=name, limit=n)


def work(place: Path | str, process: int, n: int, seed: int, how: Give, pipe: int) -> None:
    """One process: its threads share a store, and each says when it had which note."""
    with open_store(place) as store, os.fdopen(pipe, "w") as out:
        guard = threading.Lock()
        failures: list[BaseException] = []

        def say(**what: float | str) -> None:
            with guard:
                print(json.dumps(what), file=out)

        def one(thread: int) -> None:
            try:
                review(store, process * N_THREADS + thread, n, random.Random(f"{seed} {process} {thread}"), how, say)
            except BaseException as error:  # noqa: BLE001 - told to the parent below
                failures.append(error)

        threads = [threading.Thread(target=one, args=(number,)) for number in range(N_THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]


def review(store: Store, worker: int, n: int, chance: random.Random, how: Give, say: Callable[..., None]) -> None:
    """One worker: ask, look, then decide or go elsewhere."""
    name = f"worker {worker}"
    for step in range(n):
        keep: list[int] = []
        (note, *_) = how(store, name, finder(name), limit=1, keep=keep)
        since = time.monotonic()
        time.sleep(chance.random() * 0.01)
        until = time.monotonic()
        say(kind="given", worker=worker, note=note, since=since, until=until)
        what = chance.random()
        if what < 0.2:
            try:
                with store.transaction() as session:
                    decide(session, note, 0, by=name, token=f"{worker} {step}")
                say(kind="decided", worker=worker, note=note)
            except Conflict:
                say(kind="conflict", worker=worker, note=note)
        elif what < 0.25:  # a note by hand, which others may have
            with store.transaction() as session:
                hold(person_in(session, name), note + chance.randrange(20))


def doubles(lines: list[dict[str, float]]) -> Iterator[tuple[float, float, float]]:
    """Note and workers, wherever two had the same note at the same moment."""
    had: dict[float, list[tuple[float, float, float]]] = defaultdict(list)
    for line in lines:
        if line["kind"] == "given":
            had[line["note"]].append((line["since"], line["until"], line["worker"]))
    for note, spans in had.items():
        spans.sort()
        for before, after in pairwise(spans):
            if after[0] < before[1] and after[2] != before[2]:
                yield note, before[2], after[2]


def selecting_first(store: Store, reviewer: str, find: Find, *, limit: int, keep: Collection[int] = ()) -> list[int]:
    """Known to be wrong: what was free when it was looked up is taken for free when it is claimed."""
    with store.reading() as session:
        found = list(find(session, limit))
    with store.transaction() as session:
        who = person_in(session, reviewer).number
        session.execute(sa.delete(t.claim).where(t.claim.c.reviewer_id == who))
        for number in found:
            session.execute(sa.delete(t.claim).where(t.claim.c.note_id == number))
            session.execute(sa.insert(t.claim).values(note_id=number, reviewer_id=who, until_at=t.now() + LEASE))
    return found


def not_locking(store: Store, reviewer: str, find: Find, *, limit: int, keep: Collection[int] = ()) -> list[int]:
    """The same mistake where writers do not wait for each other: what was looked up is not locked before it is given.

    Without an order of locks some wait for each other, which PostgreSQL ends.
    """
    while True:
        with suppress(StoreBusy), store.transaction(beside=True) as session:
            found = list(find(session, limit))
            who = person_in(session, reviewer).number
            session.execute(sa.delete(t.claim).where(t.claim.c.reviewer_id == who))
            for number in found:
                claim = insert_into(session, t.claim).values(note_id=number, reviewer_id=who, until_at=t.now() + LEASE)
                session.execute(claim.on_conflict_do_update(index_elements=["note_id"], set_={"reviewer_id": who}))
            return found


if __name__ == "__main__":
    sys.exit(main())
