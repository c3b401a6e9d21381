"""One generated note with its labels."""

from __future__ import annotations

from dataclasses import dataclass

FIELDS = ("cancer_type", "stage", "gene_mutation", "biomarker", "treatment", "response", "metastasis_site")


@dataclass(frozen=True)
class Example:
    """One generated note with its labels.

    Attributes:
        text: the note.
        output: field key to value, in the order of the task.
    """

    text: str
    output: dict[str, str | None]
