"""Fields without a suggested value in whose note stands a word of their kind, such as the name of a gene.

How sure "no value" is shows nowhere else: a model that reads no German is as sure of no metastasis in
"Lungenmetastasen" as in a note that has none. Such an answer has a curve of its own (`data.evaluation.calibration`).
"""

from __future__ import annotations

from data.task import Extraction, Task
from data.text.values import normalise


def find_hinted(task: Task, text: str, extraction: Extraction) -> list[str]:
    """The keys of the fields without a value of whose kind the note holds a word."""
    return [
        field.key
        for field in task.fields
        if field.hint is not None and not normalise(extraction[field.key]) and field.hint.search(text)
    ]
