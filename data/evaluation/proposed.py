"""What an adapter proposed for the fields of a labelled note, as cut-offs are fitted on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from data.cutoffs import Proposed
from data.evaluation.scoring import is_right, items
from data.suggestion import Grounding, Suggestion
from data.task import Extraction, Field, Task

Accepted = Mapping[str, Sequence[str | None]]
"""Field key to further values, none among them perhaps, that a fair second reader could have written."""


def is_accepted(field: Field, gold: str | None, value: str | None, accepted: Accepted) -> bool:
    """Whether a value is right, or is one of those that count as right."""
    return any(is_right(field, one, value) for one in (gold, *accepted.get(field.key, ())))


def propose(task: Task, gold: Extraction, answer: Suggestion, accepted: Accepted) -> list[Proposed]:
    """What was proposed for each field of one note; the confidence is the answer's own.

    Args:
        task: names the fields.
        gold: the note's label.
        answer: what was suggested, with calibrated confidence and grounding.
        accepted: further values that count as right.
    """
    proposed = []
    for field in task.fields:
        key, value = field.key, answer.extraction[field.key]
        is_null = not items(value, field)
        proposed.append(
            Proposed(
                key=key,
                confidence=answer.confidence[key],
                may_show=not is_null and answer.grounding.get(key) not in (None, Grounding.NOT_FOUND),
                is_null=is_null,
                right=is_accepted(field, gold[key], value, accepted),
                empty_right=is_accepted(field, gold[key], None, accepted),
                is_labelled=bool(items(gold[key], field)),
            )
        )
    return proposed
