"""Samples: the notes that come with caseloop. What they count for, how much was done with them, taking them out.

They are synthetic, and the model that comes with them knows their way of labelling. As long as there is nothing else
they stand for real notes, so that a newcomer can try the whole loop; from the first real label on, nothing is learned
from them, measured on them or exported of them unasked.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from db.people.acting import LeadAct
from db.schema import tables as t
from db.schema.dialects import insert_into
from db.schema.errors import StoreError

_other = t.note.alias("real_note")
# In parts that each have an index. Labels that came late stay with notes that somebody had worked on.
_LABELLED = sa.or_(
    sa.and_(_other.c.origin == "original", _other.c.state != "flagged"),
    sa.and_(_other.c.state == "submitted", _other.c.origin != "sample"),
    sa.and_(
        _other.c.origin == "incoming", _other.c.state.in_(("todo", "draft", "skipped")), _other.c.gold.is_not(None)
    ),
)
_DECIDED = sa.and_(_other.c.state == "submitted", _other.c.origin != "sample")


def _samples_stand_aside(once: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    there_is = sa.select(_other.c.id).where(once).limit(1).scalar_subquery()
    return sa.or_(t.note.c.origin != "sample", there_is.is_(None))


VOTES = _samples_stand_aside(_LABELLED)
"""Whether a note may be learned from and measured on: a sample may not once a real note is labelled."""
COUNTS = _samples_stand_aside(_DECIDED)
"""Whether a decision about a note counts in exports and figures: one about a sample does not once a real one stands."""
_OF_NOTES = (t.trial, t.draft, t.claim, t.standing_opinion, t.opinion, t.preference, t.annotation)
_REMOVED = "samples.removed_up_to"


@dataclass(frozen=True)
class Samples:
    """The samples in a store.

    Attributes:
        n_notes: how many there are.
        n_decided: those that somebody decided about.
        n_drafts: those that somebody typed in and has not decided about.
        n_opinions: what reviewers said about undecided ones, where several are asked.
        is_voting: whether they are learned from and measured on, because no real note is labelled.
    """

    n_notes: int = 0
    n_decided: int = 0
    n_drafts: int = 0
    n_opinions: int = 0
    is_voting: bool = False

    @property
    def told(self) -> str:
        """What goes with them, as part of a sentence."""
        many = f"{self.n_notes:,} sample {'note' if self.n_notes == 1 else 'notes'}"
        work = [(self.n_decided, "review"), (self.n_drafts, "draft"), (self.n_opinions, "opinion")]
        said = [f"{n:,} {one if n == 1 else one + 's'}" for n, one in work if n]
        return f"{many} with {' and '.join(said)}" if said else many

    @property
    def sentence(self) -> str:
        """What they count for."""
        if self.is_voting:
            return "They are trained on and measured on until the first real note is labelled."
        return "They no longer count in training, in measurements or in exports: real notes are labelled."


def samples_of(session: Session) -> Samples:
    """How many samples there are, and what was done with them."""
    c = t.note.c
    numbers = sa.func.count().label("n"), sa.func.sum(c.n_opinions).label("n_opinions")
    query = sa.select(c.state, *numbers).where(c.origin == "sample").group_by(c.state)
    rows = session.execute(query).all()
    by_state = {row.state: row.n for row in rows}
    if not by_state:
        return Samples()
    labelled = session.execute(sa.select(_other.c.id).where(_LABELLED).limit(1)).one_or_none()
    return Samples(
        n_notes=sum(by_state.values()),
        n_decided=sum(by_state.get(state, 0) for state in ("submitted", "skipped", "flagged")),
        n_drafts=by_state.get("draft", 0),
        n_opinions=sum(int(row.n_opinions) for row in rows if row.state in ("todo", "draft")),
        is_voting=labelled is None,
    )


def remove_samples(act: LeadAct, seen: Samples | None = None) -> Samples:
    """Take every sample out, with its text, its suggestions and whatever people decided about it.

    The database itself refuses to delete such rows of any other note.

    Args:
        act: of whoever may import notes.
        seen: what they were told would go; None where they did not ask.

    Returns:
        What went.

    Raises:
        StoreError: somebody worked on them since. Nothing was removed.
    """
    session = act.session
    found = samples_of(session)
    if seen is not None and found.told != seen.told:
        raise StoreError(
            f"The samples have changed: there are now {found.told}, not {seen.told}. Nothing was removed; check again."
        )
    if not found.n_notes:
        return found
    newest = int(session.execute(sa.select(sa.func.max(t.note.c.id))).scalar_one())
    kept = {"value": newest, "changed_by": act.who, "changed_at": t.now()}
    session.execute(
        insert_into(session, t.setting)
        .values(key=_REMOVED, **kept)
        .on_conflict_do_update(index_elements=["key"], set_=kept)
    )
    samples = sa.select(t.note.c.id).where(t.note.c.origin == "sample")
    # The text first: its trigger takes it out of the search index, for which it needs the note.
    for table in (t.note_text, *_OF_NOTES, t.suggestion_failure, t.suggestion):
        session.execute(sa.delete(table).where(table.c.note_id.in_(samples)))
    session.execute(sa.delete(t.note).where(t.note.c.origin == "sample"))
    act.record(
        "removed the samples",
        n_notes=found.n_notes,
        n_decided=found.n_decided,
        n_drafts=found.n_drafts,
        n_opinions=found.n_opinions,
    )
    return found


def removed_up_to(session: Session) -> int:
    """The highest number that a note had when samples were last taken out; 0 where they never were.

    No other note may get one of these numbers: a page that is still open on a sample would save to it.
    """
    found = session.execute(sa.select(t.setting.c.value).where(t.setting.c.key == _REMOVED)).scalar_one_or_none()
    return int(found or 0)
