"""Receptors of a breast cancer: oestrogen, progesterone, HER2."""

from __future__ import annotations

import random

from data.synthetic.grammar import chance, choose, expand
from data.synthetic.lexicon import receptors


def breast_facts(rng: random.Random) -> tuple[str, list[str]]:
    """Receptors of a breast cancer: the label, and the phrases in the order of the note."""
    numbers = {
        "e": str(rng.choice((15, 20, 40, 60, 70, 75, 80, 85, 90, 95))),
        "p": str(rng.choice((5, 10, 15, 20, 30, 40, 50, 60))),
        "r": f"{rng.randint(22, 90) / 10}",
    }
    if chance(0.02, rng):
        return "ER negative; PR negative; HER2 negative", [
            rng.choice(
                (
                    "triple-negative (ER/PR/HER2 negative)",
                    "triple-negative disease",
                    "ER, PR and HER2 negative",
                    "ER negative, PR negative, HER2 negative",
                )
            )
        ]
    status = choose(((50, "both"), (26, "oestrogen"), (30, "neither")), rng)
    row = choose([(row["weight"], row) for row in receptors.content["hormone"][status]], rng)
    label, hormone = row["label"], expand(rng.choice(row["texts"]), numbers, rng)
    if chance(0.86, rng) or status == "neither":
        three = chance(0.06, rng)
        her2 = expand(rng.choice(receptors["her2_three" if three else "her2_positive"]), numbers, rng)
        name = "HER2 3+" if three else "HER2 amplification"
        if chance(0.04, rng):
            return name, [her2]
        return f"{name}; {label}", [hormone, her2] if chance(0.85, rng) else [her2, hormone]
    return f"{label}; HER2 negative", [hormone, rng.choice(receptors["her2_negative"])]
