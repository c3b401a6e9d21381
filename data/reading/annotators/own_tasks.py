"""Tasks for Label Studio that caseloop wrote, as nested records: the text areas hold the values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

META = "caseloop"
"""Where a task keeps what Label Studio has no place for, under its `meta`."""


def is_task(values: Mapping[str, Any]) -> bool:
    """Whether a record is a task with what somebody decided at a desk."""
    meta = values.get("meta")
    return isinstance(values.get("data"), dict) and isinstance(meta, dict) and isinstance(meta.get(META), dict)


def from_task(values: Mapping[str, Any]) -> dict[str, Any]:
    """The record that a task was made of; the values are those of its annotation, as they stand there now."""
    data, told = values["data"], dict(values["meta"][META])
    record = {**told.pop("record", {}), "input": data.get("text"), "id": data.get("note_id"), "provenance": told}
    if isinstance(data.get("metadata"), dict):
        record["metadata"] = data["metadata"]
    annotations = values.get("annotations")
    kept = dict.fromkeys(told.get("states") or {})
    if isinstance(annotations, list) and annotations:
        kept |= _areas(annotations[0])
    status = data.get("status", "submitted")
    is_reviewed = status == "submitted"
    record |= {"status": status, "output": kept if is_reviewed else None, "set_aside": None if is_reviewed else kept}
    return record


def _areas(annotation: Any) -> dict[str, Any]:
    """Field to what stands in its text area."""
    found = {}
    for part in annotation.get("result") or () if isinstance(annotation, dict) else ():
        if isinstance(part, dict) and part.get("type") == "textarea":
            texts = part["value"].get("text") if isinstance(part.get("value"), dict) else None
            found[str(part.get("from_name"))] = texts[0] if isinstance(texts, list) and texts else texts
    return found
