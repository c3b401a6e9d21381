"""The notes that come with caseloop, so that a first start has something to show: synthetic, with invented patients."""

from __future__ import annotations

from dataclasses import replace

from data.notes import Note, read_notes
from data.storage.locations import SAMPLES
from data.task import Task

TASK_NAME = "oncology"
"""The task that they are labelled for."""
LABELLED, UNLABELLED = SAMPLES / "originals.jsonl", SAMPLES / "notes.jsonl"


def sample_notes(task: Task) -> list[Note]:
    """The shipped notes, those with labels first, each with the origin "sample"; none at all for another task.

    Where the fields are others, even those without labels would only be in the way.
    """
    if task.name != TASK_NAME:
        return []
    labelled = list(read_notes(LABELLED, task, original=True))
    notes = [note for note in labelled if isinstance(note, Note) and not (note.labels and note.labels.missing)]
    if len(notes) < len(labelled):  # a label that does not fit, or is not there
        return []
    notes += [note for note in read_notes(UNLABELLED, task, original=False) if isinstance(note, Note)]
    return [replace(note, origin="sample") for note in notes]
