"""Snapshots: the exact rows of a training run, as JSON lines with a fingerprint."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from data.task import Extraction, Task

Source = Literal["original", "annotation"]


class SnapshotError(ValueError):
    """Rows that must not be trained on, or a file that does not hold rows; the message says what to do."""


@dataclass(frozen=True)
class Row:
    """One labelled note.

    Attributes:
        text: the note.
        extraction: its label.
        source: whether the label came with the note or from a reviewer.
        content_hash: the note's hash, see `data.notes.content_hash`.
    """

    text: str
    extraction: Extraction
    source: Source
    content_hash: str


@dataclass(frozen=True)
class Snapshot:
    """A written file of rows.

    Attributes:
        path: the file.
        fingerprint: 64 hexadecimal digits over the rows, independent of their order.
        n_rows: rows in the file.
        n_originals: rows whose label came with the note.
        n_annotations: rows whose label is a reviewer's.
    """

    path: Path
    fingerprint: str
    n_rows: int
    n_originals: int
    n_annotations: int


def write_snapshot(task: Task, rows: Iterable[Row], path: Path) -> Snapshot:
    """Write training rows."""
    raise NotImplementedError


def write_holdout(task: Task, rows: Iterable[Row], path: Path) -> Snapshot:
    """Write hold-out rows."""
    raise NotImplementedError


def read_rows(task: Task, path: Path) -> list[Row]:
    """Read labelled rows."""
    raise NotImplementedError
