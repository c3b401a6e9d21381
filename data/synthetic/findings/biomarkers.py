"""Biomarkers by their specification in the table of cancers."""

from __future__ import annotations

import random
from collections.abc import Callable

from data.synthetic.findings import Fact
from data.synthetic.findings.immune import IMMUNE_MARKERS
from data.synthetic.grammar import chance, pick
from data.synthetic.invented import invented_marker
from data.synthetic.lexicon import markers


def _number(name: str, unit: str, low: int, high: int, texts: tuple[str, ...] = ()) -> Callable[[random.Random], Fact]:
    def fact(rng: random.Random) -> Fact:
        exact = low + int((high - low) * rng.random() ** 2)
        value = exact if exact < 30 else round(exact, -1)
        shown = f"{value:,}" if chance(0.4, rng) else str(value)
        text = rng.choice(texts or markers.group("wording")["number"])
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
                    markers.group("wording")["elevated"],
                    {"n": name, "v": value},
                    rng,
                )
                .strip()
                .replace("  ", " "),
            )
        return _number(name, unit, low, high)(rng)

    return fact


def _stated_fact(*pairs: tuple[str, tuple[str, ...]]) -> Callable[[random.Random], Fact]:
    def fact(rng: random.Random) -> Fact:
        label, texts = rng.choice(pairs)
        return Fact(label, rng.choice(texts))

    return fact


def _percent(name: str, texts: tuple[str, ...]) -> Callable[[random.Random], Fact]:
    def fact(rng: random.Random) -> Fact:
        value = f"{rng.choice((3, 5, 8, 10, 12, 15, 18, 20, 25, 30, 35, 40, 60, 70, 80, 90))}%"
        return Fact(f"{name} {value}", rng.choice(texts).replace("{v}", value))

    return fact


def _positive_fact(name: str) -> Callable[[random.Random], Fact]:
    return _stated_fact(
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


def marker_fact(spec: str, rng: random.Random) -> Fact:
    """A biomarker by its specification, "?" for an invented one."""
    if spec == "?":
        return invented_fact(rng)
    if spec in IMMUNE_MARKERS:
        return IMMUNE_MARKERS[spec](rng)
    row = dict(markers.content["marker"][spec])
    if row["kind"] == "stated":
        said = [(one["label"], one["texts"]) for one in row["says"] for _ in range(one.get("times", 1))]
        return _stated_fact(*said)(rng)
    return _KINDS[row.pop("kind")](**row)(rng)


_KINDS: dict[str, Callable[..., Callable[[random.Random], Fact]]] = {
    "number": _number,
    "serum": _serum,
    "percent": _percent,
    "positive": _positive_fact,
}


def invented_fact(rng: random.Random) -> Fact:
    """A biomarker that does not exist, with a value."""
    name = invented_marker(rng)
    kind = rng.random()
    if kind < 0.3:
        return _positive_fact(name)(rng)
    if kind < 0.55:
        return _percent(
            name, (f"{name} {{v}}", f"{name} {{v}} by IHC", f"{name} expression was {{v}}", f"{name} staining {{v}}")
        )(rng)
    if kind < 0.8:
        return _number(name, rng.choice(("ng/mL", "U/mL", "pg/mL", "U/L")), 5, 900)(rng)
    return _stated_fact(
        (f"{name} high", (f"{name} high", f"high {name} expression", f"{name} was high")),
        (f"{name} elevated", (f"{name} elevated", f"elevated {name}", f"{name} was elevated")),
    )(rng)
