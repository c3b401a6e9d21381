"""Labelled notes among text that answers nothing: what becomes of an answer as the note around it grows."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from data.notes import content_hash
from data.snapshot import Row

BEHIND = (0, 500, 1_000, 1_500, 2_500, 5_500)
"""Characters of other text that notes are followed by."""
PLACES = {"start": 0.0, "middle": 0.5, "end": 1.0}
"""Where the note stands: the share of the other text that comes before it."""


def surround(row: Row, passages: Sequence[str], n_characters: int, before: float = 0.0) -> Row:
    """The row with about so many characters of other text around its note; the same for the same note.

    Args:
        row: the labelled note.
        passages: what the other text is made of.
        n_characters: of the other text.
        before: the share of it that stands before the note.
    """
    rng = random.Random(row.content_hash)
    sides = [_text(passages, round(n_characters * share), rng) for share in (before, 1 - before)]
    text = "\n".join(part for part in (sides[0], row.text, sides[1]) if part)
    return replace(row, text=text, content_hash=content_hash(text))


def _text(passages: Sequence[str], n_characters: int, rng: random.Random) -> str:
    """Passages in random order, every one before any comes again, as many as come closest to a length."""
    said: list[str] = []
    left: list[str] = []
    while True:
        left = left or rng.sample(passages, len(passages))
        if len(" ".join(said)) + len(left[-1]) / 2 > n_characters:
            return " ".join(said)
        said.append(left.pop())
