"""Scoring an adapter on labelled notes, with the engine that serves it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from data.evaluation.form_scoring import count_words, score_form
from data.evaluation.scoring import Score, score, score_confidence
from data.identity import text_hash
from data.snapshot import Row
from data.storage.files import whole_file
from data.suggestion import Suggestion
from data.task import Task
from data.vocabulary.wording import invented_words
from trainer.engine.api import EngineError, Suggester

UNCALIBRATED = "the model's own probabilities"
CALIBRATED = "the adapter's calibration"
CHARACTERS_PER_TOKEN = 4


class EvaluationError(ValueError):
    """Labelled notes that cannot be scored on; the message says what to do."""


Report = Callable[[int, int], None]
"""Called with notes done and notes in all."""


def answer_rows(engine: Suggester, rows: Sequence[Row], progress: Report | None = None) -> list[Suggestion | None]:
    """What the engine answers for each row; None where it cannot, which counts as wrong in every field."""
    answers: list[Suggestion | None] = []
    for outcome in engine.attempt(row.text for row in rows):
        answers.append(None if isinstance(outcome, EngineError) else outcome)
        if progress is not None:
            progress(len(answers), len(rows))
    return answers


def evaluate(
    engine: Suggester,
    rows: Sequence[Row],
    task: Task,
    progress: Report | None = None,
    predictions: Path | None = None,
) -> Score:
    """Score the engine on labelled rows, and the forms that its answers make beside empty ones.

    Args:
        engine: what answers.
        rows: the labelled notes.
        task: names the fields.
        progress: called after each note.
        predictions: a file to write what was answered to, under `answer`, as `write_predictions` does.

    Raises:
        EvaluationError: there are no rows.
    """
    if not rows:
        raise EvaluationError("Expected at least one labelled note to score on; found none. Name another file.")
    answers = answer_rows(engine, rows, progress)
    if predictions is not None:
        write_predictions(predictions, rows, {"answer": answers})
    return score_forms(engine, rows, answers, task)


def score_forms(engine: Suggester, rows: Sequence[Row], answers: Sequence[Suggestion | None], task: Task) -> Score:
    """Score what the engine answered for labelled rows, and the forms that the answers make beside empty ones."""
    texts, house = [row.text for row in rows], engine.house_words.known
    form = score_form(
        task,
        texts,
        [row.extraction for row in rows],
        [row.accepted for row in rows],
        answers,
        n_tokens=count_tokens(engine, rows),
        invented=partial(invented_words, house=house),
    )
    if house and form.n_invented is not None:
        form = replace(form, n_house_words=count_words(task, texts, answers, invented_words) - form.n_invented)
    return replace(score_answers(rows, answers, task), form=form)


def count_tokens(engine: Suggester, rows: Sequence[Row]) -> list[int]:
    """The length of each note in the model's tokens; in fours of characters where a server has the model."""
    tokenizer = getattr(getattr(engine, "loaded", None), "tokenizer", None)
    if tokenizer is None:
        return [len(row.text) // CHARACTERS_PER_TOKEN for row in rows]
    return [len(tokenizer(row.text, add_special_tokens=False)["input_ids"]) for row in rows]


def score_answers(
    rows: Sequence[Row], answers: Sequence[Suggestion | None], task: Task, *, source: str | None = None
) -> Score:
    """Score answers, and how sure they were, against the rows' labels.

    Args:
        source: where their confidence comes from; None for what served them.
    """
    gold = [row.extraction for row in rows]
    predicted = [None if answer is None else answer.extraction for answer in answers]
    figures = score(task, gold, predicted, [row.text for row in rows])
    if source is None:
        is_raw = all(answer is None or answer.confidence == answer.raw_confidence for answer in answers)
        source = UNCALIBRATED if is_raw else CALIBRATED
    return replace(figures, confidence=score_confidence(task, gold, answers, source=source))


def write_predictions(path: Path, rows: Sequence[Row], answers: dict[str, Sequence[Suggestion | None] | None]) -> None:
    """Write what was answered for each note, by its hashes: a reader, who is the owner, sees all of it or nothing.

    Args:
        path: file to write, one JSON object per line.
        rows: the labelled notes; their text is not written.
        answers: a name (`old`, `new`) to the answers of that adapter, or to None where there is no such adapter.
    """
    with whole_file(path) as file:
        for number, row in enumerate(rows):
            line: dict[str, object] = {"content_hash": row.content_hash, "text_hash": text_hash(row.text)}
            line["gold"] = row.extraction.as_dict()
            for name, given in answers.items():
                answer = given[number] if given is not None else None
                line[name] = answer.extraction.as_dict() if answer is not None else None
            file.write(f"{json.dumps(line, ensure_ascii=False)}\n".encode())
