"""How the values of a note rest on its text, and which suggested ones the form begins with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.core.desk import Desk
from data.grounding.evidence import Grounded, ground
from data.prefill.withholding import Reason, find_withheld
from data.suggestion import Grounding
from data.task import Extraction
from db.notes.suggestions import SuggestionRow
from db.review.decisions import Review
from db.review.offers import OfferRow


def ground_values(desk: Desk, text: str, values: Extraction, suggestion: SuggestionRow | None) -> dict[str, Grounded]:
    """How the values rest on the note: as the suggestion says where its value stands, else found anew."""
    found = ground(desk.task, text, values)
    if suggestion is None:
        return found
    own, kinds = suggestion.evidence, suggestion.grounding
    standing = [key for key in found if values[key] == suggestion.extraction.get(key)]
    return found | {
        key: replace(found[key], spans=own.get(key, found[key].spans), grounding=kinds.get(key, found[key].grounding))
        for key in standing
    }


def grounding_as_json(found: Grounded | None) -> dict[str, Any] | None:
    """How a value rests on the note, for the page."""
    if found is None:
        return None
    told = {"kind": str(found.grounding), "missing": list(found.missing), "denied": list(found.denied)}
    # What was inferred by the rules of its day may not be by today's: then none is told.
    return told | ({"rule": found.rule} if found.rule and found.grounding is Grounding.INFERRED else {})


def proposed_grounds(desk: Desk, review: Review) -> dict[str, Grounded]:
    """How the suggestion's own values rest on the note."""
    if review.suggestion is None:
        return {}
    extraction = Extraction.from_stored(desk.task, review.suggestion.extraction)
    return ground_values(desk, review.note.text, extraction, review.suggestion)


def list_left_out(desk: Desk, review: Review) -> dict[str, Reason]:
    """The fields whose suggested value is not put into the form but offered beside it, and why.

    None where the form holds the labels that the note came with.
    """
    text, suggestion = review.note.text, review.suggestion
    if suggestion is None or review.note.gold is not None:
        return {}
    return find_withheld(desk.task, lambda: text, suggestion)


def proposed_values(desk: Desk, review: Review, offers: Mapping[str, OfferRow]) -> dict[str, str | None]:
    """What the form begins with where no person has decided; empty without a suggestion.

    What a colleague offered is a person's: it is put in as it is, and asks to be looked at.
    """
    if review.suggestion is None:
        return {}
    empty = list_left_out(desk, review)
    values = {key: None if key in empty else value for key, value in review.suggestion.extraction.items()}
    return values | {key: offer.new_value for key, offer in offers.items()}
