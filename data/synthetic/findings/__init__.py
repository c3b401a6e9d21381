"""Findings of one case, genes and biomarkers: the label, and how a note may say it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fact:
    """One finding.

    Attributes:
        label: its value in the record.
        phrase: a noun phrase or short clause for the note.
        germline: whether it was found in the germline.
    """

    label: str
    phrase: str
    germline: bool = False
