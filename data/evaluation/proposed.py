"""What an adapter proposed for the fields of a labelled note, as cut-offs are fitted on it."""

from __future__ import annotations

from data.accepted import Accepted
from data.cutoffs import Proposed
from data.evaluation.accepted import is_accepted, right_values
from data.evaluation.scoring import items
from data.suggestion import Grounding, Suggestion
from data.task import Extraction, Task


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
        right = right_values(field, gold, accepted)
        is_null = not items(value, field)
        proposed.append(
            Proposed(
                key=key,
                confidence=answer.confidence[key],
                may_show=not is_null and answer.grounding.get(key) not in (None, Grounding.NOT_FOUND),
                is_null=is_null,
                right=is_accepted(field, right, value),
                empty_right=is_accepted(field, right, None),
                is_labelled=bool(items(gold[key], field)),
            )
        )
    return proposed
