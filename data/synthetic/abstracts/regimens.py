"""A regimen: its label, and how the note writes its drugs."""

from __future__ import annotations

import random

from data.synthetic.abstracts.case import Case
from data.synthetic.grammar import chance
from data.synthetic.invented import invented_drug
from data.synthetic.lexicon import drugs as written_as


def regimen(case: Case, code: str, *, plain: bool = False) -> tuple[str, str]:
    """A regimen's label and how the note writes it; `code` joins partners by "+"."""
    rng = case.rng
    drugs = code.split("+")
    if case.invents and chance(0.5, rng):
        drugs[rng.randrange(len(drugs))] = invented_drug(rng)
    label = drugs[0] if len(drugs) == 1 else ", ".join(drugs[:-1]) + " and " + drugs[-1]
    frames = written_as.group("frames")
    written = [drug if plain else _write_drug(drug, rng, len(drugs)) for drug in drugs]
    text = written[0] if len(drugs) == 1 else _join_partners(written, rng)
    if not plain and chance(0.24 if code in frames else 0.07, rng):
        frame = rng.choice(
            frames["her2" if "trastuzumab" in drugs and len(drugs) > 1 else code if code in frames else "other"]
        )
        if (
            not (frame.startswith("combination") and text.startswith(("the combination", "combination")))
            and " mg" not in text
        ):
            text = frame.replace("{r}", text)
    return label, text


def _join_partners(written: list[str], rng: random.Random) -> str:
    return rng.choice(written_as.group("join")[str(len(written))]).format(**dict(zip("abcd", written, strict=False)))


def _write_drug(drug: str, rng: random.Random, n: int) -> str:
    doses, brands = written_as.group("doses"), written_as.words("brands")
    if drug in doses and chance(0.75 if drug == "osimertinib" else 0.12 / n, rng):
        return drug + rng.choice(doses[drug])
    if drug in brands and chance(0.03, rng):
        return f"{drug} ({brands[drug]})" if chance(0.6, rng) else f"{brands[drug]} ({drug})"
    if drug in ("FOLFOX", "FOLFIRI") and chance(0.04, rng):
        return drug + {"FOLFOX": " (5-FU/leucovorin/oxaliplatin)", "FOLFIRI": " (5-FU, leucovorin, irinotecan)"}[drug]
    if drug == "docetaxel" and n == 1 and chance(0.2, rng):
        return "docetaxel chemotherapy"
    return drug
