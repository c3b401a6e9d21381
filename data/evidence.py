"""Evidence: where in a note a value is supported, as spans of code points."""

from __future__ import annotations

from data.suggestion import Span
from data.task import Extraction, Field, Task


def find_evidence(task: Task, text: str, extraction: Extraction) -> dict[str, tuple[Span, ...]]:
    """The spans of `text` that support each value."""
    raise NotImplementedError


def is_grounded(task: Task, field: Field, text: str, value: str) -> bool:
    """Whether any part of `text` supports `value`."""
    raise NotImplementedError
