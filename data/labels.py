"""Labels: what a record says of the fields, however it spells them, as an extraction of the task.

Taken is what can mean one thing only: an object under `output` or `labels`, itself or as JSON text, or a column a
field; keys or titles in any case; lists, numbers, and every usual spelling of "no value" as null. What was read so is
counted, for the report. Everything else is refused with the key that is meant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from data.limits import MAX_VALUE_CHARACTERS
from data.reading.json.window import read_json_value
from data.reading.records import plain_name, plain_type
from data.task import SPECIAL_TOKEN, UNKEEPABLE, Extraction, Field, Task
from data.text.values import normalise

GOLD_KEY, NESTED_KEY = "output", "labels"
_NOT_NAME = re.compile(r"[\W_]+")
_MAX_PLACEHOLDER = 40


class LabelError(ValueError):
    """Labels that cannot be taken: what was expected, what was found, what to do. Never a value."""

    def __init__(self, expected: str, found: str, advice: str) -> None:
        super().__init__(f"Expected {expected}; found {found}; {advice}.")
        self.expected = expected
        self.found = found
        self.advice = advice


@dataclass(frozen=True, slots=True)
class Labels:
    """What a record says of the fields.

    Attributes:
        extraction: the values.
        keys: the record's keys that they were under.
        n_placeholders: values that only said that there is none, such as "N/A".
        placeholder: the first of these as it stood; empty where there was none.
        missing: fields that the record does not have, and that were read as null.
    """

    extraction: Extraction
    keys: tuple[str, ...]
    n_placeholders: int = 0
    placeholder: str = ""
    missing: tuple[str, ...] = ()


@lru_cache(4096)
def _says_nothing(value: str) -> bool:
    return normalise(value.strip("#<>")) is None


def is_placeholder(value: str) -> bool:
    """Whether a value only says that there is none: "N/A", "None", "-"; as scoring has it, `data.text.values`."""
    value = value.strip()
    return len(value) <= _MAX_PLACEHOLDER and _says_nothing(value)


def without_placeholders(task: Task, extraction: Extraction) -> tuple[Extraction, int]:
    """The extraction with null in place of every value that only says that there is none, and how many did."""
    found = [key for key, value in extraction.items() if value is not None and is_placeholder(value)]
    return (Extraction(task, {**extraction, **dict.fromkeys(found)}), len(found)) if found else (extraction, 0)


def read_labels(values: Mapping[str, Any], task: Task) -> Labels:
    """The labels of a record.

    Raises:
        LabelError: there are none, or they cannot be read.
    """
    found, keys = _find(values, task)
    extraction: dict[str, str | None] = {}
    n_placeholders, first = 0, ""
    for field in task.fields:
        parts = _parts(field, found[field.key]) if field.key in found else []
        kept = [part for part in parts if not is_placeholder(part)]
        if dropped := [part for part in parts if part.strip() and is_placeholder(part)]:
            n_placeholders += 1
            first = first or dropped[0].strip()
        if len(kept) > 1 and not field.is_list:
            raise LabelError(f"one value in {field.key}", f"a list of {len(kept)}", "keep one of them")
        extraction[field.key] = _checked(field.key, (field.separator or "").join(kept)) if kept else None
    missing = tuple(key for key in task.keys if key not in found)
    return Labels(Extraction(task, extraction), keys, n_placeholders, first, missing)


def labels_aside(values: Mapping[str, Any], task: Task) -> tuple[str, ...]:
    """The keys that are a record's labels as a whole, where labels are not asked for.

    They are no metadata: a reviewer would be told what to find. A column that is merely called like one of the fields
    is not among them.
    """
    keys = [key for key in (GOLD_KEY, NESTED_KEY) if key in values and _holds_labels(values[key], task)]
    if len(values) > len(task.keys) and len(columns := label_columns(values, task)) == len(task.keys):
        keys += columns.values()
    return tuple(keys)


def _holds_labels(given: Any, task: Task) -> bool:
    if isinstance(given, str):
        given = read_json_value(given) if given.lstrip().startswith("{") else None
    return isinstance(given, Mapping) and bool(label_columns(given, task) or label_columns(_inner(given), task))


def _inner(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """What an object has under `labels`, where it has nothing else; or the object."""
    inner = given.get(NESTED_KEY)
    return inner if isinstance(inner, Mapping) and len(given) == 1 else given


def label_columns(names: Mapping[str, Any] | list[str], task: Task) -> dict[str, str]:
    """The columns that are named like a field, its key or its title: field key to column.

    A column that has the field's very key comes before another that is like it.
    """
    named = _named(task)
    found: dict[str, str] = {}
    for name in names:
        key = named.get(_plain(name)) if isinstance(name, str) else None
        if key is not None and (key not in found or name == key):
            found[key] = name
    return found


def _named(task: Task) -> dict[str, str]:
    """What a field may be called, in plain letters, to its key."""
    return _names(tuple([(field.key, field.title) for field in task.fields]))


@cache
def _names(fields: tuple[tuple[str, str], ...]) -> dict[str, str]:
    return {_plain(title): key for key, title in reversed(fields)} | {_plain(key): key for key, _ in fields}


@lru_cache(4096)
def _plain(name: str) -> str:
    return _NOT_NAME.sub("", name).casefold()


def _find(values: Mapping[str, Any], task: Task) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Field key to what a record says of it, and the keys of the record that this was under."""
    if (given := values.get(GOLD_KEY)) is not None:
        return _of_object(_as_object(given, GOLD_KEY), task, GOLD_KEY), (GOLD_KEY,)
    given = values.get(NESTED_KEY)
    given = read_json_value(given) if isinstance(given, str) else given
    if isinstance(given, Mapping) and label_columns(given, task):  # else it is somebody's metadata
        return _of_object(given, task, NESTED_KEY), (NESTED_KEY,)
    columns = label_columns(values, task)
    if not columns:
        expected = f"labels under {GOLD_KEY} or {NESTED_KEY}, or in one column per field"
        raise LabelError(expected, "none", "add them, or import without labels")
    return {key: values[column] for key, column in columns.items()}, tuple(columns.values())


def _as_object(given: Any, where: str) -> Mapping[str, Any]:
    read = read_json_value(given) if isinstance(given, str) else given
    if not isinstance(read, Mapping):
        raise LabelError(f"an object under {where}", plain_type(read), "give the labels as field: value")
    return read


def _of_object(given: Mapping[str, Any], task: Task, where: str) -> dict[str, Any]:
    given = _inner(given)
    found: dict[str, Any] = {}
    named, unknown = _named(task), []
    for name, value in given.items():
        key = named.get(_plain(str(name)))
        if key is None:
            unknown.append(plain_name(name))
        elif key in found:
            raise LabelError(f"the field {key} once under {where}", "two names for it", "keep one of them")
        else:
            found[key] = value
    if unknown:
        fields = ", ".join(task.keys)
        said = f"unknown {', '.join(unknown[:10])}"
        raise LabelError(f"the fields {fields} under {where}", said, "leave it out, or rename it to one of these")
    if not found:
        raise LabelError(f"the fields {', '.join(task.keys)} under {where}", "none of them", "give at least one")
    return found


def _parts(field: Field, value: Any, *, is_inner: bool = False) -> list[str]:
    """A value as the texts that it consists of, placeholders among them."""
    if value is None:
        return []
    if isinstance(value, str):
        if field.separator is None or (separator := field.separator.strip()) not in value or not separator:
            return [value]
        pieces = value.split(separator)
        # Taken apart only for the placeholders in it: what a value looks like is its writer's.
        has_one = any(is_placeholder(piece) for piece in pieces if piece.strip())
        return [piece.strip() for piece in pieces] if has_one else [value]
    if isinstance(value, (list, tuple)) and not is_inner:
        return [part for item in value for part in _parts(field, item, is_inner=True)]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise LabelError(f"a text, a number, a list of these or null in {field.key}", plain_type(value), "write a text")
    if isinstance(value, float) and value.is_integer():  # pandas makes one of a whole number beside missing ones
        return [str(int(value))]
    return [str(value)]


def _checked(key: str, value: str) -> str:
    if len(value) > MAX_VALUE_CHARACTERS:
        raise LabelError(
            f"at most {MAX_VALUE_CHARACTERS:,} characters in {key}", f"{len(value):,}", "shorten the value"
        )
    if not value.isprintable() and (bad := UNKEEPABLE.search(value)):
        code = f"U+{ord(bad.group()):04X} at character {bad.start() + 1:,}"
        raise LabelError(f"printable text in {key}", code, "remove that character")
    if "<|" in value and (token := SPECIAL_TOKEN.search(value)):
        found = f"a special token of the model at character {token.start() + 1:,}"
        raise LabelError(f"plain text in {key}", found, "remove it")
    return value
