"""Notes for the demonstration: a house that labels in its own style, from a seed that no model is trained on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from data.gate.near_duplicates import without_near
from data.notes import content_hash, split_of
from data.snapshot import Row
from data.synthetic.corpus import generate_one
from data.task import Extraction, Task

DEMO_SEED = 7301  # training uses seeds below 1000
HOUSE_STYLE = "registry"
N_NEXT = 3
LONGEST = 1600
"""Characters: the demonstration has to end within minutes on two cores."""
_SPARE = 1.3


@dataclass(frozen=True)
class Demo:
    """The notes of a demonstration, labelled in the house's style.

    Attributes:
        learned: of the training side: what a reviewer corrected.
        held_out: of the other side: what the new adapter is judged by.
        upcoming: of the training side, not reviewed: whose pre-fill is to change.
    """

    learned: list[Row]
    held_out: list[Row]
    upcoming: list[Row]


def demo_notes(task: Task, n_notes: int) -> Demo:
    """As many notes to learn from as are held out, and a few further ones; always the same.

    Args:
        task: whose fields the generator fills in.
        n_notes: on each side.
    """
    sides: dict[str, list[Row]] = {"train": [], "holdout": []}
    wanted = {"train": int(_SPARE * n_notes) + 4 * N_NEXT, "holdout": n_notes}
    upcoming: list[Row] = []
    for row, plain in _rows(task):
        side = split_of(row.content_hash)
        if side == "train" and len(upcoming) < N_NEXT and _is_telling(row.extraction, plain):
            upcoming.append(row)
        elif len(sides[side]) < wanted[side]:
            sides[side].append(row)
        if len(upcoming) == N_NEXT and all(len(sides[one]) == wanted[one] for one in wanted):
            break
    learned, _ = without_near(sides["train"], [row.text for row in (*sides["holdout"], *upcoming)])
    return Demo(learned[:n_notes], sides["holdout"], upcoming)


def _rows(task: Task) -> Iterator[tuple[Row, Mapping[str, str | None]]]:
    """Each note with its label in the house's style, and the label as the generator gives it; no text twice."""
    seen: set[str] = set()
    index = 0
    while True:
        plain = generate_one(DEMO_SEED, index)
        styled = generate_one(DEMO_SEED, index, house_style=HOUSE_STYLE)
        index += 1
        hashed = content_hash(plain.text)
        if len(plain.text) <= LONGEST and hashed not in seen:
            seen.add(hashed)
            yield Row(plain.text, Extraction(task, styled.output), "original", hashed), plain.output


def _is_telling(styled: Extraction, plain: Mapping[str, str | None]) -> bool:
    """Whether the house writes several of its fields otherwise."""
    return sum(styled[key] != plain[key] for key in styled) >= 2
