"""What is said of a note as a whole before its values are believed; one key confirms them together then."""

from __future__ import annotations

from data.prefill.outside import Outside, judge_outside
from data.suggestion import Suggestion
from db.notes.suggestions import SuggestionRow


def caution(suggestion: SuggestionRow | Suggestion | None) -> str | None:
    """Why no value of a note's suggestion counts as sure; None where some may."""
    if suggestion is None:
        return None
    if (why := judge_outside(suggestion)) is not None:
        return _OUTSIDE[why]
    # Not said in the head of the note, where "not calibrated" stands beside the adapter's name.
    return "The adapter's confidence is not calibrated yet; check every field." if suggestion.is_raw else None


def outside_line(suggestion: SuggestionRow | Suggestion | None) -> tuple[str, str] | None:
    """Why a note is outside what the adapter knows, and what was measured, for its head; None where it is not."""
    why = judge_outside(suggestion) if suggestion is not None else None
    if suggestion is None or why is None:
        return None
    by = {
        Outside.LENGTH: f"{suggestion.times_longest or 0:.1f} times the longest of those",
        Outside.WRITING: f"{suggestion.legibility or 0:.2f} of the characters per token that 99 in 100 of those have",
        Outside.CONFIDENCE: "its mean confidence is as low as on 1 in 100 of the notes that it was measured on",
    }
    return _OUTSIDE[why], by[why]


_OUTSIDE = {
    Outside.LENGTH: "This note is longer than any the adapter learned from; check every field.",
    Outside.WRITING: "This note is written unlike those the adapter learned from; check every field.",
    Outside.CONFIDENCE: "The adapter is less sure of this note than of nearly all others; check every field.",
}
