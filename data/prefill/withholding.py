"""Which suggested values stay out of the form: those that the note does not hold, and those that are hardly right.

On real notes an empty field is more often right than such a value. They are offered beside the field instead. From
which confidence on a value is put in is fitted with the adapter's curves (`data.cutoffs`) and comes with the
suggestion; where nobody knows how sure the adapter is, what the note holds is put in. The suggestion itself stays as it
is; a field that is then left empty counts as cleared, because the adapter was wrong there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Protocol

from data.cutoffs import DEFAULT, SURE, Cutoffs
from data.grounding.evidence import ground
from data.prefill.outside import UNKNOWN, Placed, judge_outside
from data.suggestion import Grounding
from data.task import Extraction, Task
from data.text.values import normalise


class Reason(StrEnum):
    """Why a value stays out of the form: of several reasons the first."""

    NOT_FOUND = "not_found"
    """The note does not hold it, or only denies it."""
    UNSURE = "unsure"
    """Its confidence is below what the field takes."""
    INFERRED = "inferred"
    """It only follows from the note, and nobody knows how sure the adapter is."""


class Suggested(Placed, Protocol):
    """What is needed of a suggestion, fresh or from the store."""

    @property
    def extraction(self) -> Mapping[str, str | None]:
        """The suggested values."""

    @property
    def grounding(self) -> Mapping[str, Grounding]:
        """Field key to how the value rests on the note; empty in suggestions from before it was kept."""


def why_withheld(grounding: Grounding | None, confidence: float | None, takes: float) -> Reason | None:
    """Why a value stays out of the form; None where it is put in.

    Args:
        grounding: how it rests on the note; None for a field without a value.
        confidence: of the adapter, 0 to 1; None where it is not told.
        takes: the confidence from which the field takes a value.
    """
    if grounding is Grounding.NOT_FOUND or grounding is None:
        return Reason.NOT_FOUND if grounding is not None else None
    if confidence is None:
        return Reason.INFERRED if grounding is Grounding.INFERRED else None
    return Reason.UNSURE if confidence < takes else None


def takes(suggestion: Suggested, key: str, grounding: Grounding | None) -> float:
    """The confidence from which a field takes a suggested value.

    Where nothing was fitted for the field, one that only follows from the note has to be sure. On a note that is
    outside what the adapter knows no confidence is higher than `UNKNOWN`, and no more can be asked for.
    """
    cutoffs: Cutoffs = suggestion.cutoffs or DEFAULT
    if grounding is Grounding.INFERRED and key not in cutoffs.put_in:
        return SURE
    return cutoffs.takes(key) if judge_outside(suggestion) is None else min(cutoffs.takes(key), UNKNOWN)


def find_withheld(task: Task, read: Callable[[], str], suggestion: Suggested) -> dict[str, Reason]:
    """The fields whose suggested value stays out of the form, and why.

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
    whys = {
        key: why_withheld(grounding.get(key), confidence.get(key), takes(suggestion, key, grounding.get(key)))
        for key in valued
    }
    return {key: why for key, why in whys.items() if why is not None}


def form_values(task: Task, read: Callable[[], str], suggestion: Suggested) -> dict[str, str | None]:
    """What an untouched form holds where this was suggested; see `find_withheld`."""
    left_out = find_withheld(task, read, suggestion)
    return {key: None if key in left_out else suggestion.extraction.get(key) for key in task.keys}
