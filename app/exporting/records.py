"""One reviewed note as a record: training input with its id, and how the decision came about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from app.exporting.choice import Choice
from app.exporting.metadata import add_metadata
from app.exporting.spans import find_stands, list_spans
from data.corrections import compare, states_of
from data.grounding.evidence import find_inferred
from data.identity import made_id
from data.task import Extraction, Task
from db.review.opinions import OpinionRow, opinions_of
from db.review.reviewed import DecidedRow, ReviewedRow, read_decided_rows, read_reviewed_rows
from db.review.trials import TrialRow, marked_trials
from db.store.store import Session

Record = dict[str, Any]
OnRecord = Callable[[int], None]
Trials = Mapping[tuple[int, str], TrialRow]


def ignore_count(n_records: int) -> None:
    """Told of every record, and does nothing about it."""


def chosen_rows(session: Session, choice: Choice, on_record: OnRecord = ignore_count) -> Iterator[ReviewedRow]:
    """The notes of an export, in import order, read from the store as they are asked for."""
    for number, row in enumerate(read_reviewed_rows(session, **choice.filters()), 1):
        yield row
        on_record(number)


def export_records(
    session: Session, task: Task, choice: Choice, on_record: OnRecord = ignore_count
) -> Iterator[Record]:
    """The records of an export, one after the other."""
    if choice.with_provenance:
        yield from (record for _, record in read_rows_and_records(session, task, choice, on_record))
        return
    rows = read_decided_rows(session, with_evidence=choice.has_spans, **choice.filters())
    for number, plain in enumerate(rows, 1):
        yield _record(task, plain, Extraction.from_stored(task, plain.extraction), choice)
        on_record(number)


def read_rows_and_records(
    session: Session, task: Task, choice: Choice, on_record: OnRecord = ignore_count
) -> Iterator[tuple[ReviewedRow, Record]]:
    """The same records, each with what it was made of."""
    trials = marked_trials(session) if choice.with_provenance else {}
    for row in chosen_rows(session, choice, on_record):
        opinions = opinions_of(session, row.note.id) if choice.with_provenance and row.note.n_opinions else ()
        yield row, export_record(task, row, choice, trials, opinions)


def export_record(
    task: Task, row: ReviewedRow, choice: Choice, trials: Trials | None = None, opinions: Sequence[OpinionRow] = ()
) -> Record:
    """One note as the formats hold it.

    Args:
        trials: notes that were shown otherwise than usual, by note and reviewer.
        opinions: what each of several reviewers said about the note.
    """
    note, decision = row.note, row.annotation
    extraction = Extraction.from_stored(task, decision.extraction)
    plain = DecidedRow(
        note.id, note.external_id, note.text, decision.status, decision.extraction, metadata=note.metadata
    )
    if row.suggestion is not None:
        plain = replace(plain, suggested=row.suggestion.extraction, evidence=row.suggestion.evidence)
    record = _record(task, plain, extraction, choice)
    if choice.with_provenance:
        trial = (trials or {}).get((note.id, decision.reviewer))
        record["provenance"] = _provenance(task, row, extraction, choice, trial)
        record["provenance"]["opinions"] = [_opinion(one, choice.keys(task)) for one in opinions]
    return record


def _record(task: Task, row: DecidedRow, extraction: Extraction, choice: Choice) -> Record:
    """What every record has.

    Only a submitted annotation is an `output`. What stood in the form when a note was skipped or flagged is nobody's
    decision: it is under `set_aside`, so that no reader takes it for a label.
    """
    values = {key: extraction[key] for key in choice.keys(task)}
    is_reviewed = row.status == "submitted"
    record: Record = {"instruction": task.instruction}
    if choice.with_text:
        record["input"] = row.text
    record["output"] = values if is_reviewed else None
    record["id"] = row.external_id or made_id(row.text)
    if choice.is_marked:
        record["status"] = row.status
        record["set_aside"] = None if is_reviewed else values
    record = add_metadata(record, row.metadata, choice)
    if choice.has_spans:
        stands = find_stands(task, row.text, values, row.suggested, row.evidence) if is_reviewed else {}
        record["spans"] = list_spans(row.text, values, stands)
    return record


def _provenance(task: Task, row: ReviewedRow, extraction: Extraction, choice: Choice, trial: TrialRow | None) -> Record:
    keys, decided, suggestion = choice.keys(task), row.annotation, row.suggestion
    suggested = Extraction.from_stored(task, suggestion.extraction) if suggestion else None
    corrections = compare(task, suggested, extraction)

    rules = find_inferred(task, row.note.text, suggested, suggestion.grounding) if suggestion and suggested else None

    def keep_chosen(values: Mapping[str, Any]) -> Record:
        return {key: values[key] for key in keys if key in values}

    return {
        "reviewer": decided.reviewer,
        "submitted_at": decided.submitted_at.isoformat(),
        "revision": decided.revision,
        "adapter": suggestion.adapter if suggestion else None,
        "prompt_version": suggestion.prompt_version if suggestion else None,
        "suggestion": keep_chosen(suggested) if suggested is not None else None,
        "confidence": keep_chosen(suggestion.confidence) if suggestion else None,
        "grounding": keep_chosen({key: str(kind) for key, kind in suggestion.grounding.items()})
        if suggestion
        else None,
        "rules": keep_chosen(rules) if rules is not None else None,
        "corrections": keep_chosen(corrections),
        "states": keep_chosen(states_of(corrections, decided.settled)) | _list_unasked(decided.extraction, keys),
        "shown": _trial_record(trial, decided.extraction, keys),
        "lead_time_ms": decided.lead_time_ms,
        "comment": decided.comment if choice.with_text else "",
        "content_hash": row.note.content_hash,
        "source": row.note.source,
    }


def _list_unasked(decided: Mapping[str, Any], keys: tuple[str, ...]) -> Record:
    """Fields that the task did not have when the note was decided: their null is nobody's."""
    return {key: "not asked" for key in keys if key not in decided}


def _opinion(opinion: OpinionRow, keys: tuple[str, ...]) -> Record:
    """What one of several reviewers said; how far they agree can be worked out from it."""
    return {
        "reviewer": opinion.reviewer,
        "status": opinion.status,
        "given_at": opinion.given_at.isoformat(),
        "values": {key: opinion.extraction.get(key) for key in keys},
    }


def _trial_record(trial: TrialRow | None, decided: Mapping[str, Any], keys: tuple[str, ...]) -> Record:
    """How the note was shown: a value that was seeded wrong is the desk's, neither the model's nor the reviewer's."""
    seeded = trial if trial is not None and trial.field in keys else None
    return {
        "as": "prefilled" if trial is None else trial.kind,
        "seeded_field": seeded.field if seeded else None,
        "seeded_value": seeded.value if seeded else None,
        "is_seeded_kept": seeded is not None and decided.get(seeded.field or "") == seeded.value,
    }
