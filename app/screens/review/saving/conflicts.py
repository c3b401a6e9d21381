"""What a page is told whose save came second: both versions, and what they merge to."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from app.core.desk import Desk
from app.worker.calibration import apply_kept_curves
from data.merging import Merged, merge
from data.prefill.withholding import form_values
from db.notes.notes import get_note
from db.notes.suggestions import get_suggestion
from db.review.reviewed import history
from db.review.revisions import Conflict
from db.store.store import Session


def both_versions(conflict: Conflict) -> dict[str, Any]:
    """What the page needs to show the other version beside the reader's own."""
    theirs = conflict.theirs or conflict.draft
    is_opinion = conflict.theirs is not None and conflict.theirs.revision == 0  # no decision has that
    if is_opinion:
        who, done = "another window of yours", "has given your opinion on this note"
    elif conflict.draft is not None:
        who, done = "another window of yours", "has a newer draft of this note"
    else:
        who = theirs.reviewer if theirs else "nobody"
        done = "decided this note while you had it open" if theirs else "decided this note; reload the page"
    return {
        "detail": f"{who[0].upper()}{who[1:]} {done}. Nothing was overwritten; your values are still in the form.",
        "theirs": {
            "who": who,
            "revision": conflict.revision,
            "draft": conflict.draft.version if conflict.draft else 0,
            "opinion": conflict.theirs.id if is_opinion and conflict.theirs else 0,
            "values": dict(theirs.extraction) if theirs else {},
            "comment": (theirs.comment or "") if theirs else "",
        },
    }


def merge_versions(
    desk: Desk,
    conflict: Conflict,
    *,
    revision: int,
    suggestion_id: int | None,
    values: dict[str, str | None],
    settled: Collection[str],
) -> dict[str, Any] | None:
    """What the two versions merge to; None where another window of the same person has the newer draft.

    Args:
        desk: the desk.
        conflict: what the save ran into.
        revision: the one that the page showed: what both began with.
        suggestion_id: the suggestion that the page showed.
        values: the page's own.
        settled: the fields that its reviewer confirmed or changed.
    """
    theirs = conflict.theirs
    if theirs is None or conflict.draft is not None:
        return None
    with desk.store.reading() as session:
        base, before = _base(desk, session, conflict.note_id, revision, suggestion_id)
    found: Merged = merge(
        base,
        {key: values.get(key) for key in desk.task.keys},
        theirs.extraction,
        confirmed={*settled} - before,
        theirs_confirmed={*theirs.settled} - before,
    )
    return {"base": base, "taken": list(found.taken), "kept": list(found.kept), "both": list(found.both)}


def _base(
    desk: Desk, session: Session, note_id: int, revision: int, suggestion_id: int | None
) -> tuple[dict[str, str | None], set[str]]:
    """The values of a note at a revision, and the fields that had been confirmed by then.

    Before the first decision those that the page began with: the labels that the note came with, or else what of its
    suggestion was put into the form.
    """
    for row in history(session, note_id):
        if row.revision == revision:
            return {key: row.extraction.get(key) for key in desk.task.keys}, set(row.settled)
    note = get_note(session, note_id)
    gold, suggestion = note.gold, get_suggestion(session, suggestion_id) if suggestion_id is not None else None
    if gold is None and suggestion is not None and suggestion.note_id == note_id:
        gold = form_values(desk.task, lambda: note.text, apply_kept_curves(desk.settings, session, suggestion))
    return {key: (gold or {}).get(key) for key in desk.task.keys}, set()
