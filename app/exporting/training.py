"""The formats that other trainers read: a text each for the prompt and the answer, exactly those that caseloop uses."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from app.exporting.choice import Choice
from app.exporting.records import Record
from data.prompt import load_prompt
from data.task import Task

_as_json = json.JSONEncoder(ensure_ascii=False).encode


def alpaca(task: Task, choice: Choice, records: Iterable[Record]) -> Iterator[str]:
    """Instruction, input and output of each note, one a line; the output is the record as a line of JSON."""
    for record in _labelled(records):
        line = {"instruction": task.instruction, "input": record.get("input", ""), "output": _as_json(record["output"])}
        yield f"{_as_json(line | _beside(record))}\n"


def messages(task: Task, choice: Choice, records: Iterable[Record]) -> Iterator[str]:
    """System text, prompt and answer of each note as a chat, one a line."""
    prompt = load_prompt(task)
    for record in _labelled(records):
        said = [*prompt.messages(record.get("input", "")), {"role": "assistant", "content": _as_json(record["output"])}]
        yield f"{_as_json({'messages': said} | _beside(record))}\n"


def _labelled(records: Iterable[Record]) -> Iterator[Record]:
    """Those with an answer: nobody trains on what was skipped or flagged."""
    return (record for record in records if record["output"] is not None)


def _beside(record: Record) -> dict[str, Any]:
    """What trainers pass over and the way back needs."""
    return {key: record[key] for key in ("id", "metadata", "provenance") if key in record}
