"""Notes about which reviewers' opinions differ, as whoever adjudicates sees them: who says what, side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.core.desk import Desk
from data.evaluation.agreement import differing_fields
from data.evaluation.scoring import items
from data.task import Task
from data.text.figures import plural
from db.people.acting import can
from db.review.decisions import Review
from db.review.opinions import OpinionRow, Pending, opinions_of
from db.store.store import Session


@dataclass(frozen=True)
class Adjudication:
    """What a lead sees of a disputed note.

    Attributes:
        opinions: by when they were given.
        differing: the fields in which they differ, in the task's order.
        proposed: what the form starts with: in each field what most say, or else the first.
        others: field key to what else is said there.
    """

    opinions: tuple[OpinionRow, ...]
    differing: tuple[str, ...]
    proposed: dict[str, str | None]
    others: dict[str, tuple[str | None, ...]]

    def to_json(self) -> dict[str, Any]:
        """For the page."""
        said = [
            {"who": one.reviewer, "status": one.status, "values": one.extraction, "comment": one.comment}
            for one in self.opinions
        ]
        return {"opinions": said, "differing": list(self.differing)}


def adjudication(desk: Desk, session: Session, review: Review, reviewer: str) -> Adjudication | None:
    """The opinions about a note for somebody who may decide between them; None for everybody else and other notes."""
    note = review.note
    if not note.is_disputed or note.is_decided or not can(session, reviewer, "adjudicate"):
        return None
    opinions = tuple(opinions_of(session, note.id))
    proposed: dict[str, str | None] = {}
    others: dict[str, tuple[str | None, ...]] = {}
    for key in desk.task.keys:
        proposed[key], *rest = _by_frequency(desk.task, key, opinions)
        others[key] = tuple(rest)
    said: Mapping[str, Mapping[str, str | None]] = {one.reviewer: one.extraction for one in opinions}
    return Adjudication(opinions, tuple(differing_fields(desk.task, said)), proposed, others)


def _by_frequency(task: Task, key: str, opinions: tuple[OpinionRow, ...]) -> list[str | None]:
    """What is said about a field, without what says the same, the most frequent and then the first first."""
    field = task.field(key)
    counted: Counter[frozenset[str]] = Counter()
    first: dict[frozenset[str], str | None] = {}
    for opinion in opinions:
        value = opinion.extraction.get(key)
        counted[items(value, field)] += 1
        first.setdefault(items(value, field), value)
    return [first[label] for label, _ in counted.most_common()]


def line(review: Review, found: Adjudication | None) -> str:
    """What the heading says of a note that several reviewers are asked about; nothing of others. Plain text."""
    note = review.note
    if note.is_decided or (note.n_wanted == 1 and not note.is_disputed):
        return ""
    if found is not None:
        n = len(found.differing)
        where = f"differ in {plural(n, 'field')}" if n else "differ in what to do with it"
        return f"{len(found.opinions)} reviewers {where}: what you save is the decision"
    if note.is_disputed:
        yours = "your opinion is kept; " if review.opinion else ""
        return f"{yours}others differ, and a lead decides"
    if review.opinion is None:
        return f"{note.n_wanted} reviewers are asked, each without seeing what the others say"
    return f"your opinion is kept; {note.n_opinions} of {note.n_wanted} are in"


def describe_waiting(others: Pending) -> str:
    """What is said of notes that a reviewer cannot bring further, each sentence with a space before it."""
    said = ""
    if others.n_others:
        said += f" {plural(others.n_others, 'note waits', 'notes wait')} for what others say."
    if others.n_disputed:
        said += (
            f" {plural(others.n_disputed, 'note waits', 'notes wait')} for a lead: see “to adjudicate” in the queue."
        )
    return said
