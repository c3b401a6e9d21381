"""A patient with a tumour: who it is, and what is drawn before anything is told."""

from __future__ import annotations

import random

from data.synthetic.abstracts.case import Case
from data.synthetic.findings import Fact
from data.synthetic.findings.biomarkers import marker_fact
from data.synthetic.findings.genes import brca_fact, gene_fact
from data.synthetic.findings.receptors import breast_facts
from data.synthetic.grammar import chance, choose, expand
from data.synthetic.lexicon.cancers import Cancer
from data.synthetic.lexicon.organs import rare_organs
from data.synthetic.phrases import asides, patient


def new_case(cancer: Cancer, rng: random.Random) -> Case:
    """A patient with this tumour; genes, markers and organs drawn, nothing told yet."""
    case = Case(rng, cancer)
    sex = cancer.sex if cancer.sex != "b" else rng.choice("mmf" if cancer.key in ("lung", "crc", "melanoma") else "mf")
    low, high = cancer.ages
    age = str(min(high, max(low, round(rng.triangular(low, high, (low + high) / 2)))))
    male = sex == "m"
    noun = rng.choice(
        ("male", "man", "man", "male", "gentleman") if male else ("female", "woman", "woman", "female", "lady")
    )
    case.slots = _slots(age, noun, male, rng)
    case.slots["n_c"] = str(case.slots["n"]).capitalize()
    for key, source in (("symptom", cancer.symptoms), ("mass", cancer.masses)):
        case.slots[key] = expand(rng.choice(source), case.slots, rng)
    _, label, texts = choose([(row[0], row) for row in cancer.names], rng)
    case.slots["dx"] = expand(rng.choice(texts), case.slots, rng)
    case.record["cancer_type"] = label
    case.invents = chance(0.16, rng)
    _draw_genes(case)
    _draw_markers(case)
    _draw_sites(case)
    return case


def _subject(male: bool, rng: random.Random) -> tuple[str, ...]:
    """What sentences about the patient begin with."""
    pronoun = "He" if male else "She"
    subject = (*(pronoun,) * 7, "Patient", "The patient", "Pt")
    return rng.choice((subject, subject, (pronoun,), ("Patient", "The patient"))) if chance(0.9, rng) else ("Patient",)


def _slots(age: str, noun: str, male: bool, rng: random.Random) -> dict[str, str | tuple[str, ...]]:
    """Words for templates: the patient, and numbers and dates that a sentence may need."""
    subject = _subject(male, rng)
    return {
        "age": age,
        "noun": noun,
        "S": subject,
        "s": "he" if male else "she",
        "who": _name_patient(age, noun, male, rng),
        "has": patient["has"],
        "side": rng.choice(("left", "right")),
        "limb": rng.choice(patient["limbs"]),
        "cm": f"{rng.randint(8, 68) / 10}",
        "kg": str(rng.randint(4, 14)),
        "month": rng.choice(patient["months"]),
        "year": str(rng.randint(2017, 2025)),
        "d": str(rng.choice((2, 3, 4, 4, 6, 6, 6, 8, 12)))
        if chance(0.6, rng)
        else rng.choice(("three", "four", "six", "two", "eight", "several")),
        "dn": str(rng.choice((2, 3, 4, 6, 6, 8, 12))),
        "n": str(rng.choice((3, 4, 5, 6, 6, 7, 8, 9, 10, 12, 12, 14, 18))),
        "wk": str(rng.choice((6, 8, 8, 8, 8, 9, 10, 12, 12))),
        "day": str(rng.randint(1, 28)),
        "low": f"0.{rng.randint(2, 9)}",
        "psa": str(rng.choice((12, 18, 34, 46, 78, 120, 160, 240))),
        "vertebra": rng.choice(patient["vertebrae"]),
        "ecog": rng.choice(("0", "1", "1", "2")),
        "py": str(rng.choice((10, 15, 20, 30, 40, 45))),
        "hb": f"{rng.randint(80, 148) / 10}",
        "g12": rng.choice("12"),
        "age2": str(rng.randint(38, 82)),
        "relative": asides["relatives"],
    }


def _name_patient(age: str, noun: str, male: bool, rng: random.Random) -> str:
    initial, title = rng.choice("ABCDEFGHJKLMNPRSTW"), "Mr." if male else "Ms."
    letter = "M" if male else "F"
    features = patient.group("features")["man" if male else "woman"]
    described = f"{rng.choice(features)} {noun}"
    forms: tuple[tuple[float, tuple[str, ...]], ...] = (
        (38, (f"{age}-year-old {described}",)),
        (32, (f"{age}-year-old {noun}",)),
        (6, (f"{age}-year-old",)),
        (
            8,
            (
                f"A {age}-year-old {noun}",
                f"This {age}-year-old {noun}",
                f"{age} year old {noun}",
                f"{age}yo {noun}",
                f"{age} y/o {noun}",
                f"{age}{letter}",
                f"{age}-year-old {letter}",
            ),
        ),
        (8, ("Patient",)),
        (
            5,
            (
                f"Patient is a {age}-year-old {noun}",
                f"The patient is a {age}-year-old {described}",
                f"Pt is a {age}yo {noun}",
                f"This is a {age}-year-old {noun}",
            ),
        ),
        (
            5,
            (
                f"{noun.capitalize()} aged {age}",
                f"{title} {initial}., {age},",
                f"{title} {initial} is a {age}-year-old {noun}",
            ),
        ),
    )
    return rng.choice(choose(forms, rng))


def _draw_genes(case: Case) -> None:
    cancer, rng = case.cancer, case.rng
    label = choose(cancer.genes, rng)
    if case.invents and chance(0.35, rng):
        label = "?"
    elif chance(0.07, rng):
        label = "*"
    if label == "brca":
        case.genes = [brca_fact({"ovary": 0.86, "breast": 0.6}.get(cancer.key, 0.12), rng)]
    elif label:
        case.genes = [gene_fact(label, rng)]
    if case.genes and cancer.partners and chance(0.09 if cancer.key != "lung" else 0.13, rng):
        second = rng.choice(cancer.partners)
        # A second change of EGFR is found beside a first one only; of any other gene never.
        if (second.split()[0] == label.split()[0]) == second.startswith("EGFR"):
            fact = gene_fact(second, rng)
            if second == "EGFR T790M" and chance(0.6, rng):
                fact = Fact(
                    second,
                    rng.choice(
                        (
                            "T790M",
                            "acquired T790M",
                            "T790M resistance mutation",
                            "the T790M resistance mutation",
                            "an acquired T790M mutation",
                            "T790M on re-biopsy",
                        )
                    ),
                )
            case.genes.append(fact)
    if case.genes and chance(0.015, rng):
        case.genes.append(gene_fact("*", rng))
    names = list(dict.fromkeys(gene.label for gene in case.genes))
    case.genes = case.genes[: len(names)]
    case.record["gene_mutation"] = "; ".join(names) or None


def _draw_markers(case: Case) -> None:
    cancer, rng = case.cancer, case.rng
    specification = choose(cancer.markers, rng)
    if specification == "breast":
        case.marker_label, phrases = breast_facts(rng)
        case.markers = [Fact("", phrase) for phrase in phrases]
    else:
        case.markers = [marker_fact(spec, rng) for spec in specification.split(",") if spec]
        case.marker_label = "; ".join(marker.label for marker in case.markers) or None
    if case.invents and chance(0.25, rng):
        extra = marker_fact("?", rng)
        case.markers.append(extra)
        case.marker_label = f"{case.marker_label}; {extra.label}" if case.marker_label else extra.label
    case.record["biomarker"] = case.marker_label


def _draw_sites(case: Case) -> None:
    rare = rare_organs()
    sites = [site for site in choose(case.cancer.sites, case.rng).split("+") if site]
    case.sites = [case.rng.choice(rare) if site == "rare" else site for site in sites]
    if case.sites and chance(0.02, case.rng):
        extra = case.rng.choice(rare)
        if extra not in case.sites:
            case.sites.append(extra)
