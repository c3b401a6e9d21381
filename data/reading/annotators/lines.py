"""Records of doccano, Prodigy and Argilla: texts with their labels, one after another in JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from data.reading.annotators.statements import Said, name_of, objects, plain, spans_in, text_key, with_statements
from data.reading.json.files import read_objects
from data.reading.json.keys import leading_keys
from data.reading.records import Record, Refusal, Statement
from data.reading.sources import Encoding, Head, Options, Source

_ANSWERS = {"accept": "submitted", "reject": "rejected", "ignore": "skipped"}
_PRODIGY_DERIVED = frozenset(("text", "meta", "spans", "tokens", "answer", "options", "config", "html", "relations"))
_PRODIGY_OWN = ("_timestamp", "_annotator_id", "_session_id", "_view_id", "_is_binary")
_DOCCANO_LABELS = ("label", "labels", "entities", "annotations")


def is_doccano(head: Head) -> bool:
    """Whether a file that begins so holds records of doccano."""
    keys = leading_keys(head.start)
    has_text = keys.get("text", keys.get("data", "")).startswith('"')
    return has_text and any(keys.get(name, "").startswith("[") for name in _DOCCANO_LABELS) and "answer" not in keys


def read_doccano(source: Source, encoding: Encoding, _: Options) -> Iterator[Record | Refusal]:
    """Each record with its spans as a decision; categories, which belong to no field, stay as they are."""
    for record in read_objects(source, encoding):
        yield record if isinstance(record, Refusal) else _doccano(record)


def _doccano(record: Record) -> Record:
    values = dict(record.values)
    if "text" not in values and isinstance(values.get("data"), str):
        values["text"] = values.pop("data")
    text = values.get("text")
    if not isinstance(text, str):
        return record
    said = Said(text)
    for name in _DOCCANO_LABELS:
        if isinstance(values.get(name), list) and spans_in(said, values[name]):
            del values[name]
    for name in ("relations", "Comments"):
        if values.get(name) == []:
            del values[name]
    if not said:
        return with_statements(record, values, ())
    comments = [comment for one in _listed(values.pop("Comments", None)) if (comment := plain(one))]
    values = {**values, **_unfolded(values, "meta"), **_unfolded(values, "metadata")}
    by = plain(values.get("annotation_approver")) or plain(values.get("approver"))
    return with_statements(record, values, [said.statement(by=by, comment="\n".join(comments) or None)])


def is_prodigy(head: Head) -> bool:
    """Whether a file that begins so holds records of Prodigy."""
    keys = leading_keys(head.start)
    return "text" in keys and (
        "_task_hash" in keys or keys.get("answer", "").startswith(tuple(f'"{a}"' for a in _ANSWERS))
    )


def read_prodigy(source: Source, encoding: Encoding, _: Options) -> Iterator[Record | Refusal]:
    """Each record with its answer as a decision; a rejected one brings no labels."""
    for record in read_objects(source, encoding):
        yield record if isinstance(record, Refusal) else _prodigy(record)


def _prodigy(record: Record) -> Record:
    task = record.values
    text = task.get("text")
    if not isinstance(text, str):
        return record
    said = Said(text)
    spans_in(said, _listed(task.get("spans")))
    meta = task.get("meta")
    values = {**meta} if isinstance(meta, dict) else {}
    values |= {key: task[key] for key in task if key not in _PRODIGY_DERIVED and key not in _PRODIGY_OWN}
    values["text"] = text
    answer = task.get("answer")
    status = _ANSWERS.get(answer) if isinstance(answer, str) else None
    if status is None:
        return with_statements(record, values, (), [said.statement(by="Prodigy", status="suggested")] if said else ())
    for key, value in task.items():  # what a person typed into a field of that name
        if key not in _PRODIGY_DERIVED and not key.startswith("_") and key not in ("id", "label", "input"):
            said.add(key, value if isinstance(value, str) else None)
    by = name_of(task.get("_annotator_id")) or name_of(task.get("_session_id"))
    return with_statements(record, values, [said.statement(by=by, at=_when(task.get("_timestamp")), status=status)])


def is_argilla(head: Head) -> bool:
    """Whether a file that begins so holds records of Argilla, version 1 or 2."""
    keys = leading_keys(head.start)
    if keys.get("fields", "").startswith("{"):
        return bool(keys.keys() & {"responses", "suggestions"})
    return bool(keys.keys() & {"annotation_agent", "prediction_agent"}) and bool(keys.keys() & {"text", "inputs"})


def read_argilla(source: Source, encoding: Encoding, options: Options) -> Iterator[Record | Refusal]:
    """Each record with its responses as decisions and its suggestions as proposals."""
    for record in read_objects(source, encoding):
        if isinstance(record, Refusal):
            yield record
        elif isinstance(record.values.get("fields"), dict):
            yield _argilla(record, options)
        else:
            yield _argilla_classic(record)


def _argilla(record: Record, options: Options) -> Record:
    values = record.values
    parts = dict(values["fields"])
    key = text_key(parts, [name.removeprefix("fields.") for name in options.wanted])
    named = next((name for name in options.wanted if key and name.removeprefix("fields.") == key), "text")
    text = parts.pop(key) if key else ""
    kept: dict[str, Any] = {named: text} if key else {}
    kept |= {**parts, **_unfolded(values, "metadata")}
    kept["id"] = values.get("external_id") or values.get("id")
    return with_statements(record, kept, _responses(values, text), _suggestions(values.get("suggestions"), text))


def _responses(values: Mapping[str, Any], text: str) -> list[Statement]:
    """Version 2 lists the responses below each question, version 1 the questions below each response."""
    responses = values.get("responses")
    people: dict[str | None, Said] = {}
    statuses: dict[str | None, str] = {}
    if isinstance(responses, dict):
        given = [(question, one) for question, some in responses.items() for one in objects(some)]
    else:
        answers = [(one, *item) for one in objects(responses) for item in _mapping(one.get("values")).items()]
        given = [(question, {**one, **said}) for one, question, said in answers if isinstance(said, dict)]
        people |= {name_of(one.get("user_id")): Said(text) for one in objects(responses)}
        statuses |= {name_of(one.get("user_id")): str(one.get("status")) for one in objects(responses)}
    for question, one in given:
        by = name_of(one.get("user_id")) or name_of(one.get("user"))
        _answer(people.setdefault(by, Said(text)), question, one.get("value"))
        statuses[by] = str(one.get("status") or statuses.get(by) or "submitted")
    return [
        said.statement(by=by, status="skipped" if statuses[by] == "discarded" else "submitted")
        for by, said in people.items()
        if statuses[by] != "draft"
    ]


def _suggestions(suggestions: object, text: str) -> list[Statement]:
    if isinstance(suggestions, dict):
        given = [(question, one) for question, one in suggestions.items() if isinstance(one, dict)]
    else:
        given = [(str(one.get("question_name")), dict(one)) for one in objects(suggestions)]
    agents: dict[str | None, Said] = {}
    for question, one in given:
        said = agents.setdefault(plain(one.get("agent")), Said(text))
        _answer(said, question, one.get("value"))
        said.score(question, one.get("score"))
    return [said.statement(by=agent, status="suggested") for agent, said in agents.items()]


def _answer(said: Said, question: str, value: object) -> None:
    """Take an answer: spans under their labels, all others under the name of their question."""
    spans = objects(value)
    if spans and all("start" in span for span in spans):
        spans_in(said, spans)
    else:
        said.add(question, value)


def _argilla_classic(record: Record) -> Record:
    """A record of version 1 for one text and one kind of label, which names no question."""
    values = dict(record.values)
    inputs = values.pop("inputs", None)
    text = values.get("text") or (inputs.get("text") if isinstance(inputs, dict) else inputs)
    if not isinstance(text, str):
        return record
    values["text"] = text
    status = str(values.pop("status", "")).lower()
    decided, proposed = Said(text), Said(text)
    for key, said in (("annotation", decided), ("prediction", proposed)):
        if isinstance(values.get(key), list) and values[key] and spans_in(said, values[key]):
            del values[key]
    by, agent = plain(values.pop("annotation_agent", None)), plain(values.pop("prediction_agent", None))
    values = {**values, **_unfolded(values, "metadata")}
    for key in ("tokens", "vectors", "metrics", "explanation", "metadata"):
        values.pop(key, None)
    is_decided = bool(decided) or status in ("validated", "discarded")
    decision = decided.statement(by=by, status="skipped" if status == "discarded" else "submitted")
    proposal = [proposed.statement(by=agent, status="suggested")] if proposed else []
    return with_statements(record, values, [decision] if is_decided else [], proposal)


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _unfolded(values: dict[str, Any], key: str) -> dict[str, Any]:
    """What an object under a key holds, as values of the record; those that are there already stay."""
    inner = values.get(key)
    if not isinstance(inner, dict):
        return {}
    return {name: value for name, value in inner.items() if name not in values} | ({key: None} if inner else {})


def _when(seconds: object) -> str | None:
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds < 1e11:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat()
