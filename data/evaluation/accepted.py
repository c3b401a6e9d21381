"""Other values that are right as well: what a second fair reader of a note could have written in its fields."""

from __future__ import annotations

from collections.abc import Sequence

from data.accepted import Accepted
from data.evaluation.scoring import is_right
from data.task import Extraction, Field


def right_values(field: Field, gold: Extraction, accepted: Accepted) -> Sequence[str | None]:
    """All values that are right in a field of a note, the label first."""
    return (gold[field.key], *accepted.get(field.key, ()))


def is_accepted(field: Field, right: Sequence[str | None], value: str | None) -> bool:
    """Whether a value says the same as one of those that are right."""
    return any(is_right(field, one, value) for one in right)
