"""Which field of the task a label, question or control of another tool means: the one with its key or its title."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from data.reading.records import Statement
from data.suggestion import Span
from data.task import Field, Task

_SIGNS = re.compile(r"[\W_]+")


class SeveralValues(ValueError):
    """A field for one value was given several.

    Attributes:
        key: the field's.
        n_values: how many there were.
    """

    def __init__(self, key: str, n_values: int) -> None:
        super().__init__(f"{n_values} values for {key}")
        self.key, self.n_values = key, n_values


def field_named(task: Task, name: str) -> Field | None:
    """The field whose key or title this is, whatever its case and the signs in it; None where no field's."""
    folded = _SIGNS.sub("", name).casefold()
    return next(
        (one for one in task.fields if folded in (_SIGNS.sub("", said).casefold() for said in (one.key, one.title))), None
    )


def labels_of(statement: Statement, task: Task, text: str) -> dict[str, str | None] | None:
    """The values of all fields, null where nothing was said; None where no name is a field's.

    Args:
        statement: what was said.
        task: whose fields.
        text: that it was said of, with line feeds as line breaks.

    Raises:
        SeveralValues: a field that has no separator was given several values.
    """
    named: dict[str, list[str]] = {}
    for name, values in statement.values.items():
        if field := field_named(task, name):
            named.setdefault(field.key, []).extend(values)
    stated = frozenset(named)
    for name, places in statement.spans.items():
        field = field_named(task, name)
        if field and field.key not in stated:
            named.setdefault(field.key, []).extend(text[start:end] for start, end in sorted(places))
    if not named:
        return None
    return {key: _joined(task.field(key), named.get(key, ())) for key in task.keys}


def evidence_of(statement: Statement, task: Task) -> dict[str, tuple[Span, ...]]:
    """Field key to where its values stand; of names that are a field's."""
    found: dict[str, tuple[Span, ...]] = {}
    for name, places in statement.spans.items():
        if field := field_named(task, name):
            found[field.key] = tuple(sorted({*found.get(field.key, ()), *(Span(*place) for place in places)}))
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
    used: list[Mapping[str, object]] = [part for one in statements for part in (one.values, one.spans)]
    return list(dict.fromkeys(name for part in used for name in part))


def _joined(field: Field, values: Sequence[str]) -> str | None:
    distinct = {" ".join(value.split()).casefold(): value for value in reversed(values)}
    kept = list(reversed(distinct.values()))
    if not kept:
        return None
    if len(kept) > 1 and field.separator is None:
        raise SeveralValues(field.key, len(kept))
    return (field.separator or "").join(kept)
