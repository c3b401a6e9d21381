"""Eight threads save the same note from the same page, again and again: one is kept, every other is told.

In each round all threads read a note's revision and wait for each other; half of them save at once, half when one has.
`python -m tests.proofs.stale --saves 20000` prints the outcome as JSON and exits with 1 if a decision was ever
overwritten by somebody who had not seen it. With `--broken` a save reads the revision anew before it writes, instead
of sending the one that its page showed: that must overwrite some. With `--postgres` the store is in a PostgreSQL
server of the proof's own.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import sqlalchemy as sa

from db.review.revisions import Conflict, revision_of
from db.schema import tables as t
from db.store.store import Store, open_store
from tests.kit.desk.postgres import a_place
from tests.kit.desk.stores import add, decide, extraction

N_THREADS, N_NOTES = 8, 40


@dataclass
class Outcome:
    """What the saves did. The last four must stay 0: decisions that somebody overwrote without having seen them, saves
    that were acknowledged and are not there, stale saves of which nobody was told, and notes whose chain has a gap."""

    n_saves: int = 0
    n_kept: int = 0
    n_stale: int = 0
    n_told: int = 0
    n_overwritten: int = 0
    n_lost: int = 0
    n_untold: int = 0
    n_gaps: int = 0

    @property
    def is_clean(self) -> bool:
        return not (self.n_overwritten or self.n_lost or self.n_untold or self.n_gaps)


@dataclass(frozen=True)
class Try:
    """One save: the note, the revision that its page showed, its token, and what it became; None where it was told."""

    note: int
    seen: int
    token: str
    revision: int | None


def main() -> int:
    """Save; 0 if nobody's decision was overwritten unseen."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--saves", type=int, default=20_000, help="stale ones")
    parser.add_argument("--broken", action="store_true")
    parser.add_argument("--postgres", action="store_true")
    given = parser.parse_args()
    with a_place(in_postgres=given.postgres) as place:
        outcome = prove(place, given.saves, is_broken=given.broken)
    print(json.dumps(asdict(outcome)))
    return 0 if outcome.is_clean else 1


def prove(place: Path | str, n_stale: int, *, is_broken: bool = False) -> Outcome:
    """Save until so many saves were stale, then look at what is there."""
    n_rounds = -(-n_stale // (N_THREADS - 1))
    tries: list[Try] = []
    failures: list[BaseException] = []
    with open_store(place) as store:
        with store.transaction() as session:
            add(session, N_NOTES)
        together, saved = threading.Barrier(N_THREADS), [threading.Event() for _ in range(n_rounds)]

        def one(thread: int) -> None:
            try:
                for number in range(n_rounds):
                    note = 1 + number % N_NOTES
                    together.wait(60)
                    with store.reading() as session:
                        seen = revision_of(session, note)
                    together.wait(60)  # everybody's page shows the same
                    if thread % 2:  # these look at it until somebody has saved, the others race
                        saved[number].wait(60)
                    tries.append(save(store, note, seen, f"{thread} {number}", is_broken=is_broken))
                    saved[number].set()
            except BaseException as error:  # noqa: BLE001 - told below
                failures.append(error)
                together.abort()

        threads = [threading.Thread(target=one, args=(number,)) for number in range(N_THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        return judged(store, tries)


def save(store: Store, note: int, seen: int, token: str, *, is_broken: bool) -> Try:
    """What a page does."""
    sent = seen
    if is_broken:
        with store.reading() as session:
            sent = revision_of(session, note)
    try:
        with store.transaction() as session:
            by, _ = token.split()
            saved = decide(session, note, sent, by=by, token=f"save {token}", values=extraction(first=token))
    except Conflict as conflict:
        if conflict.theirs is None or conflict.revision <= seen:
            raise AssertionError("a conflict does not say with what") from conflict
        return Try(note, seen, token, None)
    return Try(note, seen, token, saved.revision)


def judged(store: Store, tries: list[Try]) -> Outcome:
    """Compare what was acknowledged with what is there."""
    kept = [one for one in tries if one.revision is not None]
    outcome = Outcome(len(tries), len(kept), n_told=len(tries) - len(kept))
    # Of those that saw the same revision one may follow it; whoever follows another had not seen that one.
    outcome.n_overwritten = sum(one.revision != one.seen + 1 for one in kept)
    outcome.n_stale = len(tries) - len({(one.note, one.seen) for one in tries})
    outcome.n_untold = outcome.n_stale - outcome.n_told
    a = t.annotation.c
    with store.reading() as session:
        rows = session.execute(sa.select(a.note_id, a.revision, a.token).order_by(a.note_id, a.revision)).all()
    there = {(row.note_id, row.revision, row.token) for row in rows}
    outcome.n_lost = sum((one.note, one.revision, f"save {one.token}") not in there for one in kept)
    outcome.n_gaps = sum(
        after.revision != (before.revision + 1 if after.note_id == before.note_id else 1)
        for before, after in pairwise(rows)
    )
    assert store.problems() == []
    return outcome


if __name__ == "__main__":
    sys.exit(main())
