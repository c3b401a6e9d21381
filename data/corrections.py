"""Corrections: what a reviewer did to a suggestion, per field; derived when asked for, never stored."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

from data.task import Extraction, Task

Kind = Literal["accepted", "edited", "added", "cleared"]


def compare(task: Task, suggestion: Extraction | None, annotation: Extraction) -> dict[str, Kind]:
    """Field key to what became of the suggested value.

    Without a suggestion every filled field was added. A field that stayed empty is accepted.
    """
    return {key: kind_of(suggestion[key] if suggestion is not None else None, annotation[key]) for key in task.keys}


def is_corrected(task: Task, started_from: Extraction | None, annotation: Extraction) -> bool:
    """Whether a reviewer changed any field of what the review started from; a value that only stayed is accepted.

    Args:
        started_from: the suggestion, or the labels that the note came with, or None where the form was empty.
    """
    return any(kind != "accepted" for kind in compare(task, started_from, annotation).values())


def kind_of(suggested: str | None, decided: str | None) -> Kind:
    """What became of one suggested value."""
    if suggested == decided:
        return "accepted"
    if suggested is None:
        return "added"
    return "cleared" if decided is None else "edited"


FieldState = Literal["untouched", "confirmed", "corrected", "cleared"]
_STATES: dict[Kind, FieldState] = {
    "accepted": "confirmed",
    "edited": "corrected",
    "added": "corrected",
    "cleared": "cleared",
}


def field_states(
    task: Task, started_from: Extraction | None, annotation: Extraction, settled: Collection[str]
) -> dict[str, FieldState]:
    """Field key to what the reviewer did there: nothing at all, or kept, changed or emptied it.

    Args:
        task: whose fields.
        started_from: the suggestion, or None.
        annotation: what was decided.
        settled: the fields that the reviewer confirmed or changed.
    """
    return states_of(compare(task, started_from, annotation), settled)


def states_of(done: Mapping[str, Kind], settled: Collection[str]) -> dict[str, FieldState]:
    """The same, from what `compare` gave."""
    return {key: _STATES[kind] if key in settled else "untouched" for key, kind in done.items()}
