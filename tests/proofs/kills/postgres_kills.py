"""Kills a PostgreSQL server with SIGKILL while reviewers save, again and again: what was acknowledged is there, once.

Every thread is a page: it decides its notes in turn, and whatever becomes of a save, it sends the same one again with
the same token until it is told a revision. Now and then the whole server is killed, at any moment, and started again.
`python -m tests.proofs.kills.postgres_kills --kills 100` prints the outcome as JSON and exits with 1 if a save is
lost, kept twice or half done. With `--broken` a save does not wait until the server has it on the disk: that must lose
some.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import sqlalchemy as sa

from db.review.revisions import Conflict, revision_of
from db.schema import tables as t
from db.schema.errors import StoreError
from db.store.store import Store, open_store
from tests.kit.desk.postgres import MISSING, OwnServer, own_folder, programs, serving
from tests.kit.desk.stores import add, decide, extraction

N_PAGES, N_NOTES = 4, 5
LONGEST_LIFE_S = 0.6
Kept = tuple[int, int, str]
"""Note, revision and value that a page was told were kept."""


@dataclass
class Outcome:
    """What came of the saves; all but the first three must stay 0."""

    n_kills: int = 0
    n_acknowledged: int = 0
    n_sent_again: int = 0
    n_lost: int = 0
    n_doubled: int = 0
    n_half_done: int = 0
    n_problems: int = 0

    @property
    def is_clean(self) -> bool:
        return not (self.n_lost or self.n_doubled or self.n_half_done or self.n_problems)


class Page:
    """A thread that decides notes of its own, one after the other, for as long as it may."""

    def __init__(self, store: Store, notes: list[int], *, is_broken: bool) -> None:
        self.kept: list[Kept] = []
        self.n_sent_again = 0
        self.fault: BaseException | None = None
        self._store, self._notes, self._is_broken = store, notes, is_broken
        self._may_go_on = threading.Event()
        self._may_go_on.set()
        self.thread = threading.Thread(target=self._work)
        self.thread.start()

    def end(self) -> None:
        """Let it finish its save."""
        self._may_go_on.clear()
        self.thread.join()

    def _work(self) -> None:
        try:
            number = 0
            while self._may_go_on.is_set():
                number += 1
                self._save(self._notes[number % len(self._notes)], f"value {number}")
        except BaseException as error:  # noqa: BLE001 - told by whoever waits
            self.fault = error

    def _save(self, note: int, value: str) -> None:
        seen = self._until_done(lambda: self._revision(note))

        def send() -> int:
            with self._store.transaction() as session:
                if self._is_broken:  # and what it saw may be gone
                    session.execute(sa.text("SET LOCAL synchronous_commit = off"))
                shown = revision_of(session, note) if self._is_broken else seen
                saved = decide(session, note, shown, token=f"{note} {value}", values=extraction(first=value))
            return saved.revision

        self.kept.append((note, self._until_done(send), value))

    def _revision(self, note: int) -> int:
        with self._store.reading() as session:
            return revision_of(session, note)

    def _until_done(self, step: Callable[[], int]) -> int:
        while True:
            try:
                return step()
            except Conflict:
                raise  # nobody else decides this page's notes
            except StoreError:
                self.n_sent_again += 1
                time.sleep(0.1)


def prove(server: OwnServer, n_kills: int, *, seed: int = 0, is_broken: bool = False) -> Outcome:
    """Kill and start again so many times, then look at what is there."""
    chance = random.Random(seed)
    url = server.database()
    with open_store(url) as store:
        with store.transaction() as session:
            ids = add(session, N_PAGES * N_NOTES)
        pages = [Page(store, list(ids[number::N_PAGES]), is_broken=is_broken) for number in range(N_PAGES)]
        for _ in range(n_kills):
            time.sleep(chance.uniform(0.05, LONGEST_LIFE_S))
            server.kill()
            server.start()
        for page in pages:
            page.end()
        for page in pages:
            if page.fault is not None:
                raise page.fault
        return judged(store, n_kills, pages)


def judged(store: Store, n_kills: int, pages: list[Page]) -> Outcome:
    """Compare what was acknowledged with what is there."""
    kept = [one for page in pages for one in page.kept]
    outcome = Outcome(n_kills, len(kept), sum(page.n_sent_again for page in pages))
    a, note = t.annotation.c, t.note.c
    with store.reading() as session:
        rows = session.execute(sa.select(a.note_id, a.revision, a.extraction).order_by(a.note_id, a.revision)).all()
        stated = {row.id: row.revision for row in session.execute(sa.select(note.id, note.revision))}
    there = {(row.note_id, row.revision, next(iter(row.extraction.values()))) for row in rows}
    outcome.n_lost = len(set(kept) - there)
    outcome.n_doubled = len(rows) - len({(note, value) for note, _, value in there})
    last = {row.note_id: row.revision for row in rows}
    outcome.n_half_done = sum(revision != last.get(number, 0) for number, revision in stated.items())
    outcome.n_half_done += sum(sum(row.note_id == number for row in rows) != last[number] for number in last)
    outcome.n_problems = len(store.problems())
    return outcome


def main() -> int:
    """Save and kill; 0 if nothing was lost."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--broken", action="store_true")
    given = parser.parse_args()
    if programs() is None:
        raise SystemExit(MISSING)
    with own_folder() as folder, serving(folder, is_durable=True) as server:
        outcome = prove(server, given.kills, seed=given.seed, is_broken=given.broken)
    print(json.dumps(asdict(outcome)))
    return 0 if outcome.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
