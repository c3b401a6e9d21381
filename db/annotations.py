"""Annotations and drafts: what people decided. A note's state and revision change here and nowhere else.

Every save says which revision of the note its page showed. The database compares and swaps: of two people who start
from the same revision one is kept and the other is told, with nothing written.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import Session

from data.task import Extraction
from db import tables as t
from db.errors import Conflict, StoreError, UnknownNote
from db.notes import NoteRow, get_note
from db.reviewed import (
    AnnotationRow,
    DayCount,
    ReviewedRow,
    Status,
    acceptance,
    history,
    holdout_rows,
    holdout_texts,
    latest_annotation,
    read_annotation,
    reviewed,
    reviewed_per_day,
    select_annotations,
    training_rows,
)
from db.reviewers import ensure_reviewer
from db.suggestions import SuggestionRow, get_suggestion, suggestion_of

__all__ = [
    "AnnotationRow",
    "DayCount",
    "DraftRow",
    "Review",
    "ReviewedRow",
    "Saved",
    "Status",
    "acceptance",
    "discard_draft",
    "history",
    "holdout_rows",
    "holdout_texts",
    "latest_annotation",
    "open_review",
    "reviewed",
    "reviewed_per_day",
    "save_draft",
    "submit",
    "training_rows",
]


@dataclass(frozen=True)
class DraftRow:
    """What a reviewer typed about a note and has not submitted: one per note and reviewer.

    Attributes:
        revision: the note's revision when it was saved; older than the note's own when somebody submitted since.
        version: counts the saves of this draft, from 1.
    """

    note_id: int
    reviewer: str
    revision: int
    version: int
    extraction: dict[str, str | None]
    comment: str
    suggestion_id: int | None
    lead_time_ms: int
    saved_at: datetime


@dataclass(frozen=True)
class Review:
    """Everything the review page of a note shows, of one moment.

    Attributes:
        note: the note.
        suggestion: the one that the draft or else the annotation started from; where that is none, the active
            adapter's or else the newest; None without any.
        annotation: the decision that stands, if any.
        draft: what this reviewer typed and has not submitted, if anything.
        revision: what a save from this page must send back.
    """

    note: NoteRow
    suggestion: SuggestionRow | None
    annotation: AnnotationRow | None
    draft: DraftRow | None
    revision: int

    @property
    def values(self) -> dict[str, str | None] | None:
        """The values to show: a person's before a machine's. Draft, annotation, labels it came with, suggestion."""
        for decided in (self.draft, self.annotation):
            if decided is not None:
                return dict(decided.extraction)
        if self.note.gold is not None:
            return dict(self.note.gold)
        return dict(self.suggestion.extraction) if self.suggestion is not None else None


@dataclass(frozen=True)
class Saved:
    """An answer to a save; whoever gets it after the transaction may rely on it.

    Attributes:
        revision: the note's revision now: what the next save from this page must send.
        at: when it was saved, UTC.
        annotation_id: the annotation written; None for a draft.
        draft_version: the draft's version; None for an annotation.
        repeated: the save had been done before, by the same token; nothing was written again.
    """

    revision: int
    at: datetime
    annotation_id: int | None = None
    draft_version: int | None = None
    repeated: bool = False


def open_review(session: Session, note_id: int, reviewer: str) -> Review:
    """Read what the review page of a note shows to a reviewer.

    Raises:
        UnknownNote: there is no such note.
    """
    note = get_note(session, note_id)
    annotation = latest_annotation(session, note_id)
    draft = _draft_of(session, note_id, reviewer)
    started_from = draft or annotation
    suggestion = None
    if started_from is not None and started_from.suggestion_id is not None:
        suggestion = get_suggestion(session, started_from.suggestion_id)
    return Review(
        note=note,
        suggestion=suggestion or suggestion_of(session, note_id),
        annotation=annotation,
        draft=draft,
        revision=note.revision,
    )


def save_draft(  # noqa: PLR0913 - what a page knows about a save, all by keyword
    session: Session,
    *,
    note_id: int,
    reviewer: str,
    extraction: Extraction,
    seen_revision: int,
    comment: str = "",
    suggestion_id: int | None = None,
    lead_time_ms: int = 0,
    seen_draft: int | None = None,
) -> Saved:
    """Keep what a reviewer has typed so far, in place of what they had typed before.

    The note's state becomes "draft" only if nobody has decided about it yet.

    Args:
        seen_revision: the note's revision that the page shows.
        seen_draft: the draft's version that the page shows (0 for none), where two pages of one reviewer must not
            overwrite each other's draft; None to let the last one win.

    Raises:
        Conflict: somebody submitted meanwhile, or the draft moved on; nothing was written.
        UnknownNote: there is no such note.
        StoreRefused: the suggestion is not this note's, or another rule is broken.
    """
    at = t.now()
    standing = _draft_of(session, note_id, reviewer)
    version = standing.version if standing else 0
    if seen_draft not in (None, version):
        revision = _revision_of(session, note_id)
        theirs = latest_annotation(session, note_id) if revision != seen_revision else None
        raise Conflict(note_id, revision=revision, theirs=theirs, draft=standing)
    reviewer_id = ensure_reviewer(session, reviewer).id
    undecided = t.note.c.state.in_(("todo", "draft"))
    _compare_and_swap(
        session,
        note_id,
        seen_revision,
        state=sa.case((undecided, "draft"), else_=t.note.c.state),
        reviewer_id=sa.case((undecided, reviewer_id), else_=t.note.c.reviewer_id),
        updated_at=sa.case((undecided, sa.literal(at, t.UtcTime)), else_=t.note.c.updated_at),
    )
    values = {
        "revision": seen_revision,
        "version": version + 1,
        "extraction": extraction.as_dict(),
        "comment": comment,
        "suggestion_id": suggestion_id,
        "lead_time_ms": lead_time_ms,
        "saved_at": at,
    }
    session.execute(
        insert(t.draft)
        .values(note_id=note_id, reviewer_id=reviewer_id, **values)
        .on_conflict_do_update(index_elements=["note_id", "reviewer_id"], set_=values)
    )
    return Saved(revision=seen_revision, at=at, draft_version=version + 1)


def discard_draft(session: Session, *, note_id: int, reviewer: str) -> bool:
    """Throw away what a reviewer typed about a note, because they asked for it; whether there was anything.

    Without another draft a note that nobody decided about goes back to "todo".
    """
    who = sa.select(t.reviewer.c.id).where(t.reviewer.c.name == reviewer).scalar_subquery()
    gone = session.execute(
        sa.delete(t.draft)
        .where(t.draft.c.note_id == note_id, t.draft.c.reviewer_id == who)
        .returning(t.draft.c.note_id)
    ).one_or_none()
    others = sa.exists().where(t.draft.c.note_id == t.note.c.id).correlate(t.note)
    session.execute(
        sa.update(t.note)
        .where(t.note.c.id == note_id, t.note.c.state == "draft", ~others)
        .values(state="todo", reviewer_id=None, updated_at=t.now())
    )
    return gone is not None


def submit(  # noqa: PLR0913 - what a page knows about a save, all by keyword
    session: Session,
    *,
    note_id: int,
    reviewer: str,
    status: Status,
    extraction: Extraction,
    seen_revision: int,
    token: str,
    suggestion_id: int | None = None,
    comment: str = "",
    lead_time_ms: int = 0,
) -> Saved:
    """Keep a decision as the note's next revision; the earlier ones stay. The reviewer's draft is done with.

    Args:
        status: "submitted", "skipped" or "flagged": the note's new state.
        extraction: the values decided on.
        seen_revision: the note's revision that the page shows.
        token: a name made up for this save, the same when it is sent again.
        suggestion_id: the suggestion that the page started from.
        lead_time_ms: how long the reviewer worked on it.

    Raises:
        Conflict: somebody else submitted meanwhile; nothing was written.
        UnknownNote: there is no such note.
        StoreRefused: the suggestion is not this note's, or another rule is broken.
        StoreError: there is no such status, or the token was used for another note.
    """
    if status not in get_args(Status):
        raise StoreError(f"Expected one of {', '.join(get_args(Status))}; found {status!r}. Nothing was saved.")
    repeated = _saved_before(session, note_id, token)
    if repeated is not None:
        return repeated
    at = t.now()
    reviewer_id = ensure_reviewer(session, reviewer).id
    revision = seen_revision + 1
    changes = {"state": status, "reviewer_id": reviewer_id, "updated_at": at, "revision": revision}
    _compare_and_swap(session, note_id, seen_revision, **changes)
    added = session.execute(
        sa.insert(t.annotation)
        .values(
            note_id=note_id,
            revision=revision,
            reviewer_id=reviewer_id,
            status=status,
            extraction=extraction.as_dict(),
            comment=comment,
            suggestion_id=suggestion_id,
            lead_time_ms=lead_time_ms,
            token=token,
            submitted_at=at,
        )
        .returning(t.annotation.c.id)
    )
    annotation_id = added.scalar_one()
    session.execute(sa.delete(t.draft).where(t.draft.c.note_id == note_id, t.draft.c.reviewer_id == reviewer_id))
    return Saved(revision=revision, at=at, annotation_id=annotation_id)


def _saved_before(session: Session, note_id: int, token: str) -> Saved | None:
    row = session.execute(select_annotations().where(t.annotation.c.token == token)).one_or_none()
    if row is None:
        return None
    known = read_annotation(row)
    if known.note_id != note_id:
        raise StoreError(
            f"Expected a token of its own for each save; this one saved note {known.note_id}. Reload the page."
        )
    return Saved(revision=known.revision, at=known.submitted_at, annotation_id=known.id, repeated=True)


def _compare_and_swap(session: Session, note_id: int, seen_revision: int, **changes: Any) -> None:
    """Change the note if it is still at the revision that was seen.

    Raises:
        Conflict: it is not.
        UnknownNote: there is no such note.
    """
    swapped = session.execute(
        sa.update(t.note)
        .where(t.note.c.id == note_id, t.note.c.revision == seen_revision)
        .values(**changes)
        .returning(t.note.c.id)
    ).one_or_none()
    if swapped is None:
        revision = _revision_of(session, note_id)
        raise Conflict(note_id, revision=revision, theirs=latest_annotation(session, note_id))


def _revision_of(session: Session, note_id: int) -> int:
    revision: int | None = session.execute(
        sa.select(t.note.c.revision).where(t.note.c.id == note_id)
    ).scalar_one_or_none()
    if revision is None:
        raise UnknownNote(note_id)
    return revision


def _draft_of(session: Session, note_id: int, reviewer: str) -> DraftRow | None:
    columns = [column for column in t.draft.c if column.name != "reviewer_id"]
    row = session.execute(
        sa.select(*columns, t.reviewer.c.name.label("reviewer"))
        .join_from(t.draft, t.reviewer)
        .where(t.draft.c.note_id == note_id, t.reviewer.c.name == reviewer)
    ).one_or_none()
    return DraftRow(**row._mapping) if row else None
