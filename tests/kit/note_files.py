"""Files of notes, and what a reader makes of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from data.notes import Note, read_notes
from data.reading.records import Refusal
from data.task import load_task

TASK = load_task()
FIRST, *REST = TASK.keys
EMPTY = dict.fromkeys(TASK.keys)
CANARY = "canary-7f3a"  # stands in every bad record; no refusal may repeat it


def read(path: Path, *, original: bool = False) -> tuple[list[Note], list[Refusal]]:
    found = list(read_notes(path, TASK, original=original))
    refusals = [one for one in found if isinstance(one, Refusal)]
    for refusal in refusals:
        assert CANARY not in repr(refusal)
        assert refusal.sentence.startswith(refusal.file)
        assert "/" not in refusal.file
        assert refusal.sentence.count("\n") == 0
    return [one for one in found if isinstance(one, Note)], refusals


def file(tmp_path: Path, content: str | bytes, name: str = "notes.jsonl") -> Path:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


def lines(*records: Any) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def only(path: Path, *, original: bool = False) -> Refusal:
    """The single refusal of a file that holds nothing else."""
    notes, refusals = read(path, original=original)
    assert not notes
    assert len(refusals) == 1
    return refusals[0]
