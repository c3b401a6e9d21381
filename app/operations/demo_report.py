"""What came of a demonstration: its figures, and what the model said of a few notes before and says now."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What the model says of one field: the value, and whether it stays beside the field."""

    value: str | None
    is_beside: bool


@dataclass(frozen=True)
class FieldShown:
    """One field of a note that nobody has reviewed: what the house writes, and what the model said and says."""

    title: str
    house: str | None
    before: Answer
    after: Answer
    was_right: bool
    is_right: bool


@dataclass(frozen=True)
class Shown:
    """A note whose pre-fill was looked at before and after."""

    name: str
    text: str
    fields: list[FieldShown]


@dataclass
class Told:
    """What came of a demonstration.

    Attributes:
        n_rows: notes learned from.
        n_changed: fields that the corrections changed, of `n_fields`.
        n_steps: optimiser steps.
        samples_per_s: notes learned from in a second of training, shown again or not; None where it was too short.
        training_s: seconds that the steps took.
        seconds: of the whole demonstration.
        right_before: share of the held-out notes' fields that were right.
        right_after: the same with the new adapter.
        passed: whether the gate let it take over.
        sentence: the verdict.
        notes: what was looked at before and after; empty where nothing took over.
    """

    n_rows: int = 0
    n_changed: int = 0
    n_fields: int = 0
    n_steps: int = 0
    samples_per_s: float | None = None
    training_s: float = 0.0
    seconds: float = 0.0
    right_before: float = 0.0
    right_after: float = 0.0
    n_held_out: int = 0
    passed: bool = False
    sentence: str = ""
    notes: list[Shown] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """All of it as plain JSON values."""
        return asdict(self)


def tabulate_fields(shown: Shown) -> list[tuple[str, ...]]:
    """A note's fields as the rows of a table: field, before, now, what the house writes."""
    return [
        (
            one.title,
            _answer_words(one.before, was=one.was_right),
            _answer_words(one.after, was=one.is_right),
            one.house or "–",
        )
        for one in shown.fields
    ]


def _answer_words(answer: Answer, *, was: bool) -> str:
    beside = " (beside the field)" if answer.is_beside else ""
    return f"{'✓' if was else '✗'} {answer.value or '–'}{beside}"


def closing_lines(demo: Told, keep: Path | None) -> list[str]:
    """What to say at the end."""
    n_fields = sum(len(note.fields) for note in demo.notes)
    said = []
    if demo.notes:
        right = [
            sum(getattr(one, name) for note in demo.notes for one in note.fields) for name in ("was_right", "is_right")
        ]
        said.append(f"On these notes {right[0]} of {n_fields} fields were right before, {right[1]} are now.")
    else:
        said.append("The new adapter did not pass the gate, so the pre-fill stays as it was.")
    said.append(f"It took {demo.seconds / 60:.1f} minutes.")
    if keep is not None:
        said.append(f"Look at it with: CASELOOP_HOME={keep} caseloop serve")
    else:
        said.append("Nothing of it is left. To keep such a desk and look around: caseloop demo --keep HOME")
    return said
