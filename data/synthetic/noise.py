"""What typing does to a note: abbreviations, odd hyphens, slips. Names and values are left as they are."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

from data.synthetic.grammar import chance

if TYPE_CHECKING:
    from data.synthetic.abstracts.case import Case

ABBREVIATIONS = (
    (" with ", " w/ "),
    (" without ", " w/o "),
    ("status post", "s/p"),
    ("Patient ", "Pt "),
    ("patient ", "pt "),
    (" treatment", " tx"),
    (" history", " hx"),
    (" months", " mo"),
    (" weeks", " wks"),
    ("metastases", "mets"),
    ("diagnosed", "dx'd"),
    (" cycles", " cyc"),
    ("follow-up", "f/u"),
    ("Follow-up", "F/u"),
    ("year-old", "yo"),
)
BRITISH = (
    ("tumor", "tumour"),
    ("Tumor", "Tumour"),
    ("anemia", "anaemia"),
    ("hematuria", "haematuria"),
    ("esophag", "oesophag"),
    ("leukemia", "leukaemia"),
    ("edema", "oedema"),
)


def blur(text: str, case: Case, rng: random.Random) -> str:
    """The note with the habits of who typed it."""
    protected = [value for value in case.record.values() if value]
    if chance(0.05, rng):
        for plain, short in ABBREVIATIONS:
            if chance(0.5, rng):
                text = text.replace(plain, short)
    if chance(0.02, rng):
        for american, british in BRITISH:
            if not any(american in value for value in protected):
                text = text.replace(american, british)
    if chance(0.03, rng):
        text = (
            re.sub(r"(?<=[A-Za-z])-(?=[a-z])", "\u2011", text) if chance(0.5, rng) else text.replace(" - ", " \u2013 ")
        )
    if chance(0.015, rng):
        text = (
            text.lower()
            if chance(0.5, rng) and not any(value.lower() != value for value in protected)
            else text.replace(". ", ".  ")
        )
    if chance(0.04, rng):
        text = _slip(text, protected, rng)
    return text


def _slip(text: str, protected: list[str], rng: random.Random) -> str:
    words = text.split(" ")
    kept = {word.lower() for value in protected for word in re.findall(r"\w+", value)}
    for _ in range(rng.choice((1, 1, 2))):
        at = rng.randrange(len(words))
        word = words[at]
        bare = word.strip(".,;:()").lower()
        if len(bare) < 6 or not bare.isalpha() or bare in kept or word != word.lower():
            continue
        cut = rng.randrange(1, len(bare) - 2)
        words[at] = (
            word[:cut] + word[cut + 1] + word[cut] + word[cut + 2 :]
            if rng.random() < 0.6
            else word[:cut] + word[cut + 1 :]
        )
    return " ".join(words)
