"""Biomarkers by their specification in the table of cancers."""

from __future__ import annotations

import random
from collections.abc import Callable

from data.synthetic.findings import Fact
from data.synthetic.findings.immune import IMMUNE_MARKERS
from data.synthetic.grammar import chance, pick
from data.synthetic.invented import invented_marker


def _number(name: str, unit: str, low: int, high: int, texts: tuple[str, ...] = ()) -> Callable[[random.Random], Fact]:
    def fact(rng: random.Random) -> Fact:
        exact = low + int((high - low) * rng.random() ** 2)
        value = exact if exact < 30 else round(exact, -1)
        shown = f"{value:,}" if chance(0.4, rng) else str(value)
        text = rng.choice(
            texts
            or (
                "{n} {v} {u}",
                "{n} was {v} {u}",
                "{n} of {v} {u}",
                "baseline {n} was {v} {u}",
                "baseline {n} {v} {u}",
                "serum {n} was {v} {u}",
                "{n} at presentation was {v} {u}",
                "initial {n} {v} {u}",
                "{n} at diagnosis was {v} {u}",
                "pretreatment {n} {v} {u}",
            )
        )
        return Fact(f"{name} {value} {unit}", text.replace("{n}", name).replace("{v}", shown).replace("{u}", unit))

    return fact


def _serum(names: tuple[str, ...], unit: str, low: int, high: int, elevated: float) -> Callable[[random.Random], Fact]:
    def fact(rng: random.Random) -> Fact:
        name = rng.choice(names)
        if chance(elevated, rng):
            exact = rng.randint(low, high)
            value = f"{round(exact, -1):,} {unit}"
            return Fact(
                f"{name} elevated",
                pick(
                    (
                        "{n} [was|] [markedly |significantly |] elevated [at diagnosis|at presentation|pre-operatively|at baseline|]",
                        "elevated {n}",
                        "[markedly|] elevated {n} at [diagnosis|presentation]",
                        "{n} [was|] elevated at {v}",
                        "{n} [was|] markedly elevated ({v})",
                        "a [markedly|] elevated {n}",
                        "{n} elevated",
                        "pre-treatment {n} elevated",
                        "baseline {n} was [markedly|] elevated",
                        "{n} initially elevated",
                    ),
                    {"n": name, "v": value},
                    rng,
                )
                .strip()
                .replace("  ", " "),
            )
        return _number(name, unit, low, high)(rng)

    return fact


def _stated(*pairs: tuple[str, tuple[str, ...]]) -> Callable[[random.Random], Fact]:
    def fact(rng: random.Random) -> Fact:
        label, texts = rng.choice(pairs)
        return Fact(label, rng.choice(texts))

    return fact


def _percent(name: str, texts: tuple[str, ...]) -> Callable[[random.Random], Fact]:
    def fact(rng: random.Random) -> Fact:
        value = f"{rng.choice((3, 5, 8, 10, 12, 15, 18, 20, 25, 30, 35, 40, 60, 70, 80, 90))}%"
        return Fact(f"{name} {value}", rng.choice(texts).replace("{v}", value))

    return fact


def _positive(name: str) -> Callable[[random.Random], Fact]:
    return _stated(
        (
            f"{name} positive",
            (
                f"{name} positive",
                f"{name} positive by IHC",
                f"positive for {name} by IHC",
                f"{name} was positive",
                f"{name} expression was positive",
            ),
        )
    )


HRD_POSITIVE = (
    "HRD-positive",
    (
        "HRD-positive",
        "HRD-positive",
        "HRD-positive on myChoice",
        "HRD-positive status",
        "homologous recombination deficient (HRD-positive)",
        "homologous recombination deficiency (HRD-positive)",
    ),
)
MARKERS: dict[str, Callable[[random.Random], Fact]] = {
    **IMMUNE_MARKERS,
    "cea": _serum(("CEA",), "ng/mL", 8, 400, 0.3),
    "ca199": _serum(("CA19-9", "CA 19-9", "CA19-9"), "U/mL", 80, 15000, 0.72),
    "ca125": _serum(("CA-125",) * 8 + ("CA 125",), "U/mL", 90, 2400, 0.72),
    "psa": _number(
        "PSA",
        "ng/mL",
        6,
        900,
        (
            "baseline PSA was {v} {u}",
            "baseline PSA {v} {u}",
            "PSA at diagnosis was {v} {u}",
            "PSA {v} {u}",
            "PSA was {v} {u}",
            "initial PSA was {v} {u}",
            "PSA of {v} {u}",
            "PSA at presentation was {v} {u}",
            "pretreatment PSA was {v} {u}",
            "presenting PSA {v} {u}",
            "PSA measured {v} {u}",
        ),
    ),
    "afp": _serum(("AFP", "alpha-fetoprotein"), "ng/mL", 40, 20000, 0.5),
    "ldh": _serum(("LDH",), "U/L", 260, 1400, 0.7),
    "cga": _serum(("chromogranin A",), "ng/mL", 200, 4000, 0.6),
    "alp": _serum(("alkaline phosphatase",), "U/L", 180, 900, 0.7),
    "calcitonin": _serum(("calcitonin",), "pg/mL", 100, 4000, 0.5),
    "b2m": _number("beta-2 microglobulin", "mg/L", 2, 12),
    "hrd": _stated(
        *(HRD_POSITIVE,) * 3,
        ("HRD positive", ("HRD positive", "HRD positive by tumor assay", "HRD positive on the tumor assay")),
    ),
    "mgmt": _stated(
        (
            "MGMT promoter methylation",
            (
                "MGMT promoter methylation present",
                "MGMT promoter methylation was detected",
                "MGMT promoter methylation",
            ),
        ),
        (
            "MGMT promoter methylation positive",
            (
                "MGMT promoter methylation positive",
                "positive for MGMT promoter methylation",
                "MGMT promoter methylation was positive",
            ),
        ),
        (
            "MGMT promoter methylated",
            ("MGMT promoter methylated", "MGMT promoter was methylated", "methylated MGMT promoter"),
        ),
        (
            "MGMT promoter unmethylated",
            ("MGMT promoter unmethylated", "MGMT promoter was unmethylated", "unmethylated MGMT promoter"),
        ),
    ),
    "ki67": _percent(
        "Ki-67", ("Ki-67 {v}", "Ki-67 index {v}", "Ki-67 of {v}", "Ki-67 proliferation index was {v}", "Ki67 {v}")
    ),
    "p16": _stated(
        (
            "p16 positive",
            ("p16 positive", "p16 positive by IHC", "p16+ by IHC", "strong p16 positivity", "p16-positive"),
        )
    ),
    "hpv": _stated(("HPV positive", ("HPV positive", "HPV-positive", "positive for high-risk HPV"))),
    "ebv": _positive("EBV"),
    "cldn": _positive("CLDN18.2"),
    "dll3": _stated(("DLL3 high", ("DLL3 high", "high DLL3 expression", "DLL3 expression was high"))),
    "mesothelin": _positive("mesothelin"),
    "dog1": _positive("DOG1"),
    "mcpyv": _positive("MCPyV"),
    "cd99": _positive("CD99"),
    "nyeso": _positive("NY-ESO-1"),
    "cd20": _positive("CD20"),
    "cd30": _positive("CD30"),
    "cd33": _positive("CD33"),
    "cd19": _positive("CD19"),
    "ar": _positive("AR"),
    "codel": _stated(("1p/19q codeletion", ("1p/19q codeletion", "1p/19q codeleted", "codeletion of 1p and 19q"))),
    "ighv": _stated(
        ("IGHV unmutated", ("IGHV unmutated", "unmutated IGHV")), ("IGHV mutated", ("IGHV mutated", "mutated IGHV"))
    ),
    "ck7": _stated(
        (
            "CK7 positive; CK20 negative",
            ("CK7 positive, CK20 negative", "CK7+/CK20-", "positive CK7 with negative CK20"),
        )
    ),
    "er": _stated(("ER positive; PR positive", ("ER positive, PR positive", "ER and PR positive"))),
    "her2": _stated(
        (
            "HER2 amplification",
            (
                "HER2 amplification by FISH",
                "HER2 IHC 3+ with FISH amplification",
                "HER2 amplified by FISH",
                "HER2 IHC 3+ / FISH positive",
            ),
        ),
        ("HER2 3+", ("HER2 IHC 3+", "HER2 3+ by IHC")),
        ("HER2 negative", ("HER2 negative", "HER2 IHC 1+ (negative)")),
    ),
}


def marker_fact(spec: str, rng: random.Random) -> Fact:
    """A biomarker by its specification, "?" for an invented one."""
    return invented_fact(rng) if spec == "?" else MARKERS[spec](rng)


def invented_fact(rng: random.Random) -> Fact:
    """A biomarker that does not exist, with a value."""
    name = invented_marker(rng)
    kind = rng.random()
    if kind < 0.3:
        return _positive(name)(rng)
    if kind < 0.55:
        return _percent(
            name, (f"{name} {{v}}", f"{name} {{v}} by IHC", f"{name} expression was {{v}}", f"{name} staining {{v}}")
        )(rng)
    if kind < 0.8:
        return _number(name, rng.choice(("ng/mL", "U/mL", "pg/mL", "U/L")), 5, 900)(rng)
    return _stated(
        (f"{name} high", (f"{name} high", f"high {name} expression", f"{name} was high")),
        (f"{name} elevated", (f"{name} elevated", f"elevated {name}", f"{name} was elevated")),
    )(rng)
