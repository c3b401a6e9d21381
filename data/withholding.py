"""Which suggested values stay out of the form: those that the note does not hold.

On real notes an empty field is more often right than such a value: of those that are not found hardly any is right, of
those that are inferred without being sure one in twenty. They are offered beside the field instead. The suggestion
itself stays as it is; a field that is then left empty counts as cleared, because the adapter was wrong there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from data.evidence import ground
from data.suggestion import Grounding
from data.task import Extraction, Task
from data.values import normalise

SURE_INFERRED = 0.9
"""The confidence from which a value that only follows from the note is put into the form."""


class Suggested(Protocol):
    """What is needed of a suggestion, fresh or from the store."""

    @property
    def extraction(self) -> Mapping[str, str | None]:
        """The suggested values."""

    @property
    def confidence(self) -> Mapping[str, float]:
        """Field key to how sure the adapter is, 0 to 1; empty where it does not say."""

    @property
    def grounding(self) -> Mapping[str, Grounding]:
        """Field key to how the value rests on the note; empty in suggestions from before it was kept."""

    @property
    def is_raw(self) -> bool:
        """Whether the confidence is not calibrated; then nothing is sure."""


def is_withheld(grounding: Grounding | None, confidence: float | None) -> bool:
    """Whether a value stays out of the form.

    Args:
        grounding: how it rests on the note; None for a field without a value.
        confidence: of the adapter, 0 to 1; None where it is not told.
    """
    if grounding is Grounding.INFERRED:
        return (confidence or 0.0) < SURE_INFERRED
    return grounding is Grounding.NOT_FOUND


def withheld(task: Task, read: Callable[[], str], suggestion: Suggested) -> frozenset[str]:
    """The fields whose suggested value stays out of the form.

    Args:
        task: whose fields.
        read: gives the note; only called where the suggestion does not say how its values rest on it.
        suggestion: what was suggested.
    """
    grounding, values = suggestion.grounding, suggestion.extraction
    valued = [key for key in task.keys if normalise(values.get(key))]
    if any(key not in grounding for key in valued):
        found = ground(task, read(), Extraction(task, {key: values.get(key) for key in task.keys}))
        grounding = {**{key: one.grounding for key, one in found.items()}, **grounding}
    confidence: Mapping[str, float] = {} if suggestion.is_raw else suggestion.confidence
    return frozenset(key for key in valued if is_withheld(grounding.get(key), confidence.get(key)))


def form_values(task: Task, read: Callable[[], str], suggestion: Suggested) -> dict[str, str | None]:
    """What an untouched form holds where this was suggested; see `withheld`."""
    left_out = withheld(task, read, suggestion)
    return {key: None if key in left_out else suggestion.extraction.get(key) for key in task.keys}
