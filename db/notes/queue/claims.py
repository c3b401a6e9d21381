"""Claims: who has which note open. Two people are not given the same note while one of them has it.

A claim is a hint with an end, its lease; what keeps one person's save from going over another's is the revision alone
(`revisions.py`). A clock that is set forth or back can therefore cost somebody a message that a note was decided
meanwhile, and never a decision. Whoever opens a note by hand gets it all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from db.notes.queue.claimed import OWN, select_claimed
from db.notes.suggestions import UNDECIDED, WAITING
from db.people.acting import Act, Permit, Program, acting, let_in
from db.people.sign_ins import sign_out
from db.schema import tables as t
from db.schema.dialects import is_postgres
from db.store.store import Store

LEASE = timedelta(minutes=10)
"""How long a claim lasts after its page was last heard of."""
LONGEST = 2 * LEASE
"""A claim that would last longer was made before the clock was set back far, and has ended."""
RENEWED_EVERY = timedelta(minutes=1)
"""How exact the end of a claim is; each renewal is a write."""
N_SPARE = 8
"""Notes that are looked up beyond those wanted, for where others claim the first at the same moment."""
N_REAPED = 200
"""Claims that have ended and are taken away at a time, so that no claim waits for many."""

Find = Callable[[Session, int], Sequence[int]]
"""Looks up notes to give, best first; given how many."""


_INSERT = """
    INSERT INTO claim (note_id, reviewer_id, until_at) SELECT id, :who, :until FROM note WHERE id = :note AND {}
    ON CONFLICT (note_id) DO UPDATE SET until_at = excluded.until_at WHERE claim.reviewer_id = excluded.reviewer_id
    RETURNING note_id
"""
_CLAIM, _CLAIM_UNDECIDED, _CLAIM_UNLOCKED = (
    sa.text(_INSERT.format(which)).bindparams(sa.bindparam("until", type_=t.UtcTime))
    # Where several give at once, whoever comes second to a note goes on to the next instead of waiting.
    for which in ("true", UNDECIDED.text, f"{UNDECIDED.text} FOR NO KEY UPDATE SKIP LOCKED")
)
_END = sa.delete(t.claim).where(
    t.claim.c.reviewer_id == sa.bindparam("who"), t.claim.c.note_id.not_in(sa.bindparam("kept", expanding=True))
)
_END_ALL = sa.delete(t.claim).where(t.claim.c.note_id.in_(OWN))
_HAS_ENDED = sa.or_(t.claim.c.until_at < sa.bindparam("at"), t.claim.c.until_at > sa.bindparam("longest"))
_SOME_ENDED = sa.select(t.claim.c.note_id).where(_HAS_ENDED).limit(sa.bindparam("n"))
_REAP = sa.delete(t.claim).where(t.claim.c.note_id.in_(_SOME_ENDED)).returning(t.claim.c.note_id)

# In PostgreSQL a note's row is locked before its claim is touched, always in the order of their numbers: so no two
# transactions wait for each other.
_locked = sa.select(t.note.c.id).order_by(t.note.c.id)
_LOCK_OWN = _locked.where(
    sa.or_(
        t.note.c.id.in_(sa.select(t.claim.c.note_id).where(t.claim.c.reviewer_id == sa.bindparam("who"))),
        t.note.c.id.in_(sa.bindparam("further", expanding=True)),
    )
).with_for_update(key_share=True)
_LOCK_ENDED = (
    _locked.join(t.claim, t.claim.c.note_id == t.note.c.id)
    .where(_HAS_ENDED)
    .limit(sa.bindparam("n"))
    .with_for_update(key_share=True, skip_locked=True, of=t.note)
)


@dataclass(frozen=True)
class Held:
    """What a page learns about claims.

    Attributes:
        by: who else has the note open; None where nobody has.
        own: the notes that the reviewer has claimed.
        is_due: a claim should be renewed or the note claimed; see `renew`.
    """

    by: str | None
    own: tuple[int, ...]
    is_due: bool


def give(store: Store, reviewer: str, find: Find, *, limit: int, keep: Collection[int] = ()) -> list[int]:
    """Claim the next notes for a reviewer: of what `find` finds the first that nobody else claims meanwhile.

    The reviewer's other claims are given back. What is looked up does not hold the store's writers up: claiming is a
    transaction of its own, which takes what is still free by then. In PostgreSQL it does not wait for them either.

    Args:
        store: the store.
        reviewer: who asks.
        find: looks up notes that wait and that nobody else has claimed.
        limit: how many to give.
        keep: claims that the reviewer keeps besides.

    Returns:
        Fewer than `limit` only where no more are free.
    """
    got: list[int] = []
    is_tidy = False
    while True:
        with store.reading() as session:
            has_ended = session.execute(_SOME_ENDED, _times(1)).first() is not None
            found = [number for number in find(session, limit + N_SPARE) if number not in got]
        if has_ended and not (is_tidy and found):  # once before, and again where nothing else is free
            is_tidy = True
            with acting(store, reviewer, "review", beside=True) as act:
                reap(act)
            continue
        with acting(store, reviewer, "review", beside=True) as act:
            _lock(act)
            for number in found:
                if len(got) < limit and _claim(act, number, is_waiting=True):
                    got.append(number)
            _end(act, but={*keep, *got})
        if len(got) == limit or not found:
            return got


def hold(act: Act, note_id: int, *, keep: Collection[int] = ()) -> None:
    """Claim a note that was opened by hand, unless somebody else has it; the person's other claims are given back."""
    _lock(act, note_id)
    reap(act)
    _claim(act, note_id, is_waiting=False)
    _end(act, but={*keep, note_id})


def read_held(session: Session, reviewer: str, note_id: int | None) -> Held:
    """What a page with this note on screen learns about claims.

    Args:
        session: one that reads is enough.
        reviewer: whose page it is.
        note_id: the note on screen; None for none.
    """
    at = t.now()
    c = t.claim.c
    query = (
        sa.select(c.note_id, c.until_at, t.reviewer.c.name)
        .join_from(t.claim, t.reviewer)
        .where(sa.or_(c.note_id == note_id, c.note_id.in_(select_claimed(reviewer))))
    )
    rows = session.execute(query).all()
    others = [row for row in rows if row.name != reviewer and _stands(row.until_at, at)]
    own = {row.note_id: row.until_at for row in rows if row.name == reviewer}
    is_late = any(until < at + LEASE - RENEWED_EVERY or not _stands(until, at) for until in own.values())
    is_missing = note_id is not None and note_id not in own and not others
    return Held(by=others[0].name if others else None, own=tuple(sorted(own)), is_due=is_late or is_missing)


def renew(act: Act, note_id: int | None) -> None:
    """Let a reviewer's claims last longer, and claim the note on screen if nobody else has it.

    A claim that has ended but was not taken away was nobody else's meanwhile, and goes on.
    """
    _lock(act, *([] if note_id is None else [note_id]))
    own = sa.update(t.claim).where(t.claim.c.reviewer_id == act.number)
    act.session.execute(own.values(until_at=t.now() + LEASE))
    if note_id is not None:
        reap(act)
        _claim(act, note_id, is_waiting=False)


def give_back(act: Act, note_id: int | None = None) -> None:
    """End the person's claim of a note, or without one all of the person's claims."""
    if note_id is None:
        _lock(act)
    ended = _END_ALL if note_id is None else _END_ALL.where(t.claim.c.note_id == note_id)
    act.session.execute(ended, {"reviewer": act.who})


def leave_desk(program: Program, token: str) -> None:
    """End a sign-in and its person's claims of notes."""
    person = sign_out(program, token)
    if person is not None:
        give_back(let_in(program.session, person, "review"))


def reap(permit: Permit) -> int:
    """Take away claims that have ended, at most some at a time; how many."""
    session = permit.session
    times = _times(N_REAPED)
    if not is_postgres(session):
        return len(session.execute(_REAP, times).all())
    locked = session.execute(_LOCK_ENDED, times).scalars().all()
    # Asked again: one that was renewed before its note was locked has not ended.
    query = sa.delete(t.claim).where(t.claim.c.note_id.in_(locked), _HAS_ENDED).returning(t.claim.c.note_id)
    return len(session.execute(query, times).all()) if locked else 0


def n_held_by_others(session: Session, reviewer: str) -> int:
    """How many notes that wait are open with somebody else."""
    query = (
        sa.select(sa.func.count())
        .select_from(t.claim)
        .join(t.note, t.note.c.id == t.claim.c.note_id)
        .where(WAITING, t.claim.c.note_id.not_in(select_claimed(reviewer)))
    )
    return int(session.execute(query).scalar_one())


def _claim(act: Act, note_id: int, *, is_waiting: bool) -> bool:
    """Claim a note; whether it is the person's now."""
    values = {"note": note_id, "who": act.number, "until": t.now() + LEASE}
    waiting = _CLAIM_UNLOCKED if is_postgres(act.session) else _CLAIM_UNDECIDED
    return act.session.execute(waiting if is_waiting else _CLAIM, values).one_or_none() is not None


def _lock(act: Act, *further: int) -> None:
    """Lock the notes that the person has claimed, and others, where the transaction alone does not."""
    if is_postgres(act.session):
        act.session.execute(_LOCK_OWN, {"who": act.number, "further": further}).all()


def _end(act: Act, but: Collection[int]) -> None:
    """End the person's claims, but for those of some notes."""
    act.session.execute(_END, {"who": act.number, "kept": sorted(but)})


def _stands(until: datetime, at: datetime) -> bool:
    return at <= until <= at + LONGEST


def _times(n: int) -> dict[str, datetime | int]:
    at = t.now()
    return {"at": at, "longest": at + LONGEST, "n": n}
