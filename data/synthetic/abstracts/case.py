"""One case while it is written: who, what was found, what was done; the sentences and the record together."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from data.synthetic.findings import Fact
from data.synthetic.grammar import chance, expand, pick
from data.synthetic.lexicon.cancers import Cancer


@dataclass
class Case:
    """What is known of one case, and what the record says of it.

    Attributes:
        rng: the note's own random numbers.
        cancer: the tumour type.
        slots: words for templates.
        record: field key to value.
        sites: organs with metastases, in order.
        genes: alterations.
        markers: biomarker phrases that still have to be told.
        treatments: what was given, in order.
        told: what the sentences have told so far.
    """

    rng: random.Random
    cancer: Cancer
    slots: dict[str, str | tuple[str, ...]] = field(default_factory=dict)
    record: dict[str, str | None] = field(default_factory=dict)
    sites: list[str] = field(default_factory=list)
    genes: list[Fact] = field(default_factory=list)
    markers: list[Fact] = field(default_factory=list)
    marker_label: str | None = None
    treatments: list[str] = field(default_factory=list)
    told: set[str] = field(default_factory=set)
    invents: bool = False

    def say(self, template: str) -> str:
        """One text of a template."""
        return expand(template, self.slots, self.rng)

    def pick(self, options: tuple[str, ...]) -> str:
        """One text of one of several templates."""
        return pick(options, self.slots, self.rng)

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return chance(probability, self.rng)


def join_phrases(parts: list[str], rng: random.Random) -> str:
    """Phrases in one: "a", "a and b", "a, b and c"."""
    if len(parts) == 1:
        return parts[0]
    last = rng.choice((" and ", " and ", " and ", " as well as ", " plus ") if len(parts) == 2 else (" and ", ", and "))
    return ", ".join(parts[:-1]) + last + parts[-1]


def capital(text: str) -> str:
    """With a capital at the start, unless the first word is written with one inside (mFOLFOX6)."""
    head = text.split(" ", 1)[0]
    return text if any(c.isupper() for c in head[1:]) else text[:1].upper() + text[1:]
