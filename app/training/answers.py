"""What two adapters answered for the notes of a run's hold-out, as its run directory keeps it, and how they differ."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from app.core.errors import DeskError
from data.evaluation.scoring import is_right, items
from data.storage.files import write_whole
from data.task import Extraction, Field, Task, TaskError
from db.training.preferences import Tally

ANSWERS = "predictions.jsonl"
OLD_ANSWERS = "old_predictions.jsonl"
"""Those of an old adapter that was measured apart, because its base is another."""


@dataclass(frozen=True)
class AnsweredNote:
    """One note of the hold-out with both answers; None where a reply could not be read, which is wrong in every field.

    Attributes:
        note_hash: the hash of its exact text; of a run that kept none, the content hash.
        gold: what is true.
        old: of the adapter that was active when the run began.
        new: of the adapter that the run made.
    """

    task: Task
    note_hash: str
    gold: Extraction
    old: Extraction | None
    new: Extraction | None

    def is_right(self, field: Field, answer: Extraction | None) -> bool:
        """Whether an answer's field is right."""
        return answer is not None and is_right(field, self.gold[field.key], answer[field.key])

    @cached_property
    def differing(self) -> tuple[Field, ...]:
        """The fields in which the two answers say something else."""
        if self.old is None or self.new is None:
            return () if self.old is self.new else self.task.fields
        old, new = self.old, self.new
        return tuple(
            field for field in self.task.fields if items(old[field.key], field) != items(new[field.key], field)
        )

    @cached_property
    def n_gained(self) -> int:
        """Fields that are right now and were not; below 0 where more were lost."""
        return sum(self.is_right(f, self.new) - self.is_right(f, self.old) for f in self.differing)

    def left_is_new(self, seed: str) -> bool:
        """On which side the new adapter's answer stands when the two are shown without names.

        A side is a digest's last bit, so it stays over a reload and follows from nothing that is on the page.

        Args:
            seed: of the comparison and its reader.
        """
        return bool(hashlib.sha256(f"{seed} {self.note_hash}".encode()).digest()[-1] & 1)


def read_answers(task: Task, directory: Path) -> list[AnsweredNote]:
    """Both adapters' answers for the hold-out of a run, in its order.

    Returns:
        None at all where the run kept none.

    Raises:
        DeskError: the file cannot be read, or is of another task.
    """
    path = directory / ANSWERS
    try:
        return [_read(task, line) for line in _lines(path)]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError, AttributeError, TaskError) as error:
        raise DeskError(
            f"Expected the answers of both adapters in {path}; they cannot be read. Train again to compare notes."
        ) from error


def comparable_answers(task: Task, directory: Path) -> list[AnsweredNote]:
    """The same, and none at all where only one adapter answered.

    Raises:
        DeskError: the file cannot be read, or is of another task.
    """
    notes = read_answers(task, directory)
    return notes if any(note.old for note in notes) and any(note.new for note in notes) else []


def add_old_answers(directory: Path) -> None:
    """Put the answers of an old adapter that was measured apart beside the new one's; again, it changes nothing.

    Raises:
        DeskError: the two files cannot be read, or are not of the same notes.
    """
    measured, path = directory / OLD_ANSWERS, directory / ANSWERS
    try:
        old = {_hash_of(line): line["answer"] for line in _lines(measured)}
        lines = _lines(path)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DeskError(
            f"Expected the answers of both adapters in {directory}; they cannot be read. Resume the run."
        ) from error
    if {_hash_of(line) for line in lines} != set(old):
        raise DeskError(f"Expected answers for the same notes in {path} and {measured}; found others. Resume the run.")
    both = [json.dumps({**line, "old": old[_hash_of(line)]}, ensure_ascii=False) for line in lines]
    write_whole(path, "".join(f"{line}\n" for line in both))


def _lines(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8", newline="\n") as file:  # a value may hold a line separator
        return [json.loads(line) for line in file]


def _read(task: Task, line: dict[str, Any]) -> AnsweredNote:
    def extraction(name: str) -> Extraction | None:
        return None if line.get(name) is None else Extraction.from_stored(task, line[name])

    return AnsweredNote(
        task, _hash_of(line), Extraction.from_stored(task, line["gold"]), extraction("old"), extraction("new")
    )


def _hash_of(line: Mapping[str, Any]) -> str:
    return str(line.get("text_hash") or line["content_hash"])


def worse_and_better(notes: Sequence[AnsweredNote]) -> tuple[list[AnsweredNote], list[AnsweredNote]]:
    """The notes in which fewer fields are right than before, and those with more; the largest changes first."""
    ordered = sorted(notes, key=lambda note: -abs(note.n_gained))
    return [note for note in ordered if note.n_gained < 0], [note for note in ordered if note.n_gained > 0]


def sign_test(tally: Tally) -> float:
    """How often chance alone would split the preferences at least as unevenly; ties are left out.

    The exact two-sided sign test (W. Dixon and A. Mood, "The statistical sign test", JASA 1946). Without any preference
    it is 1.
    """
    from scipy import stats

    n = tally.n_old + tally.n_new
    return float(stats.binomtest(tally.n_new, n, 0.5).pvalue) if n else 1.0
