"""Metadata: what came with a note beside its text, id and labels, as records bring it and as exports write it.

A record of a table has a column each, an export of ours calls them `meta.NAME`; where one holds anything but text its
column is `meta_json.NAME` and its cells are JSON. Other records may keep it in one object under `metadata`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from data.reading.json.window import read_json_value

OBJECT_KEY = "metadata"
TEXT_COLUMN, JSON_COLUMN = "meta.", "meta_json."
MAX_SHORT_CHARACTERS = 80
"""Of a value that is shown as it is; a longer one is folded."""
_as_json = json.JSONEncoder(ensure_ascii=False).encode


def read_metadata(values: Mapping[str, Any], used: Collection[str | None]) -> dict[str, Any]:
    """The metadata of a record: whatever is not used otherwise and is not null.

    Nothing is lost where two names become one: the second keeps the name that it came with.

    Args:
        values: of the record.
        used: keys that hold something else: the text, the id, labels.
    """
    kept: dict[str, Any] = {}
    nested: Mapping[str, Any] = {}
    for key, value in values.items():
        if value is None or key in used:
            continue
        if key == OBJECT_KEY and isinstance(value, Mapping):
            nested = value
            continue
        name, read = _of_export(key, value) if key.startswith("meta") else (key, value)
        if name != key and (name in kept or (name not in used and values.get(name) is not None)):
            name, read = key, value
        kept[name] = read
    for key, value in nested.items():
        if value is not None:
            kept[f"{OBJECT_KEY}.{key}" if key in kept else str(key)] = value
    return kept


def plain_text(value: Any) -> str:
    """A value as one reads it: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else _as_json(value)


def _of_export(key: str, value: Any) -> tuple[str, Any]:
    if key.startswith(TEXT_COLUMN) and len(key) > len(TEXT_COLUMN):
        return key.removeprefix(TEXT_COLUMN), value
    if key.startswith(JSON_COLUMN) and len(key) > len(JSON_COLUMN) and isinstance(value, str):
        return key.removeprefix(JSON_COLUMN), read_json_value(value)
    return key, value
