"""What is said of a note as a whole before its values are believed; one key confirms them together then."""

from __future__ import annotations

from html import escape

from data.suggestion import is_too_long
from db.suggestions import SuggestionRow


def caution(suggestion: SuggestionRow | None) -> str | None:
    """Why no value of a note's suggestion counts as sure; None where some may."""
    if suggestion is None:
        return None
    if is_too_long(suggestion.times_longest):
        return "This note is longer than any the adapter learned from; check every field."
    # Not said in the head of the note, where "not calibrated" stands beside the adapter's name.
    return "The adapter's confidence is not calibrated yet; check every field." if suggestion.is_raw else None


def caution_line(suggestion: SuggestionRow | None) -> str:
    """A note's length as markup, for its head; empty where there is nothing to say."""
    said = caution(suggestion)
    if said is None or suggestion is None or not is_too_long(suggestion.times_longest):
        return ""
    times = f"{suggestion.times_longest:.1f} times the longest of those"
    return f'<p id="caution" role="note" title="{escape(times)}">{escape(said)}</p>'
