"""What a scanner and a text recogniser do to a page: confused and dropped characters, broken words, stray marks."""

from __future__ import annotations

import random

from data.synthetic.grammar import chance

CONFUSED = {
    "l": "1",
    "i": "l",
    "o": "0",
    "e": "c",
    "m": "rn",
    "S": "5",
    "O": "0",
    "I": "l",
    "B": "8",
    "h": "b",
    "f": "t",
}
JUNK = (
    "III IIIIII I II IIIIIIII 1111 11111 III",
    "^ . '-",
    "Criteria  Yes No",
    "c_ i;",
    "L^o,-",
    "p. 1 of 2",
    "Page 2 of 3",
    "HIPAA Discrepancy",
)


def scan(text: str, rng: random.Random) -> str:
    """The page as recognised; from clean to hard to read."""
    if chance(0.35, rng):
        return text
    rate = rng.choice((0.002, 0.004, 0.008, 0.02))
    lines = []
    for line in text.split("\n"):
        # A damaged value could not be told from the note: names keep their letters on most pages.
        lines.append(_damage(line, rate, rng))
        if chance(rate * 6, rng):
            lines.append(rng.choice(JUNK))
    return "\n".join(lines)


def _damage(line: str, rate: float, rng: random.Random) -> str:
    out: list[str] = []
    for at, character in enumerate(line):
        point = rng.random()
        if point > rate or not character.strip():
            out.append(character)
        elif point < rate * 0.45 and character in CONFUSED:
            out.append(CONFUSED[character])
        elif point < rate * 0.6 and at > 0:
            out.append(f"{character} ")
        elif point < rate * 0.75:
            continue
        else:
            out.append(character)
    return "".join(out)


def break_lines(text: str, rng: random.Random) -> str:
    """The text in lines of one width, a word divided here and there."""
    width = rng.randint(60, 96)
    lines, line = [], ""
    for word in text.split(" "):
        if len(line) + len(word) > width:
            if len(word) > 9 and word.isalpha() and chance(0.1, rng):
                cut = len(word) // 2
                lines.append(f"{line}{word[:cut]}-")
                line = f"{word[cut:]} "
                continue
            lines.append(line.rstrip())
            line = ""
        line += word + " "
    return "\n".join([*lines, line.rstrip()])
