"""Receptors of a breast cancer: oestrogen, progesterone, HER2."""

from __future__ import annotations

import random

from data.synthetic.grammar import chance, expand, weighted

HORMONE = {
    (True, True): (
        (
            30,
            "ER positive; PR positive",
            (
                "ER positive, PR positive",
                "ER positive and PR positive",
                "ER and PR positive",
                "ER-positive, PR-positive",
                "ER-positive and PR-positive",
                "hormone receptor positive (ER and PR positive)",
                "ER/PR positive",
                "ER strongly positive, PR positive",
                "positive for ER and PR",
            ),
        ),
        (20, "ER+; PR+", ("ER+/PR+", "ER+/PR+", "ER+, PR+", "ER+ PR+", "hormone receptor positive (ER+/PR+)")),
        (
            10,
            "ER positive; PR positive",
            (
                "ER {e}% positive, PR {p}% positive",
                "ER positive ({e}%), PR positive ({p}%)",
                "ER {e}%, PR {p}%",
                "ER {e}% and PR {p}%",
                "ER {e}%+, PR {p}%+",
            ),
        ),
    ),
    (True, False): (
        (
            30,
            "ER positive; PR negative",
            (
                "ER positive, PR negative",
                "ER positive and PR negative",
                "ER positive/PR negative",
                "ER-positive, PR-negative",
                "ER-positive/PR-negative",
                "ER+, PR-",
                "ER+/PR-",
                "ER {e}% positive, PR negative",
                "ER positive ({e}%), PR negative",
            ),
        ),
    ),
    (False, False): (
        (
            30,
            "ER negative; PR negative",
            (
                "ER negative, PR negative",
                "ER negative and PR negative",
                "ER and PR negative",
                "ER/PR negative",
                "ER/PR-negative",
                "hormone receptor negative (ER and PR negative)",
                "ER-/PR-",
                "negative for ER and PR",
                "ER/PR negative",
            ),
        ),
        (
            8,
            "ER-negative; PR-negative",
            ("ER-negative, PR-negative", "ER-negative and PR-negative", "ER-negative/PR-negative"),
        ),
    ),
}
HER2_POSITIVE = (
    "HER2 amplified by FISH",
    "HER2 amplified by FISH",
    "HER2 amplification by FISH",
    "HER2 amplification on FISH",
    "HER2 amplification",
    "HER2-amplified by FISH",
    "HER2 FISH amplified",
    "HER2 IHC 3+ with FISH-confirmed amplification",
    "HER2 IHC 3+ with amplification by FISH",
    "HER2 3+ and FISH amplified",
    "HER2 3+ with amplification on FISH",
    "HER2-positive (IHC 3+, FISH amplified)",
    "HER2-positive by FISH (HER2/CEP17 ratio {r})",
    "HER2 amplified on ISH",
    "HER2 amplification (ISH)",
    "HER2 amplified (FISH ratio {r})",
    "HER2 FISH positive for amplification",
    "HER2 IHC 3+ (FISH amplified)",
    "HER2 IHC 3+ / FISH amplified",
    "HER2 gene amplification by FISH",
    "HER2-amplified",
    "HER2 positive by FISH (amplified)",
    "HER2 2+ by IHC with FISH amplification",
    "HER2 amplified",
    "HER2 IHC 3+, in keeping with HER2 amplification",
)
HER2_THREE = ("HER2 3+ by IHC", "HER2 IHC 3+", "HER2 3+ (IHC)", "HER2 3+")
HER2_NEGATIVE = (
    "HER2 negative",
    "HER2 negative",
    "HER2-negative",
    "HER2 IHC 1+ (negative)",
    "HER2 IHC 0",
    "HER2 not amplified",
    "HER2 negative by FISH",
    "HER2 negative (IHC 1+)",
)


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
    status = weighted(((50, (True, True)), (26, (True, False)), (30, (False, False))), rng)
    _, label, texts = weighted([(row[0], row) for row in HORMONE[status]], rng)
    hormone = expand(rng.choice(texts), numbers, rng)
    if chance(0.86, rng) or status == (False, False):
        three = chance(0.06, rng)
        her2 = expand(rng.choice(HER2_THREE if three else HER2_POSITIVE), numbers, rng)
        name = "HER2 3+" if three else "HER2 amplification"
        if chance(0.04, rng):
            return name, [her2]
        return f"{name}; {label}", [hormone, her2] if chance(0.85, rng) else [her2, hormone]
    return f"{label}; HER2 negative", [hormone, rng.choice(HER2_NEGATIVE)]
