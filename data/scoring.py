"""Scoring: the one definition of when a field is right, used by every figure that is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from data.task import Extraction, Field, Task


@dataclass(frozen=True)
class FieldScore:
    """Figures of one field, or their mean over fields; shares from 0 to 1.

    Attributes:
        exact: share of notes where the strings are equal after case and white space.
        normalised: share of notes where the field is right.
        precision: share of predicted values that are right.
        recall: share of gold values that were found.
        f1: harmonic mean of the two.
        ungrounded: share of predicted values without evidence in the note; None when the notes were not given.
    """

    exact: float
    normalised: float
    precision: float
    recall: float
    f1: float
    ungrounded: float | None


@dataclass(frozen=True)
class Score:
    """Figures of one adapter on one set of labelled notes.

    Attributes:
        n_notes: notes scored.
        json_valid: share of replies that could be read.
        all_fields: share of notes with every field right.
        macro: mean over fields.
        fields: field key to its figures.
        fields_changed: fields that a reviewer would have to change, per note.
        edit_distance: characters that a reviewer would have to change, per note.
    """

    n_notes: int
    json_valid: float
    all_fields: float
    macro: FieldScore
    fields: dict[str, FieldScore]
    fields_changed: float
    edit_distance: float

    def to_json(self) -> dict[str, Any]:
        """The figures as plain JSON values."""
        raise NotImplementedError


def normalise(value: str | None) -> str | None:
    """The form in which values are compared."""
    raise NotImplementedError


def items(value: str | None, field: Field) -> frozenset[str]:
    """The normalised values of a field."""
    raise NotImplementedError


def is_exact(field: Field, gold: str | None, predicted: str | None) -> bool:
    """Whether two values are the same string."""
    raise NotImplementedError


def is_right(field: Field, gold: str | None, predicted: str | None) -> bool:
    """Whether two values say the same."""
    raise NotImplementedError


def score(
    task: Task,
    gold: Sequence[Extraction],
    predicted: Sequence[Extraction | None],
    texts: Sequence[str] | None = None,
) -> Score:
    """Score predictions against gold."""
    raise NotImplementedError
