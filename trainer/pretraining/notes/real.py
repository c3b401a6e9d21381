"""Real notes for tuning: labelled ones with other values that are right as well, and texts without labels."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from data.accepted import Accepted, AcceptedError, read_accepted
from data.evaluation.accepted import is_accepted, right_values
from data.notes import content_hash
from data.snapshot import Row, read_rows
from data.suggestion import Suggestion
from data.task import Extraction, Task
from trainer.pretraining.notes.tokens import Labelled
from trainer.pretraining.settings import PretrainError


@dataclass(frozen=True)
class RealNote:
    """A labelled note.

    Attributes:
        row: the note with its label.
        accepted: other values that are right.
    """

    row: Row
    accepted: Accepted

    @property
    def labelled(self) -> Labelled:
        """As what a phase learns from."""
        return Labelled(self.row.text, self.row.extraction.as_dict())

    def fold(self, n_folds: int) -> int:
        """The part that the note belongs to, from 0; by its hash, so that other notes do not move it."""
        return int(self.row.content_hash[:8], 16) % n_folds

    def right(self, task: Task) -> Accepted:
        """Field key to all values that are right, the label first."""
        return {field.key: tuple(right_values(field, self.row.extraction, self.accepted)) for field in task.fields}

    def gold_for(self, task: Task, answer: Suggestion | None) -> Extraction:
        """The label, with the answer's value in its place wherever that is accepted."""
        values, right = self.row.extraction.as_dict(), self.right(task)
        if answer is not None:
            for field in task.fields:
                if is_accepted(field, right[field.key], answer.extraction[field.key]):
                    values[field.key] = answer.extraction[field.key]
        return Extraction(task, values)


def read_real(task: Task, path: Path) -> list[RealNote]:
    """Labelled notes, one JSON object a line: `input`, `output` and perhaps `accept`; a text that comes again once.

    Raises:
        SnapshotError, PretrainError: a line is not a labelled note.
    """
    rows = read_rows(task, path)
    accepted: dict[int, Accepted] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.strip():
            try:
                accepted[number] = read_accepted(task, json.loads(line).get("accept"))
            except AcceptedError as error:
                raise PretrainError(f"{path.name}, line {number}: {error}. Correct the line.") from error
    notes = {row.content_hash: RealNote(row, accepted.get(row.line or 0, {})) for row in rows}
    return list(notes.values())


def read_texts(path: Path, known: Sequence[RealNote]) -> list[str]:
    """Texts without labels, one JSON object a line with the note under `input` or `text`, none of those in `known`.

    Raises:
        PretrainError: a line holds no text, or there is none.
    """
    hashes = {note.row.content_hash for note in known}
    texts: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            given = json.loads(line)
            text = given.get("input") or given.get("text")
        except (ValueError, AttributeError):
            text = None
        if not isinstance(text, str) or not text.strip():
            raise PretrainError(
                f'{path.name}, line {number}: expected a JSON object with a text in "input" or "text"; '
                "found none. Correct the line."
            )
        hashed = content_hash(text)
        if hashed not in hashes:
            texts.setdefault(hashed, text.strip())
    if not texts:
        raise PretrainError(f"{path.name}: expected at least one text to learn from; found none. Name another file.")
    return list(texts.values())
