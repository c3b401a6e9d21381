"""Notes that are not of the usual shape: long ones in paragraphs, and telegrams."""

from __future__ import annotations

import random
import re

from data.synthetic.abstracts.case import Case, capital
from data.synthetic.grammar import chance
from data.synthetic.phrases import letter


def long_note(case: Case, core: str) -> str:
    """The note between what a full clinic letter also holds: history, medicines, examination, laboratory, plan."""
    rng = case.rng
    before = [name for name in letter["before"] if chance(0.5, rng)]
    after = [name for name in letter["after"] if chance(0.62, rng)] or ["Plan"]
    if chance(0.3, rng):
        before, after = [], rng.sample(before + after, len(before) + len(after))
    headed = chance(0.75, rng)
    title = rng.choice(letter["core"])
    middle = [f"{title}: {core}" if title and headed else core]
    paragraphs = (
        [_section(case, name, headed=headed) for name in before]
        + middle
        + [_section(case, name, headed=headed) for name in after]
    )
    return rng.choice(("\n\n", "\n\n", "\n", " ")).join(paragraphs)


def _section(case: Case, name: str, *, headed: bool) -> str:
    rng = case.rng
    options = letter.group("sections")[name]
    chosen = rng.sample(options, rng.randint(2, min(5, len(options))))
    text = ". ".join(capital(case.say(option)) for option in chosen) + "."
    return f"{rng.choice((name, name, name.upper()))}: {text}" if headed else text


DROPPED = re.compile(
    r"\b(?:the|a|an|was|were|is|are|has been|have been|had been|has|had|He|She|Patient|The patient|patient|Pt|then|subsequently|and was)\s",
    re.ASCII,
)


def telegram(text: str, rng: random.Random) -> str:
    """The note as it is jotted down: articles, verbs and subjects left out, words cut short."""
    text = DROPPED.sub(lambda match: "" if rng.random() < 0.85 else match.group(0), text)
    for plain, short in letter.words("curt").items():
        if rng.random() < 0.5:
            text = text.replace(plain, short)
    return text.replace(". ", rng.choice((". ", "; ", ", ", " / ", "\n")))
