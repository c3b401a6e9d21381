"""Notes: what a case report is in the store, how it is hashed and split, and what a bad record is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from data.task import Extraction, Task

MAX_NOTE_CHARACTERS = 20_000
MAX_ID_CHARACTERS = 200
MAX_METADATA_CHARACTERS = 20_000
HOLDOUT_SHARE = 0.10

Origin = Literal["original", "incoming"]
Split = Literal["train", "holdout"]


class NoteError(ValueError):
    """A record that cannot become a note; the message says what was expected, what was found and what to do."""

    def __init__(self, expected: str, found: str, advice: str) -> None:
        super().__init__(f"Expected {expected}; found {found}. {advice}")
        self.expected = expected
        self.found = found
        self.advice = advice


@dataclass(frozen=True)
class Note:
    """One case report.

    Attributes:
        text: the report, with line feeds as line breaks; spans count its code points.
        external_id: the name that it had where it came from.
        metadata: what else came with it; JSON values only.
        gold: the labels it came with, or None.
        origin: "original" when it came with labels, else "incoming".
        content_hash: 64 hexadecimal digits; equal for texts that differ in case, white space and punctuation only.
        split: the side of the hold-out that the hash falls on.
    """

    text: str
    external_id: str | None
    metadata: Mapping[str, Any] = field(repr=False)
    gold: Extraction | None
    origin: Origin
    content_hash: str
    split: Split


@dataclass(frozen=True)
class Refusal:
    """A record that was not read: where it stood and what to do about it. Never holds a word of the note."""

    file: str
    line: int | None
    column: int | None
    expected: str
    found: str
    advice: str

    @property
    def sentence(self) -> str:
        """The refusal as a person reads it."""
        raise NotImplementedError


def content_hash(text: str) -> str:
    """The hash that tells notes apart."""
    raise NotImplementedError


def split_of(content_hash: str) -> Split:
    """The side of the hold-out."""
    raise NotImplementedError


def make_note(
    task: Task,
    text: str,
    *,
    external_id: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    gold: Extraction | None = None,
) -> Note:
    """A note from its text."""
    raise NotImplementedError


def read_notes(path: Path, task: Task, *, original: bool) -> Iterator[Note | Refusal]:
    """Read notes from a file or a folder."""
    raise NotImplementedError
