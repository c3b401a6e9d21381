"""Scoring an adapter on labelled notes, with the engine that serves it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from data.scoring import Score, score
from data.snapshot import Row
from data.task import Extraction, Task
from trainer.engine import Engine, EngineError


class EvaluationError(ValueError):
    """Labelled notes that cannot be scored on; the message says what to do."""


Report = Callable[[int, int], None]
"""Called with notes done and notes in all."""


def answer_rows(engine: Engine, rows: Sequence[Row], progress: Report | None = None) -> list[Extraction | None]:
    """What the engine answers for each row; None where it cannot, which counts as wrong in every field."""
    answers: list[Extraction | None] = []
    for outcome in engine.attempt(row.text for row in rows):
        answers.append(None if isinstance(outcome, EngineError) else outcome.extraction)
        if progress is not None:
            progress(len(answers), len(rows))
    return answers


def evaluate(engine: Engine, rows: Sequence[Row], task: Task, progress: Report | None = None) -> Score:
    """Score the engine on labelled rows.

    Raises:
        EvaluationError: there are no rows.
    """
    if not rows:
        raise EvaluationError("Expected at least one labelled note to score on; found none. Name another file.")
    return score_answers(rows, answer_rows(engine, rows, progress), task)


def score_answers(rows: Sequence[Row], answers: Sequence[Extraction | None], task: Task) -> Score:
    """Score answers against the rows' labels."""
    return score(task, [row.extraction for row in rows], answers, [row.text for row in rows])


def write_predictions(path: Path, rows: Sequence[Row], answers: dict[str, Sequence[Extraction | None] | None]) -> None:
    """Write what was answered for each note, by content hash, readable by the owner only.

    Args:
        path: file to write, one JSON object per line.
        rows: the labelled notes; their text is not written.
        answers: a name (`old`, `new`) to the answers of that adapter, or to None where there is no such adapter.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        for number, row in enumerate(rows):
            line: dict[str, object] = {"content_hash": row.content_hash, "gold": row.extraction.as_dict()}
            for name, given in answers.items():
                answer = given[number] if given is not None else None
                line[name] = answer.as_dict() if answer is not None else None
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
