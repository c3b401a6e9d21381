"""Claims: what is given to whom, for how long, what gives it back, and what a clock that jumps can do at worst."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from db.notes.notes import add_notes, next_notes
from db.notes.queue.claims import (
    LEASE,
    LONGEST,
    N_REAPED,
    Held,
    give,
    give_back,
    hold,
    leave_desk,
    n_held_by_others,
    read_held,
    reap,
    renew,
)
from db.notes.queue.queue_view import Walk, count_in_walk, next_in_walk
from db.notes.queue.search import Filters
from db.people.sign_ins import sign_in
from db.review.decisions import submit
from db.review.reviewed import latest_annotation
from db.review.revisions import Conflict
from db.schema import tables as t
from db.store.store import Store
from tests.db.test_db_notes import plans
from tests.kit.desk.empty_stores import empty_store
from tests.kit.desk.permits import enlist, person_in, program_in
from tests.kit.desk.stores import add, decide, extraction, file_store, note, store

__all__ = ["file_store", "store"]

MINUTE = timedelta(minutes=1)


class Clock:
    """The time, as everything in `db` asks for it."""

    def __init__(self) -> None:
        self.at = t.now()

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(t, "now", made)
    return made


@pytest.fixture
def desk(store: Store, clock: Clock) -> Store:
    """Six notes that wait."""
    with store.transaction() as session:
        add(session, 6)
    return store


def given(store: Store, who: str, n: int = 1, *, after: int | None = None, keep: Any = ()) -> list[int]:
    return give(
        store, who, lambda session, n: next_notes(session, reviewer=who, after=after, limit=n), limit=n, keep=keep
    )


def claims(store: Store) -> dict[int, str]:
    """Note to whoever has it; each note says so itself."""
    query = sa.select(t.claim.c.note_id, t.reviewer.c.name).join_from(t.claim, t.reviewer)
    with store.reading() as session:
        found = {row.note_id: row.name for row in session.execute(query)}
        assert set(session.execute(sa.select(t.note.c.id).where(t.note.c.is_claimed == 1)).scalars()) == set(found)
    return found


def test_nobody_is_given_what_somebody_else_has(desk: Store) -> None:
    assert given(desk, "ann", 3) == [1, 2, 3]
    assert given(desk, "kim", 2) == [4, 5]
    assert given(desk, "eve", 9) == [6]
    assert given(desk, "bob") == []
    assert claims(desk) == {1: "ann", 2: "ann", 3: "ann", 4: "kim", 5: "kim", 6: "eve"}
    assert given(desk, "ann", 2, keep=[1]) == [1, 2]  # what one has comes again, the rest is given back
    assert given(desk, "bob", 2, after=2) == [3]
    with desk.reading() as session:
        assert [n_held_by_others(session, who) for who in ("ann", "kim", "new")] == [4, 4, 6]


def test_deciding_going_elsewhere_and_signing_out_give_a_note_back(desk: Store) -> None:
    given(desk, "ann", 2)
    with desk.transaction() as session:
        decide(session, 1, 0, by="ann")
        assert read_held(session, "ann", 2) == Held(None, (2,), is_due=False)
    assert claims(desk) == {2: "ann"}
    with desk.transaction() as session:
        hold(person_in(session, "ann"), 5, keep=[2])
    assert claims(desk) == {2: "ann", 5: "ann"}
    assert given(desk, "ann", after=2) == [3]
    assert claims(desk) == {3: "ann"}
    with desk.transaction() as session:
        token = sign_in(person_in(session, "ann"))
        leave_desk(program_in(session), token)
    assert claims(desk) == {}


def test_opening_by_hand_takes_nothing_from_others_and_says_who_has_it(desk: Store) -> None:
    given(desk, "ann")
    with desk.transaction() as session:
        hold(person_in(session, "kim"), 1)
        assert read_held(session, "kim", 1) == Held("ann", (), is_due=False)
        renew(person_in(session, "kim"), 1)
        assert read_held(session, "kim", 1).by == "ann"
        give_back(person_in(session, "ann"))
        assert read_held(session, "kim", 1) == Held(None, (), is_due=True)
        renew(person_in(session, "kim"), 1)
        assert read_held(session, "kim", 1) == Held(None, (1,), is_due=False)
        decide(session, 2, 0)
        hold(person_in(session, "kim"), 2)  # a decided note too
    assert claims(desk) == {2: "kim"}


def test_a_claim_ends_unless_it_is_renewed(desk: Store, clock: Clock) -> None:
    given(desk, "ann", 2)
    clock.at += 5 * MINUTE
    with desk.transaction() as session:
        assert read_held(session, "ann", 1).is_due
        renew(person_in(session, "ann"), 1)
        assert not read_held(session, "ann", 1).is_due
    clock.at += LEASE
    assert given(desk, "kim") == [3]  # to the very end
    clock.at += timedelta(seconds=1)
    with desk.transaction() as session:
        assert read_held(session, "eve", 1) == Held(None, (), is_due=True)
    assert given(desk, "eve", 2) == [1, 2]  # though nothing but asking took the ended claims away
    with desk.transaction() as session:
        renew(person_in(session, "ann"), 1)
    assert claims(desk) == {1: "eve", 2: "eve", 3: "kim"}


def test_a_claim_that_ended_and_that_nobody_took_goes_on(desk: Store, clock: Clock) -> None:
    given(desk, "ann", 2)
    clock.at += 3 * LEASE
    with desk.transaction() as session:
        assert read_held(session, "ann", 1) == Held(None, (1, 2), is_due=True)
        renew(person_in(session, "ann"), 1)
    assert given(desk, "kim") == [3]


def test_a_clock_set_back_a_little_ends_no_claim_and_far_back_ends_them_all(desk: Store, clock: Clock) -> None:
    given(desk, "ann")
    clock.at -= timedelta(seconds=30)
    assert given(desk, "kim") == [2]
    clock.at -= LONGEST
    assert given(desk, "eve", 2) == [1, 2]


def test_ended_claims_are_taken_away_some_at_a_time(store: Store, clock: Clock) -> None:
    with store.transaction() as session:
        add(session, 2 * N_REAPED + 5)
    given(store, "ann", 2 * N_REAPED + 4)
    clock.at += 2 * LEASE
    with store.transaction() as session:
        assert [reap(program_in(session)) for _ in range(4)] == [N_REAPED, N_REAPED, 4, 0]
    assert claims(store) == {}


def test_a_walk_passes_over_what_others_have(desk: Store) -> None:
    given(desk, "ann", 2)
    walk = Walk(Filters(text="report number"), "newest")
    with desk.reading() as session:
        assert next_in_walk(session, walk, "kim", limit=9) == [6, 5, 4, 3]
        assert next_in_walk(session, walk, "ann", limit=9) == [6, 5, 4, 3, 2, 1]
        assert (count_in_walk(session, walk, "kim"), count_in_walk(session, walk, "ann")) == (4, 6)
    assert give(desk, "kim", lambda session, n: next_in_walk(session, walk, "kim", limit=n), limit=2) == [6, 5]
    assert give(desk, "ann", lambda session, n: next_in_walk(session, walk, "ann", limit=n), limit=2) == [4, 3]


def test_what_was_decided_or_claimed_since_it_was_looked_up_is_not_given(desk: Store) -> None:
    asked = []

    def stale(session: Any, n: int) -> list[int]:
        asked.append(n)
        return [1, 2, 3] if len(asked) == 1 else next_notes(session, reviewer="kim", limit=n)

    given(desk, "ann")
    with desk.transaction() as session:
        decide(session, 2, 0)
        add_notes(program_in(session), [note(2, gold=extraction(first="lung"))])  # an original now
    assert give(desk, "kim", stale, limit=1) == [4]
    assert len(asked) == 2


def test_no_claim_reads_every_note(file_store: Store) -> None:
    desk = file_store
    with desk.transaction() as session:
        add(session, 6)
    asked = plans(desk, lambda session: next_notes(session, reviewer="ann", after=3, limit=2))
    given(desk, "ann", 2)
    asked += plans(desk, lambda session: next_notes(session, reviewer="ann", after=3, limit=2))
    assert any("ix_note_free" in plan for plan in asked)
    assert not any(re.search(r"SCAN (note|claim)\b(?!_)", plan) for plan in asked), asked


NAMES = ("ann", "kim", "eve")
STEPS = (timedelta(seconds=5), 2 * MINUTE, LEASE, 3 * LEASE, timedelta(seconds=-30), -2 * LEASE, -24 * LEASE)


class Desk(RuleBasedStateMachine):
    """Three people, five notes, and a clock that somebody sets as they like."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.store = empty_store(self.folder / "store.db")
        self.patch = pytest.MonkeyPatch()
        self.clock = Clock()
        self.patch.setattr(t, "now", self.clock)
        with self.store.transaction() as session:
            add(session, 5)
            for name in NAMES:
                enlist(session, name)
        self.ends: dict[int, tuple[str, datetime]] = {}  # of each claim: whose, and until when
        self.pages: dict[str, tuple[int, int]] = {}
        self.decided: dict[int, list[str]] = {number: [] for number in range(1, 6)}
        self.n = 0

    def has(self, who: str, number: int) -> None:
        self.ends = {other: one for other, one in self.ends.items() if one[0] != who}
        self.ends[number] = (who, self.clock.at + LEASE)

    def forget_what_ended(self) -> None:
        """It may be taken away now, and setting the clock back brings nothing back."""
        now = self.clock.at
        self.ends = {number: one for number, one in self.ends.items() if now <= one[1] <= now + LONGEST}

    def open(self, who: str, number: int) -> None:
        self.pages[who] = (number, len(self.decided[number]))

    @rule(who=st.sampled_from(NAMES))
    def ask(self, who: str) -> None:
        for number in given(self.store, who):
            owner, until = self.ends.get(number, (who, self.clock.at))
            stands = self.clock.at <= until <= self.clock.at + LONGEST
            assert owner == who or not stands, "a note was given that somebody else has"
            self.has(who, number)
            self.open(who, number)
        self.forget_what_ended()

    @rule(who=st.sampled_from(NAMES), number=st.integers(1, 5))
    def open_by_hand(self, who: str, number: int) -> None:
        with self.store.transaction() as session:
            hold(person_in(session, who), number)
        self.ends = {other: one for other, one in self.ends.items() if one[0] != who or other == number}
        if claims(self.store).get(number) == who:
            self.has(who, number)
        self.open(who, number)
        self.forget_what_ended()

    @rule(who=st.sampled_from(NAMES))
    def save(self, who: str) -> None:
        if who not in self.pages:
            return
        number, seen = self.pages.pop(who)
        self.n += 1
        is_stale = seen != len(self.decided[number])
        try:
            with self.store.transaction() as session:
                submit(
                    person_in(session, who),
                    note_id=number,
                    status="submitted",
                    extraction=extraction(first=f"value {self.n}"),
                    seen_revision=seen,
                    token=f"token {self.n}",
                )
        except Conflict:
            assert is_stale
            return
        assert not is_stale, "a decision was overwritten by somebody who had not seen it"
        self.decided[number].append(f"value {self.n}")
        if self.ends.get(number, ("", None))[0] == who:
            del self.ends[number]

    @rule(step=st.sampled_from(STEPS))
    def set_the_clock(self, step: timedelta) -> None:
        self.clock.at += step

    @invariant()
    def nothing_is_lost(self) -> None:
        claims(self.store)
        with self.store.reading() as session:
            for number, values in self.decided.items():
                standing = latest_annotation(session, number)
                assert (standing.revision if standing else 0) == len(values)
                assert standing is None or standing.extraction[next(iter(standing.extraction))] == values[-1]

    def teardown(self) -> None:
        self.patch.undo()
        self.store.close()
        shutil.rmtree(self.folder)


def test_whatever_the_clock_does_a_claim_costs_a_message_at_most() -> None:
    lenient = settings(
        max_examples=12, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    run_state_machine_as_test(Desk, settings=lenient)


@pytest.fixture(autouse=True)
def _leave_no_clock() -> Iterator[None]:
    yield
    assert abs(t.now() - datetime.now(t.UTC)) < MINUTE
