"""Biomarkers that immunotherapy is chosen by: PD-L1, mutational burden, microsatellites."""

from __future__ import annotations

import random
from collections.abc import Callable

from data.synthetic.findings import Fact
from data.synthetic.grammar import chance, choose, pick
from data.synthetic.lexicon import markers

PERCENT = (
    (54, "10%"),
    (20, "5%"),
    (5, "1%"),
    (4, "20%"),
    (4, "30%"),
    (4, "60%"),
    (3, "15%"),
    (2, "40%"),
    (3, "<1%"),
    (3, ">50%"),
    (2, "2%"),
    (8, "?"),
)


def _pdl1(rng: random.Random) -> Fact:
    value = choose(PERCENT, rng)
    if value == "?":
        value = f"{rng.choice((3, 4, 8, 12, 25, 35, 45, 50, 55, 65, 70, 75, 80, 85, 90, 95, rng.randint(2, 99)))}%"
    phrase = pick(markers["pdl1"], {"v": value}, rng).replace("~<", "<").replace("~>", ">")
    return Fact(f"PD-L1 {value}", phrase)


def _cps(rng: random.Random) -> Fact:
    value = str(rng.choice((1, 2, 5, 5, 8, 10, 10, 15, 20, 30, 40, 60)))
    return Fact(
        f"PD-L1 CPS {value}",
        pick(
            (
                "PD-L1 CPS {v}",
                "PD-L1 combined positive score {v}",
                "PD-L1 CPS of {v}",
                "PD-L1 CPS returned {v}",
                "PD-L1 combined positive score (CPS) was {v}",
            ),
            {"v": value},
            rng,
        ),
    )


def _tmb(rng: random.Random) -> Fact:
    return Fact(
        "TMB-high",
        pick(
            (
                "TMB-high",
                "TMB-high",
                "TMB-high",
                "high TMB",
                "high tumor mutational burden",
                "high tumor mutational burden (TMB-high)",
                "tumor mutational burden was high",
                "tumor mutational burden reported as TMB-high",
                "tumor mutational burden reported as high",
                "elevated tumor mutational burden (TMB-high)",
                "TMB was high",
                "high tumor mutation burden",
                "a high tumor mutational burden",
                "TMB-high status",
            ),
            {},
            rng,
        ),
    )


def _tmb_number(rng: random.Random) -> Fact:
    value = str(rng.choice((2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 14, 15, 18, 20, 22, 25, 38)))
    return Fact(
        f"TMB {value} mut/Mb",
        pick(
            ("TMB {v} mut/Mb", "TMB of {v} mut/Mb", "tumor mutational burden {v} mut/Mb", "TMB was {v} mut/Mb"),
            {"v": value},
            rng,
        ),
    )


def _tmb_low(rng: random.Random) -> Fact:
    return Fact(
        "TMB-low",
        pick(
            ("TMB-low", "low TMB", "low tumor mutational burden", "TMB was low", "tumor mutational burden was low"),
            {},
            rng,
        ),
    )


def _msih(rng: random.Random) -> Fact:
    return Fact(
        "MSI-H",
        pick(
            (
                "MSI-H",
                "MSI-H",
                "MSI-H",
                "MSI-high",
                "MSI-High",
                "microsatellite instability-high (MSI-H)",
                "high microsatellite instability (MSI-H)",
                "high microsatellite instability",
                "MSI-H by PCR",
                "MSI-H status",
                "dMMR/MSI-H",
                "deficient mismatch repair (MSI-H)",
                "mismatch repair deficient (MSI-H)",
                "MSI-high (MSI-H)",
                "MSI-H (dMMR)",
                "MSI-high by PCR",
                "microsatellite instability high (MSI-H)",
                "MSI-H with loss of MLH1 and PMS2",
            ),
            {},
            rng,
        ),
    )


def _mss(rng: random.Random) -> Fact:
    if chance(0.5, rng):
        return Fact(
            "MSS",
            pick(
                (
                    "MSS",
                    "MSS",
                    "microsatellite stable (MSS)",
                    "microsatellite stable (MSS)",
                    "MSS (microsatellite stable)",
                    "MSS by PCR",
                    "microsatellite-stable (MSS)",
                ),
                {},
                rng,
            ),
        )
    return Fact(
        "MSI-stable",
        pick(
            (
                "MSI-stable",
                "MSI-stable",
                "MSI-stable",
                "microsatellite stable",
                "microsatellite-stable",
                "MSI-stable by PCR",
                "MSI-stable with intact mismatch repair proteins",
                "microsatellite stable by PCR",
            ),
            {},
            rng,
        ),
    )


IMMUNE_MARKERS: dict[str, Callable[[random.Random], Fact]] = {
    "pdl1": _pdl1,
    "cps": _cps,
    "tmb": _tmb,
    "tmbn": _tmb_number,
    "tmblow": _tmb_low,
    "msih": _msih,
    "mss": _mss,
}
