"""Routing: changing how many notes several reviewers are asked about, and what that means for notes under way."""

from __future__ import annotations

import sqlalchemy as sa

from data.task import Extraction, load_task
from db.notes.queue.overlap import SETTING, Overlap, count_wanted, read_overlap
from db.notes.suggestions import UNDECIDED
from db.people.acting import LeadAct
from db.people.settings import put_setting
from db.review.decisions import submit
from db.review.opinions import count_opinions, opinions_of
from db.schema import tables as t


def set_overlap(act: LeadAct, overlap: Overlap) -> int:
    """Change which share of the notes how many reviewers are asked about; decided notes stay decided.

    A note that has all the opinions it now wants is decided where they agree, and disputed where they differ.

    Args:
        act: of whoever changes it.
        overlap: what holds from now on.

    Returns:
        How many notes have another number of reviewers than before.
    """
    if overlap == read_overlap(act.session):
        return 0
    put_setting(act, SETTING, overlap.to_json())
    now = count_wanted(overlap)
    changed = act.session.execute(
        sa.update(t.note)
        .where(UNDECIDED, t.note.c.is_disputed == 0, t.note.c.n_wanted != now)
        .values(n_wanted=now)
        .returning(t.note.c.id, t.note.c.n_opinions)
    ).all()
    for row in changed:
        if row.n_opinions and count_opinions(act, row.id):
            _settle(act, row.id)
    return len(changed)


def _settle(act: LeadAct, note_id: int) -> None:
    """Decide a note that has opinions enough, which agree, by the newest of them."""
    session = act.session
    last = opinions_of(session, note_id)[-1]
    assert last.status != "withdrawn"
    revision = session.execute(sa.select(t.note.c.revision).where(t.note.c.id == note_id)).scalar_one()
    submit(
        act.restore_for(last.reviewer),
        note_id=note_id,
        status=last.status,
        extraction=Extraction.from_stored(load_task(), last.extraction),
        seen_revision=revision,
        token=f"overlap-{last.id}-{revision}",
        settled=last.settled,
        suggestion_id=last.suggestion_id,
        comment=last.comment,
        lead_time_ms=last.lead_time_ms,
        is_final=True,
    )
