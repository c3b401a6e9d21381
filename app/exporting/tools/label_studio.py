"""Tasks for Label Studio, in its documented JSON: predictions are the model's, annotations the reviewer's.

https://labelstud.io/guide/task_format and https://labelstud.io/guide/predictions. A field is a text area; the words
that it rests on are labels on the text. Positions count code points.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

from app.exporting.choice import Choice
from app.exporting.metadata import add_metadata
from app.exporting.records import Record
from data.identity import made_id
from data.reading.annotators.own_tasks import META
from data.suggestion import Span
from data.task import Field, Task
from db.notes.suggestions import SuggestionRow
from db.review.reviewed import ReviewedRow

_as_json = json.JSONEncoder(ensure_ascii=False).encode
TEXT, LABELS = "text", "evidence"
"""Names of the text and of its labels in the labelling configuration."""


def label_studio(task: Task, choice: Choice, rows: Iterable[tuple[ReviewedRow, Record]]) -> Iterator[str]:
    """One list of tasks."""
    yield "[\n"
    separator = ""
    for row, record in rows:
        yield separator + _as_json(labelled_task(task, row, choice) | _kept(record))
        separator = ",\n"
    yield "\n]\n"


def label_config(task: Task, choice: Choice) -> str:
    """The labelling configuration that the tasks fit: paste it into the project before they are imported."""
    fields = [task.field(key) for key in choice.keys(task)]
    labels = "\n".join(
        f"    <Label value={quoteattr(field.title)} background={quoteattr(field.colour)}/>" for field in fields
    )
    boxes = "\n".join(
        f"  <Header value={quoteattr(field.title)}/>\n"
        f'  <TextArea name={quoteattr(field.key)} toName="{TEXT}" editable="true" maxSubmissions="1" rows="1"/>'
        for field in fields
    )
    return (
        f'<View>\n  <Labels name="{LABELS}" toName="{TEXT}">\n{labels}\n  </Labels>\n'
        f'  <Text name="{TEXT}" value="${TEXT}"/>\n{boxes}\n</View>\n'
    )


def labelled_task(task: Task, row: ReviewedRow, choice: Choice) -> dict[str, Any]:
    """One note with what the model proposed and what was decided."""
    decided = row.annotation
    data: dict[str, Any] = {
        TEXT: row.note.text if choice.with_text else "",
        "note_id": row.note.external_id or made_id(row.note.text),
        "reviewer": decided.reviewer,
        "status": decided.status,
    }
    return {
        "id": row.note.id,
        "data": add_metadata(data, row.note.metadata, choice),
        "predictions": [_prediction(task, row.suggestion, data[TEXT], choice)] if row.suggestion else [],
        "annotations": [_annotation(task, row, data[TEXT], choice)],
    }


def _kept(record: Record) -> dict[str, Any]:
    """What Label Studio has no place for, so that a task comes back as the decision that it was."""
    if "provenance" not in record:
        return {}
    further = {"record": {"spans": record["spans"]}} if "spans" in record else {}
    return {"meta": {META: record["provenance"] | further}}


def _prediction(task: Task, suggestion: SuggestionRow, text: str, choice: Choice) -> dict[str, Any]:
    keys, result = choice.keys(task), []
    for key in keys:
        sure = {"score": suggestion.confidence[key]} if key in suggestion.confidence else {}
        spans = suggestion.evidence.get(key, ())
        result += [{**part, **sure} for part in _parts(task.field(key), suggestion.extraction.get(key), text, spans)]
    return {
        "model_version": suggestion.adapter,
        "score": min((suggestion.confidence[key] for key in keys if key in suggestion.confidence), default=None),
        "created_at": suggestion.created_at.isoformat(),
        "result": result,
    }


def _annotation(task: Task, row: ReviewedRow, text: str, choice: Choice) -> dict[str, Any]:
    decided, suggestion, result = row.annotation, row.suggestion, []
    for key in choice.keys(task):
        suggested = suggestion.extraction.get(key) if suggestion else None
        is_kept = suggestion is not None and suggested == decided.extraction.get(key)
        # The words that a value rests on are known where the model proposed it, not where it was changed.
        spans = suggestion.evidence.get(key, ()) if suggestion and is_kept else ()
        origin = "prediction" if is_kept else "manual" if suggested is None else "prediction-changed"
        result += [
            {**part, "origin": origin} for part in _parts(task.field(key), decided.extraction.get(key), text, spans)
        ]
    return {
        # Label Studio refuses a name that is not the address of a member, and takes null for whoever imports.
        "completed_by": {"email": decided.reviewer} if "@" in decided.reviewer else None,
        "lead_time": round(decided.lead_time_ms / 1000, 3),
        "created_at": decided.submitted_at.isoformat(),
        "was_cancelled": decided.status != "submitted",
        "ground_truth": False,
        "result": result,
    }


def _parts(field: Field, value: str | None, text: str, spans: Sequence[Span]) -> Iterator[dict[str, Any]]:
    """A value in its text area, and a label wherever it rests on the text; nothing where there is no value."""
    if value is None:
        return
    yield {
        "id": field.key,
        "from_name": field.key,
        "to_name": TEXT,
        "type": "textarea",
        "value": {"text": [value]},
    }
    for number, span in enumerate(spans):
        if 0 <= span.start < span.end <= len(text):
            words = {"start": span.start, "end": span.end, "text": text[span.start : span.end]}
            yield {
                "id": f"{field.key}-{number}",
                "from_name": LABELS,
                "to_name": TEXT,
                "type": "labels",
                "value": {**words, "labels": [field.title]},
            }
