"""Records as other trainers read them, back as nested records: the answer is a text of JSON there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_BEFORE_NOTE = "\n\nText: "
"""What stands between the instruction, which is one line, and the note."""


def is_chat(values: Mapping[str, Any]) -> bool:
    """Whether a record is a chat: a prompt with a note in it, and its answer."""
    return isinstance(values.get("messages"), list)


def from_training(values: Mapping[str, Any]) -> dict[str, Any]:
    """The record with its note and its values in their usual places.

    Raises:
        ValueError: the answer is no JSON, or there is no prompt of ours.
    """
    record = {**values}
    if is_chat(values):
        said = {one["role"]: one["content"] for one in record.pop("messages")}
        _, found, record["input"] = said["user"].partition(_BEFORE_NOTE)
        if not found:
            raise ValueError("no note")
        record["output"] = said["assistant"]
    if isinstance(record.get("output"), str):
        record["output"] = json.loads(record["output"])
    return record
