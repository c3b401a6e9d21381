"""How every save of a note is guarded: the database compares the revision that the page saw and swaps, or refuses.

A save keeps values of fields that today's task does not ask for, so that nothing is lost by a task. A field may have
been taken out of the task file, or renamed, since a note was labelled. Its value then stands beside the task's fields
in what is stored, is shown and exported nowhere, and is there again once the task asks for it again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from data.task import Extraction
from db.people.acting import Act
from db.review.reviewed import AnnotationRow, latest_annotation
from db.schema import tables as t
from db.schema.dialects import json_pairs
from db.schema.errors import StoreError, UnknownNote

if TYPE_CHECKING:
    from db.review.drafts import DraftRow


Values = Mapping[str, str | None]


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


def compare_and_swap(act: Act, note_id: int, seen_revision: int, **changes: Any) -> None:
    """Change the note if it is still at the revision that was seen.

    Raises:
        Conflict: it is not.
        UnknownNote: there is no such note.
    """
    swapped = act.session.execute(
        sa.update(t.note)
        .where(t.note.c.id == note_id, t.note.c.revision == seen_revision)
        .values(**changes)
        .returning(t.note.c.id)
    ).one_or_none()
    if swapped is None:
        revision = revision_of(act.session, note_id)
        raise Conflict(note_id, revision=revision, theirs=latest_annotation(act.session, note_id))


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


def order_settled(extraction: Extraction, settled: Collection[str]) -> list[str]:
    """The fields that a person confirmed or changed, in the task's order, as they are stored."""
    return [key for key in extraction if key in settled]


def with_aside(extraction: Extraction, before: Values | None) -> dict[str, str | None]:
    """What is stored of an extraction, with the fields of what stood there before that the task does not have."""
    values = extraction.as_dict()
    return values | {key: value for key, value in (before or {}).items() if key not in values}


def replaced_values(session: Session, note_id: int, reviewer: str) -> Values | None:
    """What a decision of this reviewer takes the place of: the last one, or their opinion, or the note's own labels."""
    n, a = t.note.c, t.annotation.c
    query = sa.select(n.gold, a.extraction, n.n_opinions).select_from(
        t.note.outerjoin(t.annotation, sa.and_(a.note_id == n.id, a.revision == n.revision))
    )
    row = session.execute(query.where(n.id == note_id)).one_or_none()
    if row is None:
        return None
    if row.extraction is None and row.n_opinions:
        query = (
            sa.select(t.opinion.c.extraction)
            .join_from(t.standing_opinion, t.opinion, t.opinion.c.id == t.standing_opinion.c.opinion_id)
            .join(t.reviewer, t.reviewer.c.id == t.opinion.c.reviewer_id)
            .where(t.standing_opinion.c.note_id == note_id, t.reviewer.c.name == reviewer)
        )
        opinion: Any = session.execute(query).scalar_one_or_none()
        if opinion is not None:
            return dict(opinion)
    before: Values | None = row.gold if row.extraction is None else row.extraction
    return before


def count_held_fields(session: Session) -> tuple[dict[str, int], int]:
    """Field to how many decisions and labels of notes hold it, whatever the task asks; and how many there are of these.

    Reads all of them.
    """
    n, a = t.note.c, t.annotation.c
    decided = sa.select(a.extraction.label("values")).join_from(
        t.note, t.annotation, sa.and_(a.note_id == n.id, a.revision == n.revision)
    )
    labels = sa.select(n.gold.label("values")).where(n.gold.is_not(None))
    held: dict[str, int] = {}
    total = 0
    for query in (decided, labels):
        some = query.subquery()
        total += int(session.execute(sa.select(sa.func.count()).select_from(some)).scalar_one())
        each = json_pairs(some.c["values"]).table_valued("key", "value").alias("each")
        counted = sa.select(each.c.key, sa.func.count()).select_from(some.join(each, sa.true())).group_by(each.c.key)
        for key, count in session.execute(counted):
            held[key] = held.get(key, 0) + count
    return held, total


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
