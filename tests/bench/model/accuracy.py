"""What faster copies of the weights cost: field accuracy of each beside the 4-bit path's, on the same notes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from data.snapshot import Row
from data.task import Task
from trainer.engine.local import Engine, Weights
from trainer.evaluation.evaluate import answer_rows, score_answers
from trainer.model.loading import Loaded

KINDS: tuple[Weights, ...] = ("nf4", "fp32", "bf16")


def compare_weights(
    load: Callable[[], Loaded],
    task: Task,
    rows: Sequence[Row],
    known: Sequence[Row],
    *,
    kinds: Sequence[Weights] = KINDS,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Answer the rows with each kind of weights.

    Returns:
        For each kind the macro means of exact and normalised agreement, all-fields-right, and the number of notes
        whose answer is another one than the first kind's.
    """
    result: dict[str, Any] = {"n_notes": len(rows)}
    first = None
    for kind in kinds:
        engine = Engine(load(), task, weights=kind, alternatives=None)
        engine.learn([(row.text, row.extraction) for row in known])
        answers = answer_rows(engine, rows)
        given = [None if answer is None else answer.extraction for answer in answers]
        first = first or given
        figures = score_answers(rows, answers, task).to_json()
        result[kind] = {
            "normalised": figures["macro"]["normalised"],
            "exact": figures["macro"]["exact"],
            "all_fields": figures["all_fields"],
            "n_other_than_" + kinds[0]: sum(one != other for one, other in zip(given, first, strict=True)),
        }
        say(f"{kind}: {result[kind]}")
    return result
