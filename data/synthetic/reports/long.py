"""Long notes, of 6,000 to 12,000 characters: the facts somewhere among much that answers nothing."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from data.synthetic.grammar import chance, choose
from data.synthetic.reports import sections
from data.synthetic.reports.story import Story
from data.synthetic.reports.tables import LONG_LISTS

SHORTEST, LONGEST = 6_300, 11_800
"""Characters that a long note is to have about, at least and at most."""
LETTERS = {"clinic": "c", "published": "p", "pathology": "lc"}  # of the sections, the main ones first
LAST = ("statements", "references")
Piece = tuple[str, str]  # a heading, and what stands below it


@dataclass(frozen=True)
class _Style:
    """How a note sets its headings and lists."""

    heading: str
    mark: str
    between: str

    def section(self, piece: Piece) -> str:
        heading, body = piece
        return self.heading.format(heading, heading.upper()) + body if heading and self.heading else body


HEADED = ((4, "{1}:\n"), (3, "{0}:\n"), (2, "{0}: "), (1, "## {0}\n"), (1, "{1}\n"), (1, ""))


def write_long(story: Story, style: str, facts: Sequence[Piece]) -> str:
    """A long note of a story whose facts are told in pieces, each with a heading that it may stand under."""
    rng = story.rng
    sections.prepare(story)
    how = _Style(choose(HEADED, rng), rng.choice(("- ", "1", "", "* ")), rng.choice(("\n\n", "\n\n", "\n")))
    told = [how.section(piece) for piece in facts]
    length = rng.randint(SHORTEST, LONGEST) - sum(map(len, told))
    filling = _fill_sections(story, LETTERS[style], how, length)
    # What stands at the end of a paper has nothing behind it, in many of them.
    at = len(filling)
    while style == "published" and at > 1 and filling[at - 1][0] in LAST:
        at -= 1
    at = len(filling) if chance(0.6, rng) else at
    parts = [how.section(piece) for _, piece in filling]
    tail = parts[at:]
    if style == "clinic" and chance(0.6, rng):
        parts.insert(0, sections.header(story))
        at += 1
    return how.between.join([*_place_facts(parts[:at], told, rng), *tail])


def _place_facts(parts: Sequence[str], facts: Sequence[str], rng: random.Random) -> list[str]:
    """The facts among the parts: together in a window anywhere in the note, or each for itself."""
    ends = [0, *accumulate(map(len, parts))]
    if chance(0.65, rng):
        width = rng.uniform(0, 0.45)
        start = rng.uniform(0, 1 - width)
        points = sorted(rng.uniform(start, start + width) for _ in facts)
    else:
        points = [rng.random() for _ in facts]
    slots: list[list[str]] = [[] for _ in ends]
    for fact, point in zip(facts, points, strict=True):
        slots[min(range(len(ends)), key=lambda at: abs(ends[at] - point * ends[-1]))].append(fact)
    placed = [*slots[0]]
    for part, behind in zip(parts, slots[1:], strict=True):
        placed += [part, *behind]
    return placed


def _fill_sections(story: Story, letters: str, how: _Style, length: int) -> list[tuple[str, Piece]]:
    """Sections up to a length, in a usual order or mixed."""
    rng = story.rng
    left = {name: most for name, (fits, _, most, _, _) in sections.WRITTEN.items() if set(fits) & set(letters)}
    left |= {name: 1 for name, one in sections.SECTIONS.items() if set(one.fits) & set(letters)}
    found: list[tuple[str, Piece]] = []
    total = 0
    while total < length and any(left.values()):
        name = choose([(_weight(name, letters[0]), name) for name, most in left.items() if most], rng)
        left[name] -= 1
        piece = _section(story, name, how)
        if piece[1]:
            found.append((name, piece))
            total += len(piece[0]) + len(piece[1]) + 4
    rng.shuffle(found)
    if chance(0.75, rng):
        found.sort(key=lambda one: LONG_LISTS["order"].index(one[0]))
    return found


def _weight(name: str, letter: str) -> float:
    if name in sections.WRITTEN:
        fits, weight = sections.WRITTEN[name][:2]
    else:
        fits, weight = sections.SECTIONS[name].fits, sections.SECTIONS[name].w
    return weight if letter in fits else weight / 6


def _section(story: Story, name: str, how: _Style) -> Piece:
    rng = story.rng
    if name in sections.WRITTEN:
        _, _, _, headings, write = sections.WRITTEN[name]
        return rng.choice(headings), write(story)
    section = sections.SECTIONS[name]
    said = sections.sentences_of(story, section)
    if not said:
        return "", ""
    if section.as_ == "prose" or chance(0.15, rng):
        return rng.choice(section.headings), ". ".join(said) + "."
    mark = how.mark if section.as_ == "list" or chance(0.3, rng) else ""
    return rng.choice(section.headings), sections.list_items(story, said, mark)
