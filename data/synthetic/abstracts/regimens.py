"""A regimen: its label, and how the note writes its drugs."""

from __future__ import annotations

import random

from data.synthetic.abstracts.case import Case
from data.synthetic.grammar import chance
from data.synthetic.invented import invented_drug
from data.synthetic.lexicon.drugs import BRANDS, DOSES, FRAMES, JOIN2, JOIN3, JOIN4


def regimen(case: Case, code: str, *, plain: bool = False) -> tuple[str, str]:
    """A regimen's label and how the note writes it; `code` joins partners by "+"."""
    rng = case.rng
    drugs = code.split("+")
    if case.invents and chance(0.5, rng):
        drugs[rng.randrange(len(drugs))] = invented_drug(rng)
    label = drugs[0] if len(drugs) == 1 else ", ".join(drugs[:-1]) + " and " + drugs[-1]
    written = [drug if plain else _written(drug, rng, len(drugs)) for drug in drugs]
    text = written[0] if len(drugs) == 1 else _partnered(written, rng)
    if not plain and chance(0.24 if code in FRAMES else 0.07, rng):
        frame = rng.choice(
            FRAMES["her2" if "trastuzumab" in drugs and len(drugs) > 1 else code if code in FRAMES else "other"]
        )
        if (
            not (frame.startswith("combination") and text.startswith(("the combination", "combination")))
            and " mg" not in text
        ):
            text = frame.replace("{r}", text)
    return label, text


def _partnered(written: list[str], rng: random.Random) -> str:
    templates = {2: JOIN2, 3: JOIN3, 4: JOIN4}[len(written)]
    return rng.choice(templates).format(**dict(zip("abcd", written, strict=False)))


def _written(drug: str, rng: random.Random, n: int) -> str:
    if drug in DOSES and chance(0.75 if drug == "osimertinib" else 0.12 / n, rng):
        return drug + rng.choice(DOSES[drug])
    if drug in BRANDS and chance(0.03, rng):
        return f"{drug} ({BRANDS[drug]})" if chance(0.6, rng) else f"{BRANDS[drug]} ({drug})"
    if drug in ("FOLFOX", "FOLFIRI") and chance(0.04, rng):
        return drug + {"FOLFOX": " (5-FU/leucovorin/oxaliplatin)", "FOLFIRI": " (5-FU, leucovorin, irinotecan)"}[drug]
    if drug == "docetaxel" and n == 1 and chance(0.2, rng):
        return "docetaxel chemotherapy"
    return drug
