"""Small tables as notes hold them: laboratory values, a panel of stains, cycles of treatment; drawn in several ways."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

from data.synthetic.grammar import chance, choose
from data.synthetic.reports.tables import LONG_LISTS

if TYPE_CHECKING:
    from data.synthetic.reports.story import Story

Rows = Sequence[Sequence[str]]

DRAWN = ((3, "pipes"), (3, "aligned"), (2, "tabs"), (2, "framed"), (1, "semicolons"))
REMARKS = ("", "", "", "full dose", "delayed by one week", "dose reduced to 75%", "nausea grade 1", "no toxicity")
STAIN_HEADS = (("Marker", "Result"), ("Antibody", "Staining"), ("Stain", "Result"))
STAIN_WORDS = (("positive", "negative"), ("Positive", "Negative"), ("+", "-"), ("(+)", "(-)"), ("POSITIVE", "NEGATIVE"))
CAPTIONS = ("Laboratory values", "Laboratory results", "Table 1. Laboratory data", "Labs")


def draw(rows: Rows, rng: random.Random, way: str | None = None) -> str:
    """Rows of cells as text, one row a line; the first holds the names of the columns."""
    way = way or choose(DRAWN, rng)
    if way == "aligned":
        widths = [max(len(row[at]) for row in rows) + 2 for at in range(len(rows[0]))]
        return "\n".join(
            "".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
        )
    if way == "framed":
        lines = [f"| {' | '.join(row)} |" for row in rows]
        return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])
    between = {"pipes": " | ", "tabs": "\t", "semicolons": "; "}[way]
    return "\n".join(between.join(row).rstrip() for row in rows)


def written_date(day: date, way: int) -> str:
    """A date in one of four ways of writing it."""
    return day.strftime(("%d.%m.%Y", "%Y-%m-%d", "%m/%d/%Y", "%d %b %Y")[way])


def some_day(rng: random.Random) -> date:
    """A day between 1998 and 2023."""
    return date(rng.randint(1998, 2023), rng.randint(1, 12), rng.randint(1, 28))


def laboratory(rng: random.Random, n: int, first: date) -> str:
    """A table of `n` values that are no tumour markers, of one day or of several from `first` on."""
    chosen = sorted(rng.sample(range(len(LONG_LISTS["analytes"])), n))
    days = choose(((4, 1), (3, 2), (3, 3)), rng)
    way, step = rng.randint(0, 3), rng.randint(2, 9)
    dates = [written_date(first + timedelta(days=at * step), way) for at in range(days)]
    with_range = chance(0.6, rng)
    rows = [["Test", *(dates if days > 1 else ["Result"]), "Unit", *(["Reference"] if with_range else [])]]
    for at in chosen:
        name, low, high, unit, limits = LONG_LISTS["analytes"][at].split(" | ")
        decimals = len(low.partition(".")[2])
        value = rng.uniform(float(low), float(high))
        values = [f"{value * rng.uniform(0.97, 1.03):.{decimals}f}" for _ in range(days)]
        rows.append([name, *values, unit, *([limits] if with_range else [])])
    return draw(rows, rng)


def add_table(story: Story) -> None:
    """Put a table that suits the story into it: its stains, its cycles of a regimen, or laboratory values."""
    kinds = [(3.0, "labs")]
    if story.stains:
        kinds.append((6.0, "stains"))
    if story.regimens:
        kinds.append((4.0, "cycles"))
    kind = choose(kinds, story.rng)
    if kind == "stains":
        tabulate_stains(story)
    elif kind == "cycles":
        _add_cycles(story)
    else:
        caption = story.rng.choice(CAPTIONS)
        table = laboratory(story.rng, story.rng.randint(4, 9), some_day(story.rng))
        story.blocks.setdefault("labs", []).append(f"{caption}\n{table}" if chance(0.6, story.rng) else table + "\n")


def tabulate_stains(story: Story) -> None:
    """The sentence of the stains becomes a table of them."""
    rng = story.rng
    words = dict(zip(("positive", "negative"), rng.choice(STAIN_WORDS), strict=True))
    rows = [rng.choice(STAIN_HEADS), *((marker, words[result]) for marker, result in story.stains)]
    table = draw(rows, rng)
    sentences = story.blocks["ihc"]
    sentences[sentences.index(story.stain_sentence)] = f"Immunohistochemistry:\n{table}"


def _add_cycles(story: Story) -> None:
    rng = story.rng
    sentence, words = rng.choice(story.regimens)
    way, day, step = rng.randint(0, 3), some_day(rng), rng.choice((14, 21, 21, 28))
    rows: list[tuple[str, ...]] = [("Cycle", "Date", "Regimen", "Remarks")]
    for cycle in range(1, rng.randint(2, 6) + 1):
        rows.append((str(cycle), written_date(day, way), words, rng.choice(REMARKS)))
        day += timedelta(days=step + rng.choice((0, 0, 0, 7)))
    if not any(row[3] for row in rows[1:]):
        rows = [row[:3] for row in rows]
    at = story.blocks["tx"].index(sentence)
    # Now and then the table alone tells of it.
    alone = chance(0.4, rng) and all(mark not in sentence.lower() for mark in ("djuvant", "alliative", "first-line"))
    story.blocks["tx"][at : at + alone] = [f"Cycles given:\n{draw(rows, rng)}"]
    if not alone:
        story.blocks["tx"][at : at + 2] = reversed(story.blocks["tx"][at : at + 2])


def is_table(sentence: str) -> bool:
    """Whether a sentence of a block is a table."""
    return "\n" in sentence


def run_on(sentences: Sequence[str]) -> str:
    """Sentences one behind the other, tables on lines of their own."""
    text = ""
    for sentence in sentences:
        broken = is_table(sentence) or text.endswith("\n")
        text = (text.rstrip() + "\n" if broken else f"{text} ") + sentence.strip() if text else sentence.strip()
        text += "\n" if is_table(sentence) else ""
    return text.strip()
