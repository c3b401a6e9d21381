"""The synthetic corpus: oncology notes with labels, from a grammar, in any number.

Example `i` of a seed depends on the seed and `i` alone, so slices can be made in parallel and give the same notes.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from data.synthetic.compose import FIELDS, Example, write_note
from data.synthetic.house_style import STYLES

__all__ = ["FIELDS", "INSTRUCTION", "STYLES", "Example", "generate", "generate_one"]

INSTRUCTION = "Extract all cancer-related entities from the text."


def generate_one(seed: int, index: int, *, house_style: str | None = None) -> Example:
    """Example `index` of a seed; `house_style` relabels the same note by another convention.

    Raises:
        ValueError: the style is not known.
    """
    if house_style is not None and house_style not in STYLES:
        raise ValueError(f"Expected a house style of {', '.join(STYLES)}; found {house_style!r}.")
    # A string seeds through SHA-512: the same on every platform, and neighbours share nothing.
    example = write_note(random.Random(f"{seed}:{index}"))
    return Example(example.text, STYLES[house_style](example.output)) if house_style else example


def generate(seed: int, n: int, *, start: int = 0, house_style: str | None = None) -> Iterator[Example]:
    """Examples `start` to `start + n` of a seed."""
    for index in range(start, start + n):
        yield generate_one(seed, index, house_style=house_style)
