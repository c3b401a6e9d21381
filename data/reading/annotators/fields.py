"""Which field of the task a label, question or control of another tool means: the one with its key or its title."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from data.limits import MAX_METADATA_CHARACTERS
from data.reading.records import Record, Statement, plain_name
from data.task import Field, Task

_ROOM = MAX_METADATA_CHARACTERS // 2
_SIGNS = re.compile(r"[\W_]+")


class StatedError(ValueError):
    """Labels of another tool that are no labels of the task: what was expected, what was found, what to do."""

    def __init__(self, expected: str, found: str, advice: str) -> None:
        super().__init__(f"Expected {expected}; found {found}; {advice}.")
        self.expected, self.found, self.advice = expected, found, advice


def field_named(task: Task, name: str) -> Field | None:
    """The field whose key or title this is, whatever its case and the signs in it; None where no field's."""
    folded = _SIGNS.sub("", name).casefold()
    return next(
        (one for one in task.fields if folded in (_SIGNS.sub("", said).casefold() for said in (one.key, one.title))),
        None,
    )


def labels_of(statement: Statement, task: Task) -> dict[str, str | None] | None:
    """The values of all fields, null where nothing was said; None where no name is a field's.

    What was written or chosen in a control comes before the words that a label of the same field marks.

    Raises:
        StatedError: a field that has no separator was given several values.
    """
    named: dict[str, list[str]] = {}
    for said in (statement.words, statement.values):
        fresh: dict[str, list[str]] = {}
        for name, values in said.items():
            if field := field_named(task, name):
                fresh.setdefault(field.key, []).extend(values)
        named |= {key: values for key, values in fresh.items() if values}
    if not named:
        return None
    return {key: _joined(task.field(key), named.get(key, ())) for key in task.keys}


def stated_labels(record: Record, task: Task) -> dict[str, str | None] | None:
    """The labels that a person gave a record in another tool; None where nobody decided about it.

    Raises:
        StatedError: there are none that this task has, or not one for a field.
    """
    if not record.decisions:
        return None
    decision = decisive(record.decisions)
    labels = labels_of(decision, task) if decision else None
    if labels is None:
        names = ", ".join(plain_name(name) for name in names_in(record.decisions)[:10])
        found = "none" if decision is None or not names else f"labels named {names}"
        found = "labels that a person rejected or left out" if decision is None and names else found
        expected = f"labels named like the fields, {', '.join(task.keys)}, by their keys or titles"
        raise StatedError(expected, found, "rename them in the tool, or import without labels")
    return labels


def brings_labels(records: Iterable[Record], task: Task) -> bool:
    """Whether one of some records has labels from another tool that are the task's."""
    decisions = (decisive(record.decisions) for record in records)
    return any(decision is not None and _fits(decision, task) for decision in decisions)


def evidence_of(statement: Statement, task: Task) -> dict[str, tuple[tuple[int, int], ...]]:
    """Field key to where its values stand, in code points; of names that are a field's."""
    found: dict[str, tuple[tuple[int, int], ...]] = {}
    for name, places in statement.spans.items():
        if field := field_named(task, name):
            found[field.key] = tuple(sorted({*found.get(field.key, ()), *places}))
    return found


def confidence_of(statement: Statement, task: Task) -> dict[str, float]:
    """Field key to how sure a model was; of names that are a field's."""
    named = ((field_named(task, name), sure) for name, sure in statement.scores.items())
    return {field.key: sure for field, sure in named if field}


def decisive(decisions: Sequence[Statement]) -> Statement | None:
    """The decision that holds among several: the one that the tool marks, or else the newest that was submitted."""
    submitted = [one for one in decisions if one.status == "submitted"]
    return next((one for one in submitted if one.is_truth), submitted[-1] if submitted else None)


def names_in(statements: Sequence[Statement]) -> list[str]:
    """All names that were used, in their order."""
    used: list[Mapping[str, object]] = [part for one in statements for part in (one.values, one.words)]
    return list(dict.fromkeys(name for part in used for name in part))


def kept_beside(record: Record, *, labels: Task | None = None, suggestions: Task | None = None) -> dict[str, Any]:
    """What was said of a record in another tool, as metadata; of longer ones the words and values only, or nothing.

    Args:
        record: with what was said.
        labels: the task whose fields have become the note's labels, so that they are not told again.
        suggestions: the task whose fields have become the note's suggestions.
    """
    if not record.decisions and not record.proposals:
        return {}
    said = {"annotations": (record.decisions, labels), "predictions": (record.proposals, suggestions)}
    for has_spans in (True, False):
        told = {
            key: [_told(one, task if task and _fits(one, task) else None, has_spans=has_spans) for one in some]
            for key, (some, task) in said.items()
        }
        told = {key: [one for one in some if one] for key, some in told.items()}
        if len(json.dumps(told, ensure_ascii=False)) <= _ROOM:
            return {key: some for key, some in told.items() if some}
    return {}


def _fits(statement: Statement, task: Task) -> bool:
    try:
        return labels_of(statement, task) is not None
    except StatedError:
        return False


def _told(statement: Statement, taken: Task | None, *, has_spans: bool) -> dict[str, Any]:
    said = {name: list(values) for name, values in (*statement.words.items(), *statement.values.items())}
    labels = {name: values for name, values in said.items() if taken is None or field_named(taken, name) is None}
    if not labels:
        return {}
    told = {
        "by": statement.by,
        "at": statement.at,
        "status": statement.status if statement.status not in ("submitted", "suggested") else None,
        "labels": labels,
        "spans": {name: [list(p) for p in places] for name, places in statement.spans.items() if name in labels},
        "scores": {name: sure for name, sure in statement.scores.items() if name in labels},
        "comment": statement.comment,
    }
    return {key: value for key, value in told.items() if value and (has_spans or key != "spans")}


def _joined(field: Field, values: Sequence[str]) -> str | None:
    distinct = {" ".join(value.split()).casefold(): value for value in reversed(values)}
    kept = list(reversed(distinct.values()))
    if not kept:
        return None
    if len(kept) > 1 and field.separator is None:
        raise StatedError(f"one value in {field.key}", f"{len(kept)}", "keep one of them in the tool")
    return (field.separator or "").join(kept)
