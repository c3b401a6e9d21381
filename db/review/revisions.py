"""How every save of a note is guarded: the database compares the revision that the page saw and swaps, or refuses."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from data.task import Extraction
from db.review.reviewed import AnnotationRow, latest_annotation
from db.schema import tables as t
from db.schema.errors import StoreError, UnknownNote

if TYPE_CHECKING:
    from db.review.drafts import DraftRow


@dataclass(frozen=True)
class Saved:
    """An answer to a save; whoever gets it after the transaction may rely on it.

    A save is a decision, a draft, or an opinion that is kept until others have given theirs.

    Attributes:
        revision: the note's revision now: what the next save from this page must send.
        at: when it was saved, UTC.
        annotation_id: the annotation written; None for a draft, and for an opinion that does not decide yet.
        draft_version: the draft's version; None for an annotation.
        opinion_id: the reviewer's opinion that stands; 0 for none.
        repeated: the save had been done before, by the same token; nothing was written again.
    """

    revision: int
    at: datetime
    annotation_id: int | None = None
    draft_version: int | None = None
    opinion_id: int = 0
    repeated: bool = False


def compare_and_swap(session: Session, note_id: int, seen_revision: int, **changes: Any) -> None:
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
        revision = revision_of(session, note_id)
        raise Conflict(note_id, revision=revision, theirs=latest_annotation(session, note_id))


def revision_of(session: Session, note_id: int) -> int:
    """The note's revision now.

    Raises:
        UnknownNote: there is no such note.
    """
    revision: int | None = session.execute(
        sa.select(t.note.c.revision).where(t.note.c.id == note_id)
    ).scalar_one_or_none()
    if revision is None:
        raise UnknownNote(note_id)
    return revision


def settled_in_order(extraction: Extraction, settled: Collection[str]) -> list[str]:
    """The fields that a person confirmed or changed, in the task's order, as they are stored."""
    return [key for key in extraction if key in settled]


class Conflict(StoreError):  # noqa: N818 - a conflict is no fault
    """Somebody else saved in the meantime; nothing was written.

    Attributes:
        note_id: the note.
        theirs: the annotation that stands now, when somebody submitted; else None.
        draft: the reviewer's own draft that stands now, when that moved on, on another page; else None.
        revision: the note's revision now: the one to send after comparing.
    """

    def __init__(
        self, note_id: int, *, revision: int, theirs: AnnotationRow | None = None, draft: DraftRow | None = None
    ) -> None:
        other = theirs or draft
        who = f"{other.reviewer} saved it meanwhile" if other else "it was not saved before"
        super().__init__(
            f"Note {note_id} has changed since this page was opened: {who} (revision {revision}), "
            "so nothing was saved. Compare the two versions and save again."
        )
        self.note_id = note_id
        self.theirs = theirs
        self.draft = draft
        self.revision = revision
