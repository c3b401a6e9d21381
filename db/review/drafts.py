"""Drafts: what a reviewer typed about a note and has not submitted. One per note and reviewer, the newest."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from data.task import Extraction
from db.people.acting import Act
from db.review.reviewed import latest_annotation
from db.review.revisions import Conflict, Saved, compare_and_swap, order_settled, revision_of, with_aside
from db.schema import tables as t
from db.schema.dialects import insert_into
from db.schema.errors import refuse_nul


@dataclass(frozen=True)
class DraftRow:
    """What a reviewer typed about a note and has not submitted: one per note and reviewer.

    Attributes:
        revision: the note's revision when it was saved; older than the note's own when somebody submitted since.
        version: counts the saves of this draft, from 1.
        settled: the fields that the reviewer confirmed or changed so far.
    """

    note_id: int
    reviewer: str
    revision: int
    version: int
    extraction: dict[str, str | None]
    settled: list[str]
    comment: str
    suggestion_id: int | None
    lead_time_ms: int
    saved_at: datetime


def save_draft(  # noqa: PLR0913 - what a page knows about a save, all by keyword
    act: Act,
    *,
    note_id: int,
    extraction: Extraction,
    seen_revision: int,
    settled: Collection[str] = (),
    comment: str = "",
    suggestion_id: int | None = None,
    lead_time_ms: int = 0,
    seen_draft: int | None = None,
) -> Saved:
    """Keep what a reviewer has typed so far, in place of what they had typed before.

    The note's state becomes "draft" only if nobody has decided about it yet.

    Args:
        seen_revision: the note's revision that the page shows.
        settled: the fields that the reviewer confirmed or changed.
        seen_draft: the draft's version that the page shows (0 for none), where two pages of one reviewer must not
            overwrite each other's draft; None to let the last one win.

    Raises:
        Conflict: somebody submitted meanwhile, or the draft moved on; nothing was written.
        UnknownNote: there is no such note.
        StoreRefused: the suggestion is not this note's, or another rule is broken.
    """
    refuse_nul(comment)
    session, at = act.session, t.now()
    standing = draft_of(session, note_id, act.who)
    version = standing.version if standing else 0
    if seen_draft not in (None, version):
        revision = revision_of(session, note_id)
        theirs = latest_annotation(session, note_id) if revision != seen_revision else None
        raise Conflict(note_id, revision=revision, theirs=theirs, draft=standing)
    undecided = t.note.c.state.in_(("todo", "draft"))
    compare_and_swap(
        act,
        note_id,
        seen_revision,
        state=sa.case((undecided, "draft"), else_=t.note.c.state),
        reviewer_id=sa.case((undecided, act.number), else_=t.note.c.reviewer_id),
        updated_at=sa.case((undecided, sa.literal(at, t.UtcTime)), else_=t.note.c.updated_at),
    )
    values = {
        "note_id": note_id,
        "reviewer_id": act.number,
        "revision": seen_revision,
        "extraction": with_aside(extraction, standing.extraction if standing else None),
        "settled": order_settled(extraction, settled),
        "comment": comment,
        "suggestion_id": suggestion_id,
        "lead_time_ms": lead_time_ms,
        "saved_at": at,
    }
    put_draft(act, values)
    return Saved(revision=seen_revision, at=at, draft_version=version + 1)


def put_draft(act: Act, values: dict[str, Any]) -> None:
    """Write a draft in place of the one before, as its next version.

    Args:
        values: every column but the version.
    """
    again = {key: value for key, value in values.items() if key not in ("note_id", "reviewer_id")}
    act.session.execute(
        insert_into(act.session, t.draft)
        .values(version=1, **values)
        .on_conflict_do_update(
            index_elements=["note_id", "reviewer_id"], set_={**again, "version": t.draft.c.version + 1}
        )
    )


def discard_draft(act: Act, *, note_id: int) -> bool:
    """Throw away what a reviewer typed about a note, because they asked for it; whether there was anything.

    Without another draft a note that nobody decided about goes back to "todo".
    """
    session = act.session
    gone = session.execute(
        sa.delete(t.draft)
        .where(t.draft.c.note_id == note_id, t.draft.c.reviewer_id == act.number)
        .returning(t.draft.c.note_id)
    ).one_or_none()
    others = sa.exists().where(t.draft.c.note_id == t.note.c.id).correlate(t.note)
    session.execute(
        sa.update(t.note)
        .where(t.note.c.id == note_id, t.note.c.state == "draft", ~others)
        .values(state="todo", reviewer_id=None, updated_at=t.now())
    )
    return gone is not None


def draft_of(session: Session, note_id: int, reviewer: str) -> DraftRow | None:
    """What this reviewer typed about a note and has not submitted, or None."""
    columns = [column for column in t.draft.c if column.name != "reviewer_id"]
    row = session.execute(
        sa.select(*columns, t.reviewer.c.name.label("reviewer"))
        .join_from(t.draft, t.reviewer)
        .where(t.draft.c.note_id == note_id, t.reviewer.c.name == reviewer)
    ).one_or_none()
    return DraftRow(**row._mapping) if row else None
