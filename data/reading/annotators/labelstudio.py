"""Label Studio: tasks with their annotations and predictions, as it exports (JSON, JSON-MIN) and as it imports them.

https://labelstud.io/guide/task_format
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from data.reading.annotators.own_tasks import from_task
from data.reading.annotators.own_tasks import is_task as is_own_task
from data.reading.annotators.statements import (
    Said,
    milliseconds,
    name_of,
    objects,
    plain,
    text_key,
    with_statements,
)
from data.reading.json.files import read_objects
from data.reading.json.keys import leading_keys
from data.reading.records import Record, Refusal, Statement
from data.reading.sources import Encoding, Head, Options, Source

_JUDGED = frozenset(("annotations", "completions", "predictions", "drafts"))
_TASK = _JUDGED | {"id", "data", "meta", "inner_id", "project", "created_at", "updated_at", "is_labeled", "overlap"}
_MIN = frozenset(("annotator", "annotation_id", "lead_time"))
_PATH = "data."
_MIN_OWN = _MIN | {"id", "created_at", "updated_at"}
_OWN = frozenset(("note_id", "reviewer", "status"))  # what caseloop's own export puts beside the text


def is_labelstudio(head: Head) -> bool:
    """Whether a file that begins so holds tasks of Label Studio."""
    keys = leading_keys(head.start)
    if keys.get("data", "").startswith("{") and not keys.keys() & {"text", "input"}:
        return bool(keys.keys() & _JUDGED) or keys.keys() <= _TASK
    return keys.keys() >= _MIN


def read_labelstudio(source: Source, encoding: Encoding, options: Options) -> Iterator[Record | Refusal]:
    """Each task as a record: its data as values, annotations as decisions, predictions as proposals."""
    for record in read_objects(source, encoding):
        if isinstance(record, Refusal):
            yield record
        elif is_own_task(record.values) and (own := _own(record)):
            yield own
        elif isinstance(record.values.get("data"), dict):
            yield _task(record, options.wanted)
        else:
            yield _minimal(record) if record.values.keys() >= _MIN else record


def _own(record: Record) -> Record | None:
    """What caseloop wrote a task of; None where somebody changed it so that it cannot be told."""
    try:
        return replace(record, values=from_task(record.values))
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _task(record: Record, wanted: Collection[str]) -> Record:
    task, data = record.values, dict(record.values["data"])
    is_own = data.keys() >= _OWN
    own = {key: data.pop(key) for key in _OWN if is_own}
    key = text_key(data, [name.removeprefix(_PATH) for name in wanted])
    text = data[key] if key else ""
    values = {key if key in wanted else "text": text} if key else {}
    values |= {name: value for name, value in data.items() if name != key}
    if any(name.startswith(_PATH) for name in wanted):  # who names a path has seen the file, and finds it so
        values = {name: value for name, value in task.items() if name not in _JUDGED}
    elif values.get("id") is None:
        values["id"] = own.get("note_id") or task.get("id")
    elif task.get("id") is not None:
        values.setdefault("task_id", task["id"])
    if isinstance(task.get("meta"), dict):
        values.setdefault("meta", task["meta"])
    judged = objects(task.get("annotations")) or objects(task.get("completions"))
    decisions = [_decision(one, text, own) for one in judged]
    return with_statements(
        record,
        values,
        sorted(decisions, key=lambda one: one.at or ""),
        [_proposal(one, text) for one in _predictions(task, judged)],
    )


def _predictions(task: Mapping[str, Any], judged: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """A task's predictions; where it has their numbers only, those that its annotations started from."""
    started_from = {
        str(one["prediction"]): one["prediction"] for one in judged if isinstance(one.get("prediction"), dict)
    }
    return objects(task.get("predictions")) or [one for one in started_from.values() if "result" in one]


def _decision(annotation: Mapping[str, Any], text: str, own: Mapping[str, Any]) -> Statement:
    status = own.get("status")
    if status not in ("submitted", "skipped", "flagged") or (status == "submitted") == bool(
        annotation.get("was_cancelled")
    ):
        status = "skipped" if annotation.get("was_cancelled") else "submitted"
    return _said(annotation.get("result"), text).statement(
        by=plain(own.get("reviewer")) or _person(annotation.get("completed_by")),
        at=plain(annotation.get("updated_at")) or plain(annotation.get("created_at")),
        status=status,
        lead_time_ms=milliseconds(annotation.get("lead_time")),
        is_truth=annotation.get("ground_truth") is True,
    )


def _proposal(prediction: Mapping[str, Any], text: str) -> Statement:
    said = _said(prediction.get("result"), text)
    for name in (*said.values, *said.spans) if not said.scores else ():  # the whole's is for lack of one each
        said.score(name, prediction.get("score"))
    return said.statement(
        by=plain(prediction.get("model_version")), at=plain(prediction.get("created_at")), status="suggested"
    )


def _person(told: object) -> str | None:
    """A person by address or name; a number, which only this Label Studio knows, is said to be one."""
    return f"user {told}" if isinstance(told, int) else name_of(told)


def _said(results: object, text: str) -> Said:
    """What results say: spans under their labels, all others under the name of their control."""
    said = Said(text)
    for result in objects(results):
        value, name = result.get("value"), result.get("from_name")
        if not isinstance(value, dict):
            continue
        labels = value.get("labels") or value.get("hypertextlabels")
        if isinstance(labels, list):
            place = value["globalOffsets"] if isinstance(value.get("globalOffsets"), dict) else value
            for label in labels:
                said.mark(label, place.get("start"), place.get("end"), value.get("text"))
                said.score(label, result.get("score"))
        else:
            kind = result.get("type")
            held = value.get(kind if isinstance(kind, str) and kind in value else "text")
            said.add(name, held)
            said.score(name, result.get("score"))
    return said


def _minimal(record: Record) -> Record:
    """A task of JSON-MIN, whose controls stand beside its data: as texts, {"choices": ...} or lists of regions."""
    values = record.values
    text = next((values[key] for key in ("text", "input") if isinstance(values.get(key), str)), "")
    said, kept = Said(text), dict[str, Any]()
    for name, value in values.items():
        if name in _MIN_OWN or value == text:
            continue
        regions = objects(value)
        if isinstance(value, dict) and isinstance(value.get("choices"), list):
            said.add(name, value["choices"])
        elif regions and any("labels" in region for region in regions):
            for region in regions:
                labels = region.get("labels")
                for label in labels if isinstance(labels, list) else ():
                    said.mark(label, region.get("start"), region.get("end"), region.get("text"))
        elif regions and all("text" in region or "choices" in region for region in regions):
            for region in regions:
                said.add(name, region.get("text", region.get("choices")))
        else:
            kept[name] = value
            if isinstance(value, str):
                said.add(name, value)
    decision = said.statement(
        by=_person(values.get("annotator")),
        at=plain(values.get("updated_at")) or plain(values.get("created_at")),
        lead_time_ms=milliseconds(values.get("lead_time")),
    )
    beside: dict[str, Any] = {key: values[key] for key in ("id", "text", "input") if key in values}
    return with_statements(record, {**beside, **kept}, [decision])
