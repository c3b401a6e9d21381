"""Decisions that arrive from another desk: they stand as their reviewers', and never over a decision that is there.

Where a note was decided here as well, and otherwise, the decision here stands and the report says so; or both become
opinions and the note waits for a lead, as where any two reviewers differ. Each call is one transaction of a caller's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from data.decisions.reading import Decision, Opinion
from data.evaluation.agreement import differing_fields, same_record
from data.task import Extraction, Task
from db.notes.identity import USUALLY, Rules
from db.notes.notes import AddReport, add_notes, get_note
from db.notes.suggestions import add_suggestion, suggestion_of
from db.people.acting import Act, LeadAct
from db.people.reviewers import know_author
from db.review.decisions import reopen, submit
from db.review.drafts import discard_draft
from db.review.opinions import (
    OpinionRow,
    as_annotation,
    give_opinion,
    mark_disputed,
    opinion_history,
    own_opinion,
)
from db.review.reviewed import AnnotationRow, history
from db.review.trials import begin_trial
from db.schema import tables as t
from db.schema.dialects import insert_into
from db.schema.json_text import as_json

Outcome = Literal["kept", "known", "agrees", "differs", "disputed"]
N_NAMED = 1000
"""Notes decided otherwise that a report names."""
_ELSEWHERE = " (imported)"
_ARRIVED = "import-"
"""How the tokens of decisions begin that were made elsewhere."""
_HERE = "-here"
"""How the token of a decision ends that was made here and is an opinion now, since another arrived."""


@dataclass(frozen=True)
class Difference:
    """A note that was decided here and elsewhere, and not alike.

    Attributes:
        note_id: its number here.
        external_id: its id; None where it has none.
        place: where the other decision was read.
        here: who decided here.
        there: who decided elsewhere.
        fields: those in which they differ; none where only what was done with the note differs.
    """

    note_id: int
    external_id: str | None
    place: str
    here: str
    there: str
    fields: tuple[str, ...]


@dataclass
class Arrivals:
    """What became of decisions that were brought in.

    Attributes:
        n_kept: stand here now.
        n_known: were here already.
        n_agreeing: say what was decided here by somebody else; that stands.
        n_differing: say something else than what was decided here; that stands.
        n_disputed: of notes that now wait for a lead, with what both say.
        n_opinions: are kept as their reviewer's opinion, because others here were asked about the note.
        differences: the first notes that are decided otherwise here.
    """

    n_kept: int = 0
    n_known: int = 0
    n_agreeing: int = 0
    n_differing: int = 0
    n_disputed: int = 0
    n_opinions: int = 0
    differences: list[Difference] = field(default_factory=list)

    def add(self, other: Arrivals) -> None:
        """Count those of another batch in."""
        for name in ("n_kept", "n_known", "n_agreeing", "n_differing", "n_disputed", "n_opinions"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.differences += other.differences[: N_NAMED - len(self.differences)]


def add_decisions(
    act: LeadAct, task: Task, decisions: Sequence[Decision], rules: Rules = USUALLY, *, adjudicate: bool = False
) -> tuple[list[AddReport], Arrivals]:
    """Add the notes of decisions, and the decisions.

    Args:
        act: of whoever brings them.
        task: whose fields were decided.
        decisions: of one batch.
        rules: of the import; each note has the source that its decision names.
        adjudicate: whether a note that was decided otherwise here waits for a lead, rather than staying as it is.

    Returns:
        What became of the notes, once for each run of one source, and of the decisions.

    Raises:
        StoreError: a reviewer's name cannot be one here.
    """
    arrivals, people, reports = Arrivals(), _People(act), []
    for source, run in groupby(decisions, lambda decision: decision.source):  # in their order, which is that of exports
        of_source = list(run)
        report = add_notes(act, [decision.note for decision in of_source], replace(rules, source=source))
        reports.append(report)
        for note_id, decision in zip(report.note_ids, of_source, strict=True):
            _arrive(_Arrival(act, task, people, note_id, decision), arrivals, adjudicate)
    counted = {name: value for name, value in vars(arrivals).items() if name.startswith("n_") and value}
    act.record("brought decisions", f"import {rules.import_id}" if rules.import_id else "", **counted)
    return reports, arrivals


def foresee(session: Session, task: Task, note_id: int | None, decision: Decision) -> Outcome:
    """What would become of a decision, without doing it; `note_id` is None for a note that is not here yet."""
    if note_id is None:
        return "kept"
    return _outcome(session, task, note_id, decision)[0]


class _People:
    """Those who decided elsewhere, as they are written here; each is looked up once."""

    def __init__(self, act: LeadAct) -> None:
        self._act = act
        self._acts: dict[str, Act] = {}

    def act_of(self, name: str) -> Act:
        if name not in self._acts:
            self._acts[name] = self._act.restore_for(know_author(self._act, name), role="reviewer")
        return self._acts[name]


@dataclass(frozen=True)
class _Arrival:
    act: LeadAct
    task: Task
    people: _People
    note_id: int
    decision: Decision


def _arrive(arrival: _Arrival, arrivals: Arrivals, adjudicate: bool) -> None:
    act, decision, note_id = arrival.act, arrival.decision, arrival.note_id
    outcome, standing = _outcome(act.session, arrival.task, note_id, decision)
    if outcome == "known":
        arrivals.n_known += 1
    elif outcome == "agrees":
        arrivals.n_agreeing += 1
    elif outcome == "kept":
        with _leaving_drafts(act, note_id):
            is_decided = _keep(arrival)
        if is_decided:
            arrivals.n_kept += 1
        else:
            arrivals.n_opinions += 1
    else:
        assert standing is not None
        if adjudicate and not get_note(act.session, note_id).is_superseded:  # else nobody would be asked about it
            with _leaving_drafts(act, note_id):
                _dispute(arrival, standing)
            arrivals.n_disputed += 1
        else:
            arrivals.n_differing += 1
        if len(arrivals.differences) < N_NAMED:
            arrivals.differences.append(_difference(arrival, standing))


@contextmanager
def _leaving_drafts(act: LeadAct, note_id: int) -> Iterator[None]:
    """Leave what people here have typed about a note, which their own save would have ended."""
    session = act.session
    typed = session.execute(sa.select(t.draft).where(t.draft.c.note_id == note_id)).all()
    yield
    for row in typed:
        session.execute(insert_into(session, t.draft).values(**row._mapping).on_conflict_do_nothing())
        waits = sa.update(t.note).where(t.note.c.id == note_id, t.note.c.state == "todo")
        session.execute(waits.values(state="draft", reviewer_id=row.reviewer_id))


def _difference(arrival: _Arrival, standing: AnnotationRow) -> Difference:
    decision = arrival.decision
    return Difference(
        note_id=arrival.note_id,
        external_id=decision.note.external_id,
        place=decision.note.place,
        here=standing.reviewer,
        there=decision.reviewer,
        fields=tuple(differing_fields(arrival.task, {"here": standing.extraction, "there": decision.values})),
    )


def _outcome(session: Session, task: Task, note_id: int, decision: Decision) -> tuple[Outcome, AnnotationRow | None]:
    """What becomes of a decision, and what stands here: a decision, or before there is one that person's opinion."""
    c = t.note.c
    row = session.execute(sa.select(c.revision, c.n_opinions).where(c.id == note_id)).one()
    said = opinion_history(session, note_id) if row.n_opinions else []
    decided = history(session, note_id) if row.revision else []
    token = _token(note_id, decision.reviewer, decision.submitted_at, decision.status, decision.values)
    if any(_is_same(one, one.given_at, decision, token) for one in said) or any(
        _is_same(one, one.submitted_at, decision, token) for one in decided
    ):
        return "known", None
    standing = decided[0] if decided else None
    if standing is None or standing.status == "reopened":
        own = own_opinion(session, note_id, decision.reviewer) if row.n_opinions else None
        if own is None:
            return "kept", None
        standing = as_annotation(own)
    is_from_here = not standing.token.startswith(_ARRIVED) or standing.token.endswith(_HERE)
    if not is_from_here and standing.reviewer == decision.reviewer:
        # The same person changed their mind at the other desk, and nobody did anything about it here.
        return ("kept" if decision.submitted_at > standing.submitted_at else "known"), None
    is_same = standing.status == decision.status and same_record(task, standing.extraction, decision.values)
    return ("agrees" if is_same else "differs"), standing


def _is_same(one: AnnotationRow | OpinionRow, at: datetime, decision: Decision, token: str) -> bool:
    """Whether a decision or opinion that is here is this one."""
    if one.token == token:
        return True
    is_theirs = at == decision.submitted_at and one.reviewer == decision.reviewer and one.status == decision.status
    return is_theirs and {key: one.extraction.get(key) for key in decision.values} == decision.values


def _keep(arrival: _Arrival) -> bool:
    """Keep a decision about a note that has none; False where it joins the opinions that others here have given."""
    session, note_id, decision = arrival.act.session, arrival.note_id, arrival.decision
    c = t.note.c
    row = session.execute(sa.select(c.revision, c.n_opinions).where(c.id == note_id)).one()
    is_final = not row.n_opinions
    if is_final:
        for opinion in decision.opinions:
            _add_opinion(arrival, opinion, row.revision)
    by = arrival.people.act_of(decision.reviewer)
    if decision.shown != "prefilled":
        key, value = decision.seeded
        begin_trial(by, note_id=note_id, kind=decision.shown, field=key, value=value)
    own = None if is_final else own_opinion(session, note_id, by.who)
    saved = submit(
        by,
        note_id=note_id,
        seen_revision=row.revision,
        seen_opinion=own.id if own else 0,
        is_final=is_final,
        suggestion_id=_suggestion_id(arrival),
        token=_token_of(arrival),
        decided_at=decision.submitted_at,
        **_submitted_parts(arrival),
    )
    return saved.annotation_id is not None


def _submitted_parts(arrival: _Arrival) -> dict[str, Any]:
    task, decision = arrival.task, arrival.decision
    return {
        "status": decision.status,
        "extraction": Extraction.from_stored(task, decision.values),
        "not_asked": [key for key in task.keys if key not in decision.values],
        "settled": decision.settled,
        "comment": decision.comment,
        "lead_time_ms": decision.lead_time_ms,
    }


def _add_opinion(arrival: _Arrival, opinion: Opinion, revision: int) -> None:
    values = opinion.values
    give_opinion(
        arrival.people.act_of(opinion.reviewer),
        revision,
        0,
        note_id=arrival.note_id,
        status=opinion.status,
        extraction=values,
        settled=[],
        comment="",
        suggestion_id=None,
        lead_time_ms=0,
        token=_token(arrival.note_id, opinion.reviewer, opinion.given_at, f"opinion {opinion.status}", values),
        given_at=opinion.given_at,
    )


def _dispute(arrival: _Arrival, standing: AnnotationRow) -> None:
    """Take the decision back that stands here: both are opinions from now on, and a lead decides.

    Somebody who decided at both desks has one opinion here; what was decided elsewhere then stands under a name of its
    own.
    """
    act, note_id, decision = arrival.act, arrival.note_id, arrival.decision
    name = decision.reviewer if decision.reviewer != standing.reviewer else f"{decision.reviewer[:80]}{_ELSEWHERE}"
    here, there, token = act.restore_for(standing.reviewer), arrival.people.act_of(name), _token_of(arrival)
    new: list[tuple[Act, Mapping[str, str | None], datetime, AnnotationRow | Decision, str]]
    new = [(there, decision.values, decision.submitted_at, decision, token)]
    revision = act.session.execute(sa.select(t.note.c.revision).where(t.note.c.id == note_id)).scalar_one()
    if standing.revision:  # a decision: an opinion is one already
        reopen(here, note_id=note_id, seen_revision=revision, token=f"{token}-reopened")
        discard_draft(here, note_id=note_id)
        revision += 1
        new.insert(0, (here, standing.extraction, standing.submitted_at, standing, f"{token}{_HERE}"))
    for by, values, at, one, own_token in new:
        own = own_opinion(act.session, note_id, by.who)
        give_opinion(
            by,
            revision,
            own.id if own else 0,
            note_id=note_id,
            status=one.status,
            extraction=dict(values),
            settled=[*one.settled],
            comment=one.comment,
            suggestion_id=None,
            lead_time_ms=one.lead_time_ms,
            token=own_token,
            given_at=at,
        )
    mark_disputed(act, note_id)
    act.record("disputed", f"note {note_id}", here=standing.reviewer, there=decision.reviewer)


def _suggestion_id(arrival: _Arrival) -> int | None:
    """The suggestion that a decision started from, kept beside those that are here; None where there was none.

    Where an adapter of that name said something else here, the one from elsewhere stands under a name of its own.
    """
    act, note_id, decision = arrival.act, arrival.note_id, arrival.decision
    came = decision.suggestion
    if came is None:
        return None
    for name in (came.adapter, f"{came.adapter}{_ELSEWHERE}"):
        here = suggestion_of(act.session, note_id, name)
        if here is None:
            return add_suggestion(act, note_id, replace(came, adapter=name), created_at=decision.submitted_at)
        if here.extraction == came.extraction.as_dict():
            return here.id
    return None


def _token_of(arrival: _Arrival) -> str:
    decision = arrival.decision
    return _token(arrival.note_id, decision.reviewer, decision.submitted_at, decision.status, decision.values)


def _token(note_id: int, who: str, at: datetime, what: str, values: Mapping[str, Any]) -> str:
    """The name of a save that is the same whenever the same decision arrives."""
    told = as_json([who, at.isoformat(), what, [*values.items()]])
    return f"{_ARRIVED}{note_id}-{hashlib.sha256(told.encode()).hexdigest()[:32]}"
