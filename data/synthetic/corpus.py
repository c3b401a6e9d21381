"""The synthetic corpus: oncology notes with labels, from a grammar, in any number.

Example `i` of a seed depends on the seed and `i` alone, so slices can be made in parallel and give the same notes.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping

from data.synthetic.abstracts.compose import write_note
from data.synthetic.example import Example
from data.synthetic.grammar import choose
from data.synthetic.reports.compose import write_report
from data.synthetic.sets.house_style import STYLES

INSTRUCTION = "Extract all cancer-related entities from the text."
WRITERS = {"abstract": write_note, "report": write_report}
MIX: Mapping[str, float] = {"abstract": 0.5, "report": 0.5}
"""The styles that the default model is trained on, and their shares."""


def generate_one(
    seed: int, index: int, *, house_style: str | None = None, mix: Mapping[str, float] | None = None
) -> Example:
    """Example `index` of a seed.

    Args:
        seed: the corpus.
        index: which note of it.
        house_style: a convention to label the same note by; the plain one if it is None.
        mix: the styles ("abstract": short case abstracts, "report": long notes like real ones) and their weights;
            abstracts alone if it is None.

    Raises:
        ValueError: a style is not known, or no weight is above zero.
    """
    if house_style is not None and house_style not in STYLES:
        raise ValueError(f"Expected a house style of {', '.join(STYLES)}; found {house_style!r}.")
    # A string seeds through SHA-512: the same on every platform, and neighbours share nothing.
    rng = random.Random(f"{seed}:{index}")
    example = write_note(rng) if mix is None else WRITERS[_style(mix, random.Random(f"style:{seed}:{index}"))](rng)
    return Example(example.text, STYLES[house_style](example.output)) if house_style else example


def _style(mix: Mapping[str, float], rng: random.Random) -> str:
    if set(mix) - set(WRITERS) or not any(weight > 0 for weight in mix.values()):
        raise ValueError(f"Expected weights above zero for {' and '.join(WRITERS)}; found {dict(mix)!r}.")
    return choose([(weight, style) for style, weight in sorted(mix.items()) if weight > 0], rng)


def generate(
    seed: int, n: int, *, start: int = 0, house_style: str | None = None, mix: Mapping[str, float] | None = None
) -> Iterator[Example]:
    """Examples `start` to `start + n` of a seed; `house_style` and `mix` as for `generate_one`."""
    for index in range(start, start + n):
        yield generate_one(seed, index, house_style=house_style, mix=mix)
