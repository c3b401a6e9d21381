"""Annotations and drafts: what people decided. A note's state and revision change here and nowhere else.

Every save says which revision of the note its page showed. The database compares and swaps: of two people who start
from the same revision one is kept and the other is told, with nothing written.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, get_args

import sqlalchemy as sa
from sqlalchemy.orm import Session

from data.task import Extraction
from db.notes.notes import NoteRow, get_note
from db.notes.queue.claims import give_back
from db.notes.suggestions import SuggestionRow, get_suggestion, suggestion_of
from db.people.acting import Act
from db.review.drafts import DraftRow, draft_of, put_draft
from db.review.opinions import (
    OpinionRow,
    as_annotation,
    give_opinion,
    opinion_by_token,
    own_opinion,
    wants_opinion,
    withdraw_opinion,
)
from db.review.reviewed import (
    AnnotationRow,
    Status,
    latest_annotation,
    read_annotation,
    select_annotations,
)
from db.review.revisions import (
    Conflict,
    Saved,
    compare_and_swap,
    order_settled,
    replaced_values,
    revision_of,
    with_aside,
)
from db.schema import tables as t
from db.schema.errors import StoreError, refuse_nul

__all__ = ["Review", "open_review", "reopen", "submit"]


@dataclass(frozen=True)
class Review:
    """Everything the review page of a note shows, of one moment.

    Attributes:
        note: the note.
        suggestion: the one that the draft or else the annotation started from; where that is none, the active
            adapter's or else the newest; None without any.
        annotation: the decision that stands, if any.
        draft: what this reviewer typed and has not submitted, if anything.
        opinion: what this reviewer said about the note, where several are asked; None where nothing stands.
        revision: what a save from this page must send back.
    """

    note: NoteRow
    suggestion: SuggestionRow | None
    annotation: AnnotationRow | None
    draft: DraftRow | None
    revision: int
    opinion: OpinionRow | None = None

    @property
    def values(self) -> dict[str, str | None] | None:
        """The values of a note: a person's before a machine's. Draft, annotation, opinion, labels, suggestion.

        Of a suggestion all that it says; what of it is put into a form is for `data.prefill.withholding` to say.
        """
        for decided in (self.draft, self.standing):
            if decided is not None:
                return dict(decided.extraction)
        if self.note.gold is not None:
            return dict(self.note.gold)
        return dict(self.suggestion.extraction) if self.suggestion is not None else None

    @property
    def standing(self) -> AnnotationRow | None:
        """What stands for this reviewer: the decision, or before there is one the reviewer's own opinion."""
        if not self.note.is_decided and self.opinion is not None:
            return as_annotation(self.opinion)
        return self.annotation


def open_review(session: Session, note_id: int, reviewer: str) -> Review:
    """Read what the review page of a note shows to a reviewer.

    Raises:
        UnknownNote: there is no such note.
    """
    note = get_note(session, note_id)
    annotation = latest_annotation(session, note_id)
    draft = draft_of(session, note_id, reviewer)
    opinion = own_opinion(session, note_id, reviewer) if note.n_opinions else None
    started_from = draft or annotation or opinion
    suggestion = None
    if started_from is not None and started_from.suggestion_id is not None:
        suggestion = get_suggestion(session, started_from.suggestion_id)
    return Review(
        note=note,
        suggestion=suggestion or suggestion_of(session, note_id),
        annotation=annotation,
        draft=draft,
        revision=note.revision,
        opinion=opinion,
    )


def submit(  # noqa: PLR0913 - what a page knows about a save, all by keyword
    act: Act,
    *,
    note_id: int,
    status: Status,
    extraction: Extraction,
    seen_revision: int,
    token: str,
    settled: Collection[str] = (),
    suggestion_id: int | None = None,
    comment: str = "",
    lead_time_ms: int = 0,
    seen_opinion: int = 0,
    is_final: bool = False,
    decided_at: datetime | None = None,
    not_asked: Collection[str] = (),
) -> Saved:
    """Keep a decision as the note's next revision; the earlier ones stay. The reviewer's draft and claim are done with.

    Where several reviewers are asked it is this one's opinion until enough of them say the same; see `opinions.py`.

    Args:
        status: "submitted", "skipped" or "flagged": the note's new state.
        extraction: the values decided on.
        seen_revision: the note's revision that the page shows.
        token: a name made up for this save, the same when it is sent again.
        settled: the fields that the reviewer confirmed or changed.
        suggestion_id: the suggestion that the page started from.
        lead_time_ms: how long the reviewer worked on it.
        seen_opinion: the reviewer's own opinion that the page shows; 0 for none.
        is_final: it decides, whoever else was to be asked.
        decided_at: when it was made at another desk; now where that is None.
        not_asked: the fields that were not asked there: their null is nobody's.

    Raises:
        Conflict: somebody else submitted meanwhile; nothing was written.
        UnknownNote: there is no such note.
        StoreRefused: the suggestion is not this note's, or another rule is broken.
        StoreError: there is no such status, or the token was used for another note.
    """
    _check_words(status, comment, token)
    session, at = act.session, decided_at or t.now()
    if (repeated := _find_earlier_save(session, note_id, token)) is not None:
        return repeated
    kept: dict[str, Any] = {"note_id": note_id, "status": status, "comment": comment, "suggestion_id": suggestion_id}
    stored = with_aside(extraction, replaced_values(session, note_id, act.who))
    kept["extraction"] = {key: value for key, value in stored.items() if key not in not_asked}
    kept |= {"settled": order_settled(extraction, settled), "lead_time_ms": lead_time_ms, "token": token}
    opinion_id = 0
    if not is_final and wants_opinion(act, note_id):
        opinion, settles = give_opinion(act, seen_revision, seen_opinion, given_at=at, **kept)
        opinion_id = opinion.id
        if not settles:
            give_back(act, note_id)
            act.record("gave an opinion", f"note {note_id}", status=status)
            return Saved(revision=seen_revision, at=at, opinion_id=opinion_id)
    saved = _decide(act, seen_revision, _n_changed(session, extraction, suggestion_id), submitted_at=at, **kept)
    give_back(act, note_id)
    act.record(status, f"note {note_id}", revision=saved.revision)
    return replace(saved, opinion_id=opinion_id)


def _check_words(status: str, comment: str, token: str) -> None:
    if status not in get_args(Status):
        raise StoreError(f"Expected one of {', '.join(get_args(Status))}; found {status!r}. Nothing was saved.")
    refuse_nul(comment, token)


def _decide(act: Act, seen_revision: int, n_changed: int | None, **kept: Any) -> Saved:
    """Make a decision the note's next revision, in place of its reviewer's draft.

    Raises:
        Conflict: somebody else submitted meanwhile; nothing was written.
    """
    note_id, at, revision = kept["note_id"], kept["submitted_at"], seen_revision + 1
    changes = {"state": kept["status"], "revision": revision, "updated_at": at, "n_changed": n_changed}
    compare_and_swap(act, note_id, seen_revision, reviewer_id=act.number, **changes)
    annotation_id = _insert(act, revision=revision, **kept)
    own = t.draft.c.note_id == note_id, t.draft.c.reviewer_id == act.number
    act.session.execute(sa.delete(t.draft).where(*own))
    return Saved(revision=revision, at=at, annotation_id=annotation_id)


def reopen(act: Act, *, note_id: int, seen_revision: int, token: str, seen_opinion: int = 0) -> Saved:
    """Take a decision back: the note waits again, with what was decided as this reviewer's draft.

    The decision stays in the note's history; that it was taken back is the next revision. Before there is a decision
    the reviewer's own opinion is taken back, and with a decision the opinion that it may have come from.

    Args:
        act: of whoever takes it back.
        seen_revision: the note's revision that the page shows.
        token: a name made up for this, the same when it is sent again.
        seen_opinion: the reviewer's own opinion that the page shows; 0 for none.

    Raises:
        Conflict: somebody decided meanwhile, or nobody has decided at all; nothing was written.
        UnknownNote: there is no such note.
        StoreError: the token was used for another note.
    """
    session, at = act.session, t.now()
    if (repeated := _find_earlier_save(session, note_id, token)) is not None:
        return repeated
    standing, opinion = latest_annotation(session, note_id), own_opinion(session, note_id, act.who)
    if (standing is None or standing.status == "reopened") and opinion is not None and opinion.id == seen_opinion:
        return _take_opinion_back(act, opinion, seen_revision, token)
    if standing is None or standing.status == "reopened":
        raise Conflict(note_id, revision=revision_of(session, note_id), theirs=standing)
    revision = seen_revision + 1
    changes = {"state": "draft", "revision": revision, "updated_at": at, "n_changed": None}
    compare_and_swap(act, note_id, seen_revision, reviewer_id=act.number, **changes)
    kept = _as_draft(standing)
    annotation_id = _insert(act, revision=revision, status="reopened", token=token, submitted_at=at, **kept)
    put_draft(act, {**kept, "reviewer_id": act.number, "revision": revision, "saved_at": at})
    if opinion is not None:
        withdraw_opinion(act, opinion, token=token, at=at)
    act.record("reopened", f"note {note_id}", revision=revision)
    return Saved(revision=revision, at=at, annotation_id=annotation_id)


def _take_opinion_back(act: Act, opinion: OpinionRow, seen_revision: int, token: str) -> Saved:
    """Withdraw an opinion; it is its reviewer's draft from now on."""
    at, note_id = t.now(), opinion.note_id
    compare_and_swap(act, note_id, seen_revision, state="draft", reviewer_id=act.number, updated_at=at)
    withdraw_opinion(act, opinion, token=token, at=at)
    put_draft(act, {**_as_draft(opinion), "reviewer_id": act.number, "revision": seen_revision, "saved_at": at})
    act.record("took an opinion back", f"note {note_id}")
    return Saved(revision=seen_revision, at=at)


def _as_draft(decided: AnnotationRow | OpinionRow) -> dict[str, Any]:
    """What of a decision or an opinion is its reviewer's draft, once it is taken back."""
    kept = ("note_id", "extraction", "settled", "comment", "suggestion_id", "lead_time_ms")
    return {key: getattr(decided, key) for key in kept}


def _insert(act: Act, **values: Any) -> int:
    added = sa.insert(t.annotation).values(reviewer_id=act.number, **values).returning(t.annotation.c.id)
    return int(act.session.execute(added).scalar_one())


def _n_changed(session: Session, extraction: Extraction, suggestion_id: int | None) -> int | None:
    """In how many fields a decision differs from the suggestion that it started from; None without one."""
    query = sa.select(t.suggestion.c.extraction).where(t.suggestion.c.id == suggestion_id)
    suggested = session.execute(query).scalar_one_or_none() if suggestion_id is not None else None
    return None if suggested is None else sum(suggested.get(key) != value for key, value in extraction.items())


def _find_earlier_save(session: Session, note_id: int, token: str) -> Saved | None:
    row = session.execute(select_annotations().where(t.annotation.c.token == token)).one_or_none()
    opinion = opinion_by_token(session, token)
    if row is None and opinion is None:
        return None
    known = read_annotation(row) if row else None
    saved = known.note_id if known else opinion.note_id if opinion else note_id
    if saved != note_id:
        raise StoreError(f"This save's token was already used for note {saved}. Reload the page.")
    opinion_id = opinion.id if opinion and opinion.status != "withdrawn" else 0
    if known:
        return Saved(known.revision, known.submitted_at, annotation_id=known.id, opinion_id=opinion_id, repeated=True)
    assert opinion is not None
    return Saved(revision_of(session, note_id), opinion.given_at, opinion_id=opinion_id, repeated=True)
