"""Opinions: what each of several reviewers says about one note, without seeing what the others say.

A note that wants several (see `overlap.py`) is given to one reviewer after another. What they save is kept as an
opinion; once there are enough and they say the same, that is the decision, and where they differ a lead decides.
Opinions are insert-only; a note has at most one standing opinion of each reviewer.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from data.evaluation.agreement import same_record
from data.task import load_task
from db.notes.notes import NoteRow
from db.notes.suggestions import UNDECIDED
from db.people.acting import Act, LeadAct
from db.review.reviewed import AnnotationRow, Status
from db.review.revisions import Conflict, compare_and_swap, revision_of
from db.schema import tables as t
from db.schema.dialects import insert_into


@dataclass(frozen=True)
class OpinionRow:
    """What one reviewer says about a note. It is never changed: a newer one of the same reviewer takes its place.

    Attributes:
        reviewer: the name of the person.
        status: as of an annotation, or "withdrawn" where the opinion before was taken back.
        settled: the fields that the person confirmed or changed.
        suggestion_id: the suggestion that it started from, if any.
        lead_time_ms: how long the person worked on it.
        token: the save's own name, by which a repeated save is known.
    """

    id: int
    note_id: int
    reviewer: str
    status: Status | Literal["withdrawn"]
    extraction: dict[str, str | None]
    settled: list[str]
    comment: str
    suggestion_id: int | None
    lead_time_ms: int
    token: str
    given_at: datetime


def wants_opinion(act: Act, note_id: int) -> bool:
    """Whether what this reviewer saves about a note is an opinion, rather than a decision.

    It is while opinions are missing. After that a note waits only where they differ, and then for somebody who may
    adjudicate; others may still change their minds.
    """
    row = _opinions_of(act.session, note_id)
    if row is None or row.state not in ("todo", "draft"):
        return False
    if row.is_disputed:  # also where only one is asked by now
        return not act.may("adjudicate")
    return bool(1 < row.n_wanted > row.n_opinions)


def is_compared(note: NoteRow) -> bool:
    """Whether several people are to say what they think of a note that nobody has decided about yet.

    Nothing that one of them says may reach the others, and nothing that is said elsewhere may reach one of them alone.
    """
    return not note.is_decided and (note.n_wanted > 1 or note.n_opinions > 0 or note.is_disputed)


def give_opinion(act: Act, seen_revision: int, seen_opinion: int, **kept: Any) -> tuple[OpinionRow, bool]:
    """Keep what a reviewer says about a note, in place of what the same reviewer said before.

    Args:
        act: of whoever says it.
        seen_revision: the note's revision that the page shows.
        seen_opinion: the reviewer's own opinion that the page shows; 0 for none.
        kept: the columns of the opinion.

    Returns:
        The opinion; whether the note has all the opinions now that it wants, and they say the same.

    Raises:
        Conflict: somebody decided meanwhile, or the reviewer's opinion is another by now; nothing was written.
    """
    session, note_id = act.session, kept["note_id"]
    standing = own_opinion(session, note_id, act.who)
    if (standing.id if standing else 0) != seen_opinion:
        theirs = as_annotation(standing) if standing else None
        raise Conflict(note_id, revision=revision_of(session, note_id), theirs=theirs)
    given = _insert(act, **kept)
    session.execute(
        insert_into(session, t.standing_opinion)
        .values(note_id=note_id, reviewer_id=act.number, opinion_id=given.id)
        .on_conflict_do_update(index_elements=["note_id", "reviewer_id"], set_={"opinion_id": given.id})
    )
    session.execute(sa.delete(t.draft).where(t.draft.c.note_id == note_id, t.draft.c.reviewer_id == act.number))
    drafts = sa.exists().where(t.draft.c.note_id == t.note.c.id).correlate(t.note)
    changes = {
        "state": sa.case((drafts, "draft"), else_="todo"),
        "reviewer_id": sa.case((drafts, t.note.c.reviewer_id)),
        "updated_at": given.given_at,
    }
    counted, settles = _count_opinions(session, note_id)
    compare_and_swap(act, note_id, seen_revision, **changes, **counted)
    return given, settles


def withdraw_opinion(act: Act, opinion: OpinionRow, *, token: str, at: datetime) -> None:
    """Take a standing opinion of the person's own back; that it was given, and taken back, stays on record."""
    kept = {"status": "withdrawn", "token": token, "given_at": at, "note_id": opinion.note_id}
    kept |= {key: getattr(opinion, key) for key in ("extraction", "settled", "comment", "suggestion_id")}
    _insert(act, **kept, lead_time_ms=opinion.lead_time_ms)
    act.session.execute(sa.delete(t.standing_opinion).where(t.standing_opinion.c.opinion_id == opinion.id))
    count_opinions(act, opinion.note_id)


def count_opinions(act: Act, note_id: int) -> bool:
    """Bring what a note says about its opinions up to date; whether it has all that it wants, and they say the same."""
    counted, settles = _count_opinions(act.session, note_id)
    act.session.execute(sa.update(t.note).where(t.note.c.id == note_id).values(**counted))
    return settles


def mark_disputed(act: LeadAct, note_id: int) -> None:
    """Let a lead decide about a note whose opinions differ, however many were asked for."""
    act.session.execute(sa.update(t.note).where(t.note.c.id == note_id).values(is_disputed=1))


def opinions_of(session: Session, note_id: int) -> list[OpinionRow]:
    """The standing opinions about a note, by when they were given."""
    query = _select_standing().where(t.standing_opinion.c.note_id == note_id).order_by(t.opinion.c.id)
    return [OpinionRow(**row._mapping) for row in session.execute(query)]


def opinion_history(session: Session, note_id: int) -> list[OpinionRow]:
    """Everything that was said about a note and taken back, by when; not only what stands."""
    query = sa.select(*_columns()).join_from(t.opinion, t.reviewer).where(t.opinion.c.note_id == note_id)
    return [OpinionRow(**row._mapping) for row in session.execute(query.order_by(t.opinion.c.id))]


def own_opinion(session: Session, note_id: int, reviewer: str) -> OpinionRow | None:
    """This reviewer's standing opinion about a note, or None."""
    query = _select_standing().where(t.standing_opinion.c.note_id == note_id, t.reviewer.c.name == reviewer)
    row = session.execute(query).one_or_none()
    return OpinionRow(**row._mapping) if row else None


def opinion_by_token(session: Session, token: str) -> OpinionRow | None:
    """The opinion that was saved under this name, whether it stands or not."""
    query = sa.select(*_columns()).join_from(t.opinion, t.reviewer).where(t.opinion.c.token == token)
    row = session.execute(query).one_or_none()
    return OpinionRow(**row._mapping) if row else None


def shared_opinions(session: Session, limit: int) -> dict[int, list[OpinionRow]]:
    """Note number to the standing opinions about it, for the last notes that have two or more."""
    several = sa.select(t.note.c.id).where(
        sa.literal_column("note.n_opinions > 0", sa.Boolean), t.note.c.n_opinions > 1
    )
    several = several.order_by(t.note.c.updated_at.desc()).limit(limit)
    query = _select_standing().where(t.standing_opinion.c.note_id.in_(several)).order_by(t.opinion.c.id)
    found: dict[int, list[OpinionRow]] = {}
    for row in session.execute(query, execution_options={"yield_per": 500}):
        found.setdefault(row.note_id, []).append(OpinionRow(**row._mapping))
    return found


def find_decided(session: Session, note_ids: Collection[int]) -> set[int]:
    """Those of some notes that somebody has decided about."""
    query = sa.select(t.note.c.id).where(t.note.c.id.in_(note_ids), t.note.c.state.not_in(("todo", "draft")))
    return set(session.execute(query).scalars())


@dataclass(frozen=True)
class Pending:
    """Notes that this reviewer cannot bring further.

    Attributes:
        n_others: the reviewer has given an opinion; others are asked.
        n_disputed: opinions differ; a lead decides.
    """

    n_others: int = 0
    n_disputed: int = 0


def count_pending(session: Session, reviewer: str) -> Pending:
    """How many notes wait for others than this reviewer."""
    mine = sa.exists().where(t.standing_opinion.c.note_id == t.note.c.id, t.reviewer.c.name == reviewer)
    mine = mine.where(t.standing_opinion.c.reviewer_id == t.reviewer.c.id).correlate(t.note)
    undecided = sa.select(sa.func.count()).select_from(t.note).where(UNDECIDED)
    answered = sa.literal_column("note.n_opinions > 0", sa.Boolean)
    disputed = sa.literal_column("note.is_disputed = 1", sa.Boolean)
    return Pending(
        n_others=int(session.execute(undecided.where(answered, mine, ~disputed)).scalar_one()),
        n_disputed=int(session.execute(undecided.where(disputed)).scalar_one()),
    )


def as_annotation(opinion: OpinionRow) -> AnnotationRow:
    """An opinion as what its own reviewer decided, for a page that shows or compares it."""
    values = {**vars(opinion), "revision": 0, "submitted_at": opinion.given_at}
    return AnnotationRow(**{key: values[key] for key in AnnotationRow.__dataclass_fields__})


def _count_opinions(session: Session, note_id: int) -> tuple[dict[str, int], bool]:
    """What a note says about its opinions, as they stand now; whether they are all that it wants, and agree."""
    row = _opinions_of(session, note_id)
    assert row is not None
    standing = opinions_of(session, note_id)
    is_complete = len(standing) >= row.n_wanted
    is_disputed = is_complete and not _agree(standing)
    return {"n_opinions": len(standing), "is_disputed": int(is_disputed)}, is_complete and not is_disputed


def _agree(opinions: list[OpinionRow]) -> bool:
    task, first = load_task(), opinions[0]
    return all(
        other.status == first.status
        and (first.status != "submitted" or same_record(task, first.extraction, other.extraction))
        for other in opinions[1:]
    )


def _opinions_of(session: Session, note_id: int) -> Any:
    """What a note says about its opinions, and its state; None for no such note."""
    c = t.note.c
    query = sa.select(c.state, c.n_wanted, c.n_opinions, c.is_disputed).where(c.id == note_id)
    return session.execute(query).one_or_none()


def _insert(act: Act, **values: Any) -> OpinionRow:
    added = act.session.execute(sa.insert(t.opinion).values(reviewer_id=act.number, **values).returning(t.opinion.c.id))
    return OpinionRow(id=int(added.scalar_one()), reviewer=act.who, **values)


def _columns() -> list[sa.ColumnElement[Any]]:
    own = [column for column in t.opinion.c if column.name != "reviewer_id"]
    return [*own, t.reviewer.c.name.label("reviewer")]


def _select_standing() -> sa.Select[Any]:
    standing = t.standing_opinion.join(t.opinion, t.opinion.c.id == t.standing_opinion.c.opinion_id)
    return sa.select(*_columns()).select_from(standing.join(t.reviewer, t.reviewer.c.id == t.opinion.c.reviewer_id))
