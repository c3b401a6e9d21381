"""What the review screen shows of a note: the record that the page works with, its heading, its text with marks.

Plain routes rather than Gradio events: a page loads the next notes ahead, so that a decision never waits for one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import JSONResponse
from markupsafe import Markup

from app.access.guard import current_reviewer
from app.access.visits import visits_of
from app.core.desk import Desk
from app.core.rules import Rules, read_guidelines, read_keys, read_rules, read_tour
from app.core.templates import Pieces
from app.screens.markup import SEE_IT_LEARN, STATES
from app.screens.replies import answer_with
from app.screens.review.note.brought import brought
from app.screens.review.note.cautions import caution, outside_line
from app.screens.review.note.grounding import (
    ground_values,
    grounding_as_json,
    list_left_out,
    proposed_grounds,
    proposed_values,
)
from app.screens.review.note.highlights import mark_evidence
from app.screens.review.people.adjudication import Adjudication, adjudication, describe_waiting
from app.screens.review.people.adjudication import line as line_of_opinions
from app.screens.review.people.claims import claim_next, claim_opened, holder, open_elsewhere
from app.screens.review.people.tabs import Tab
from app.screens.review.queue_position import Asked, Chosen, Place, end_of
from app.screens.review.relatives.versions import NONE, Relatives, describe_relatives, read_relatives
from app.screens.review.saving.trials import apply_trial
from app.screens.review.wake_worker import ask_for
from app.screens.status import why_none
from app.worker.calibration import apply_kept_curves
from data.cutoffs import DEFAULT, SURE
from data.grounding.evidence import Grounded
from data.prefill.outside import judge_outside
from data.suggestion import Grounding, Suggestion
from data.task import Extraction, Task
from data.text.figures import plural
from db.notes.notes import next_notes
from db.notes.queue.metadata import metadata_names
from db.notes.queue.queue_view import count_in_walk, next_in_walk
from db.notes.queue.search import Counts, counts
from db.notes.suggestions import SuggestionRow
from db.notes.used_values import used_values
from db.people.acting import LOCAL
from db.review.decisions import Review, open_review
from db.review.offers import OfferRow, offers_for
from db.review.opinions import Pending, count_pending, is_compared
from db.schema.errors import UnknownNote
from db.store.store import Session

N_AHEAD = 2

_HTML = Pieces("screens/review/review.html")

Reviewer = Annotated[str, Depends(current_reviewer)]
Number = Annotated[int, Query(ge=1, lt=1 << 62)]
Skipped = Annotated[list[Number], Query(max_length=200, default_factory=list)]


def routes(desk: Desk) -> APIRouter:
    """`GET /review`, `GET /review/ahead`, `GET /review/values`."""
    router = APIRouter()
    seen = visits_of(desk.store)

    def record_visits(by: str, answer: dict[str, Any]) -> dict[str, Any]:
        for page in answer.get("notes", [answer]):
            if page["note"] is not None:
                seen.note(by, page["note"])
        return answer

    @router.get("/review")
    def review(
        by: Reviewer, walk: Asked, skip: Skipped, note: str = "", after: Number | None = None, tab: Tab = ""
    ) -> JSONResponse:
        return answer_with(lambda: record_visits(by, page_for(desk, by, note, walk, after=after, skip=skip, tab=tab)))

    @router.get("/review/ahead")
    def review_ahead(by: Reviewer, walk: Asked, skip: Skipped, after: Number, tab: Tab = "") -> JSONResponse:
        return answer_with(lambda: record_visits(by, next_pages(desk, by, after, skip, walk, tab=tab)))

    @router.get("/review/values")
    def values(by: Reviewer) -> JSONResponse:
        return answer_with(lambda: personal_settings(desk, by))

    return router


@dataclass(frozen=True)
class Shown:
    """A note as a reviewer sees it: the review with what is proposed there, and why that may differ.

    Attributes:
        review: the suggestion in it is none where the note is shown blind.
        proposed: the values that the form starts with where no person has decided: the suggestion's, or else what is
            offered instead.
        offers: field key to the offer that stands there.
        withheld: the fields whose suggested value is offered beside them only, and why.
        is_blind: the suggestion is kept from the reviewer.
        adjudication: the opinions that the reviewer decides between, where there are any.
        relatives: the version that it supersedes, if any, and its copies.
    """

    review: Review
    proposed: dict[str, str | None]
    offers: Mapping[str, OfferRow]
    withheld: Mapping[str, str]
    is_blind: bool = False
    adjudication: Adjudication | None = None
    relatives: Relatives = NONE


def page_for(
    desk: Desk,
    reviewer: str,
    wanted: str,
    walk: Chosen | None = None,
    *,
    after: int | None = None,
    skip: Collection[int] = (),
    tab: str = "",
) -> dict[str, Any]:
    """What the page shows for a note.

    Args:
        desk: the desk.
        reviewer: who looks.
        wanted: the note's number; empty for the next one to review.
        walk: the filter and the order that were chosen in the queue; None for all notes.
        after: the note just decided; the next one is looked for behind it.
        skip: notes that are decided on the page and perhaps not in the store yet.
        tab: which of the reviewer's tabs the page is.
    """
    if wanted.isascii() and wanted.isdigit() and 0 < len(wanted) < 18:
        numbers = [int(wanted)]
        claim_opened(desk, reviewer, numbers[0], keep=skip, tab=tab)
    else:
        numbers = _next(desk, reviewer, walk, after, skip, keep=skip, tab=tab)
        if not numbers and after is not None:  # a decision that was found wrong waits again, behind all others
            numbers = _next(desk, reviewer, walk, None, skip, keep=skip, tab=tab)
    with desk.store.reading() as session:
        figures = counts(session)
        n_left = count_in_walk(session, walk.walk, reviewer, exclude=skip) if walk else 0
        n_elsewhere = 0 if numbers else open_elsewhere(session, reviewer)
        others = Pending() if numbers else count_pending(session, reviewer)
    if not numbers:
        return empty_page(*_say_nothing_left(figures, walk, n_elsewhere, others), walk=walk)
    try:
        return _page(desk, reviewer, numbers[0], Place(figures, 0, walk, n_left))
    except UnknownNote:
        return empty_page(f"There is no note {numbers[0]}.", "The queue lists every note.", walk=walk)


def next_pages(
    desk: Desk, reviewer: str, after: int, skip: Collection[int], walk: Chosen | None = None, *, tab: str = ""
) -> dict[str, Any]:
    """The notes that come next, as `page_for` gives them.

    Args:
        desk: the desk.
        reviewer: who looks.
        after: the note on screen.
        skip: notes that are decided on the page and perhaps not in the store yet.
        walk: the filter and the order that were chosen in the queue; None for all notes.
        tab: which of the reviewer's tabs the page is.
    """
    passed = {after, *skip}
    with desk.store.reading() as session:
        figures = counts(session)
        n_left = count_in_walk(session, walk.walk, reviewer, exclude=passed) if walk else 0
    numbers = _next(desk, reviewer, walk, after, skip, keep=passed, limit=N_AHEAD, tab=tab)
    pages = [
        _page(desk, reviewer, number, Place(figures, len(passed) + before, walk, n_left - before))
        for before, number in enumerate(numbers)
    ]
    return {"notes": pages}


def _next(
    desk: Desk,
    reviewer: str,
    walk: Chosen | None,
    after: int | None,
    skip: Collection[int],
    *,
    keep: Collection[int],
    limit: int = 1,
    tab: str,
) -> list[int]:
    """The next notes to review, of a walk or of all, claimed for the reviewer, whose other claims but `keep` end."""

    def find(session: Session, n: int) -> list[int]:
        if walk is not None:
            return next_in_walk(session, walk.walk, reviewer, after=after, exclude=skip, limit=n)
        return next_notes(session, after=after, exclude=skip, reviewer=None if reviewer == LOCAL else reviewer, limit=n)

    return claim_next(desk, reviewer, find, limit=limit, keep=keep, tab=tab)


def personal_settings(desk: Desk, reviewer: str) -> dict[str, Any]:
    """What helps a reviewer on every note: used values, guidelines, own keys, how the tour ended, what a save needs."""
    with desk.store.reading() as session:
        rules = read_rules(session)
        return {
            "values": {key: used_values(session, key) for key in desk.task.keys},
            "separators": {field.key: field.separator for field in desk.task.fields},
            "guidelines": read_guidelines(session, desk.task),
            "keys": read_keys(session, reviewer),
            "tour": read_tour(session, reviewer),
            "confirm": rules.confirm,
        }


def _page(desk: Desk, reviewer: str, number: int, place: Place) -> dict[str, Any]:
    """One note for the page."""
    with desk.store.reading() as session:
        review = as_asked(desk.task, apply_newest_curves(desk, session, open_review(session, number, reviewer)))
        rules = read_rules(session)
        why = why_none(session, number) if review.suggestion is None else ""
        shown = replace(
            _read_shown(desk, session, review),
            adjudication=adjudication(desk, session, review, reviewer),
            relatives=read_relatives(session, review.note),
        )
        held_by = holder(session, reviewer, number)
        names = metadata_names(session) if review.note.metadata else []
    beside = brought(desk.task, review.note.metadata, names, rules.metadata_shown)
    shown = apply_trial(desk, reviewer, shown, rules)
    if why:
        ask_for(desk, reviewer, number)
    review = shown.review
    values = Extraction.from_stored(desk.task, _values(shown) or {})
    found = ground_values(desk, review.note.text, values, review.suggestion)
    text = mark_evidence(desk.task, review.note.text, {key: one.spans for key, one in found.items()})
    return {
        **_record(desk, shown, rules, values, found),
        "heading": _heading(shown, place, why, held_by, beside),
        "html": text,
        "walk": _query(place.chosen),
    }


def apply_newest_curves(desk: Desk, session: Session, review: Review) -> Review:
    """A review whose suggestion has the confidence that the newest curves of its adapter give it."""
    if review.suggestion is None:
        return review
    return replace(review, suggestion=apply_kept_curves(desk.settings, session, review.suggestion))


def as_asked(task: Task, review: Review) -> Review:
    """The review with of its suggestion what the task asks for today."""
    suggestion = review.suggestion
    if suggestion is None:
        return review
    said = Extraction.from_stored(task, suggestion.extraction).as_dict()
    return replace(review, suggestion=replace(suggestion, extraction=said))


def _read_shown(desk: Desk, session: Session, review: Review) -> Shown:
    if review.suggestion is None:
        return Shown(review, {}, {}, {})
    # What one person says elsewhere is not to reach a note about which several are asked for their own opinion.
    offers = {} if is_compared(review.note) else offers_for(session, review.suggestion.extraction)
    return Shown(review, proposed_values(desk, review, offers), offers, list_left_out(desk, review))


def _values(shown: Shown) -> dict[str, str | None] | None:
    """The values to show: a person's, else the labels that the note came with, else what is proposed."""
    review = shown.review
    if shown.adjudication is not None and review.draft is None:
        return dict(shown.adjudication.proposed)
    if review.draft is not None or review.standing is not None or review.note.gold is not None:
        return review.values
    return dict(shown.proposed) if shown.proposed else None


def _record(
    desk: Desk, shown: Shown, rules: Rules, values: Extraction, found: Mapping[str, Grounded]
) -> dict[str, Any]:
    """What the page knows of the note; `form.js` and `field_state.js` say what is what."""
    review = shown.review
    suggestion, draft = review.suggestion, review.draft
    is_shown = suggestion is not None and dict(values) == suggestion.extraction
    on_note = found if is_shown else proposed_grounds(desk, review)
    kept = draft or (None if shown.adjudication else review.standing)
    disputes = shown.adjudication
    fields = {}
    for one in desk.task.fields:
        key = one.key
        said = suggestion.extraction[key] if suggestion else None
        offer = shown.offers.get(key)
        fields[key] = {
            "title": one.title,
            "hotkey": one.hotkey,
            "value": values[key],
            "suggested": said,
            "offered": {"value": offer.new_value, "by": offer.offered_by} if offer and suggestion else None,
            "confidence": suggestion.confidence.get(key) if suggestion else None,
            "withheld": shown.withheld.get(key),
            "raw": suggestion is not None and suggestion.is_raw,
            "word": _word(shown, key, on_note.get(key), rules),
            "grounding": {
                value: grounding_as_json(of[key])
                for value, of in ((said, on_note), (values[key], found))
                if value is not None and key in of
            },
            "alternatives": _alternatives(shown, key),
            "before": None if shown.is_blind else shown.relatives.value_before(key),
        }
    return {
        "note": review.note.id,
        "revision": review.revision,
        "opinion": review.opinion.id if review.opinion else 0,
        "adjudication": disputes.to_json() if disputes else None,
        "state": review.note.state,
        "suggestion": suggestion.id if suggestion else None,
        "blind": shown.is_blind,
        "settled": list(kept.settled) if kept else [],
        "draft": draft.version if draft else 0,
        "draft_at": draft.saved_at.isoformat() if draft else None,
        "draft_is_old": draft is not None and draft.revision < review.revision,
        "comment": (kept.comment or "") if kept else "",
        "caution": caution(suggestion),
        "fields": fields,
    }


def _alternatives(shown: Shown, key: str) -> list[str | None]:
    """What a key puts into a field: what others say about it, or what the model held for possible."""
    if shown.adjudication is not None:
        return list(shown.adjudication.others[key])
    suggestion = shown.review.suggestion
    return list(suggestion.alternatives.get(key, ())) if suggestion else []


def _word(shown: Shown, key: str, found: Grounded | None, rules: Rules) -> str:
    """What stands beside a field: whether people differ about it, or else whether the model is sure."""
    if shown.adjudication is not None:
        return "differ" if key in shown.adjudication.differing else "agree"
    suggestion = shown.review.suggestion
    return confidence_word(suggestion, key, found, rules) if suggestion else "none"


def confidence_word(suggestion: SuggestionRow | Suggestion, key: str, found: Grounded | None, rules: Rules) -> str:
    """`look` where the field asks to be looked at, else `sure` or, of a value that is not that sure, `fair`.

    Nobody is sure of a value that the note does not hold, by a model's own probability, or in a note outside what the
    adapter knows.
    """
    is_missing = found is not None and found.grounding == Grounding.NOT_FOUND
    confidence = suggestion.confidence.get(key, 0.0)
    least = rules.look_below.get(key, (suggestion.cutoffs or DEFAULT).asks_below(rules.look_share))
    if suggestion.is_raw or is_missing or judge_outside(suggestion) is not None or confidence < least:
        return "look"
    return "sure" if confidence >= SURE else "fair"


def _heading(shown: Shown, place: Place, why_none: str, held_by: str | None, beside: Markup) -> Markup:
    review = shown.review
    opinions, caution = line_of_opinions(review, shown.adjudication), outside_line(review.suggestion)
    state, below = STATES[review.note.state], beside + describe_relatives(review.note, shown.relatives)
    return _HTML.heading(review, state, place, opinions, shown.is_blind, why_none, held_by, caution, below)


def _say_nothing_left(figures: Counts, walk: Chosen | None, n_elsewhere: int, others: Pending) -> tuple[str, str]:
    elsewhere = describe_waiting(others)
    if n_elsewhere:
        them = plural(n_elsewhere, "note is", "notes are")
        elsewhere += f" {them} open with another person; what they leave undecided comes back."
    if walk is not None and figures.n_todo + figures.n_draft:
        sentence, advice = end_of(walk, figures)
        return sentence, advice + elsewhere
    if elsewhere:
        return "Nothing left for you just now.", elsewhere.strip()
    if not figures.n_incoming:
        return "No notes yet.", f"Import some: drop a file on the queue, or run caseloop import FILE. {SEE_IT_LEARN}"
    n_aside = figures.n_skipped + figures.n_flagged
    aside = f" {n_aside} skipped or flagged are in the queue." if n_aside else ""
    more = "Import more notes (on the queue, or with caseloop import FILE), export what is reviewed, or train."
    return "Nothing left to review.", f"{figures.n_submitted} reviewed.{aside} {more}"


def _query(walk: Chosen | None) -> str:
    return walk.query if walk is not None else ""


def empty_page(sentence: str, advice: str, walk: Chosen | None = None) -> dict[str, Any]:
    """A page without a note, which says what to do next; in a walk, that one can go on with all notes."""
    page = _HTML.nothing(sentence, advice, walk is not None)
    return {"note": None, "fields": {}, "heading": "", "html": page, "walk": _query(walk)}
