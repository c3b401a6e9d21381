"""Taking the rows of deleted notes out of the files of a training run.

A finished run keeps its figures: the files that hold notes or their values are written anew without those rows, and a
file beside them says how many went and what the digests were before. A run that did not finish has learned from them
in part: it begins anew when it is resumed.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from data.identity import text_hash
from data.storage.files import save_json, sha256_of, write_whole
from db.review.lifecycle.deletion import Deletion

ROWS_DELETED = "rows_deleted.json"
"""In a run's directory: by deletion, how many rows went out of each file; and the files' digests from before."""
FRESH, CHECKPOINTS = "fresh.json", "checkpoints"
_KEPT = ("settings.json", "trainer.log", ROWS_DELETED)
"""What an unfinished run keeps: what it was told, and what it said."""


def take_rows_out(directory: Path, deletion: Deletion, *, is_finished: bool) -> None:
    """Leave no row of a deletion's notes in a run's directory; done again, it changes nothing.

    Raises:
        OSError: a file cannot be read or written.
    """
    for draft in directory.rglob(".*.tmp"):  # of a process that was killed while it wrote
        shutil.rmtree(draft) if draft.is_dir() else draft.unlink(missing_ok=True)
    found = {path: n for path in sorted(directory.rglob("*.jsonl")) if (n := _count(path, deletion))}
    _forget_judges(directory / FRESH, deletion)
    if not found:
        return
    _note(directory, deletion, found)  # first: what was noted is found again after a kill
    if not is_finished:
        for path in directory.iterdir():
            if path.name not in _KEPT:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        return
    for place in directory.rglob(CHECKPOINTS):  # none is left of a run that ended well
        shutil.rmtree(place, ignore_errors=True)
    for path in found:
        with path.open(encoding="utf-8", newline="\n") as file:
            kept = [line.encode("utf-8") for line in file if not _is_gone(line, deletion)]
        write_whole(path, kept)


def count_rows_deleted(directory: Path, deletion_id: int) -> dict[str, int]:
    """How many rows a deletion took out of each file of a run, by its path there; empty where it took none."""
    counted: dict[str, int] = _read(directory)["deletions"].get(str(deletion_id), {})
    return counted


def _is_gone(line: str, deletion: Deletion) -> bool:
    """Whether a line of a run's file is about a note of a deletion."""
    try:
        values = json.loads(line)
    except ValueError:
        return False
    if not isinstance(values, dict):
        return False
    if isinstance(text := values.get("input"), str):
        return text_hash(text) in deletion.text_hashes
    if isinstance(hashed := values.get("text_hash"), str):
        return hashed in deletion.text_hashes
    return values.get("content_hash") in deletion.content_hashes


def _count(path: Path, deletion: Deletion) -> int:
    with path.open(encoding="utf-8", newline="\n") as file:  # a note may hold a line separator
        return sum(_is_gone(line, deletion) for line in file)


def _note(directory: Path, deletion: Deletion, found: dict[Path, int]) -> None:
    values = _read(directory)
    counted = values["deletions"].setdefault(str(deletion.id), {})
    for path, n in found.items():
        name = str(path.relative_to(directory))
        counted[name] = max(n, counted.get(name, 0))
        values["sha256_before"].setdefault(name, sha256_of(path))
    save_json(directory / ROWS_DELETED, values)


def _read(directory: Path) -> dict[str, Any]:
    try:
        values: dict[str, Any] = json.loads((directory / ROWS_DELETED).read_text(encoding="utf-8"))
        return {"deletions": dict(values["deletions"]), "sha256_before": dict(values["sha256_before"])}
    except (OSError, ValueError, KeyError, TypeError):
        return {"deletions": {}, "sha256_before": {}}


def _forget_judges(path: Path, deletion: Deletion) -> None:
    """Take the notes out of the list of those that judged a run."""
    try:
        judges = json.loads(path.read_text(encoding="utf-8"))
        kept = [one for one in judges if one not in deletion.content_hashes]
    except (OSError, ValueError, TypeError):
        return
    if len(kept) != len(judges):
        write_whole(path, json.dumps(kept))
