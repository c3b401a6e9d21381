"""Notes of a team with a house style of its own, to show what the desk learns from corrections."""

from __future__ import annotations

from data.synthetic.corpus import generate_one
from data.synthetic.example import Example
from data.synthetic.sets.house_style import tumour_board

SHARES = {"abstract": 0.3, "report": 0.7}
LONGEST = 1200  # characters: a round on such notes fits into minutes on two cores
STYLED = ("stage", "response", "metastasis_site")


def house_style_notes(seed: int, n: int) -> list[Example]:
    """The first `n` notes of a seed that show the house style, with their labels in it.

    Each is at most 1,200 characters long and has two or more of stage, response and sites of metastases, the fields that
    the house writes in its own way (see `house_style.tumour_board`). The notes of two seeds differ; those of one do not
    depend on `n`, so that the first 60 can be learned from and the next 60 held out.

    Raises:
        ValueError: `n` is negative.
    """
    if n < 0:
        raise ValueError(f"Expected a number of notes from 0 on; found {n}.")
    found: list[Example] = []
    index = 0
    while len(found) < n:
        example = generate_one(seed, index, mix=SHARES)
        index += 1
        if len(example.text) <= LONGEST and sum(example.output[key] is not None for key in STYLED) >= 2:
            found.append(Example(example.text, tumour_board(example.output)))
    return found
