"""Cancers: what is told of each kind; the kinds themselves are in cancers.toml."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from data.synthetic.tables import Table


@dataclass(frozen=True)
class Cancer:
    """One tumour type.

    Attributes:
        weight: its share of the notes.
        names: (weight, label, texts): the label follows from what the note says.
        sex: "m", "f" or "b".
        ages: youngest and oldest usual age.
        settings: course of disease and its weight.
        symptoms: what brings the patient in.
        masses: how the primary is seen.
        genes: (weight, label) of alterations; "" is none.
        partners: second alterations.
        markers: (weight, marker specification).
        first, second: regimens, partners joined by "+".
        adjuvant: regimens around an operation.
        surgery: (label, texts).
        sites: (weight, organs joined by "+").
        staging: which staging words fit ("tnm", "figo", "who", "gleason", "breslow", "none").
        local: definitive local treatments as (label, texts).
    """

    key: str
    weight: float
    names: tuple[tuple[float, str, tuple[str, ...]], ...]
    sex: str = "b"
    ages: tuple[int, int] = (38, 80)
    settings: tuple[tuple[float, str], ...] = ((6, "metastatic"), (2, "adjuvant"), (1, "surgery"))
    symptoms: tuple[str, ...] = ("weight loss and fatigue",)
    masses: tuple[str, ...] = ("mass",)
    genes: tuple[tuple[float, str], ...] = ((1, ""),)
    partners: tuple[str, ...] = ()
    markers: tuple[tuple[float, str], ...] = ((6, ""), (2, "pdl1"), (0.6, "tmb"), (0.4, "mss"))
    first: tuple[tuple[float, str], ...] = ((1, "pembrolizumab"),)
    second: tuple[tuple[float, str], ...] = ((1, "nivolumab"),)
    adjuvant: tuple[tuple[float, str], ...] = ()
    surgery: tuple[tuple[str, tuple[str, ...]], ...] = ()
    sites: tuple[tuple[float, str], ...] = ((3, "liver"), (3, "lung"), (2, "bone"), (1, "liver+lung"))
    staging: str = "tnm"
    local: tuple[tuple[str, tuple[str, ...]], ...] = ()


@cache
def cancers() -> tuple[Cancer, ...]:
    """The tumour types of cancers.toml."""
    return tuple(Cancer(**row) for row in Table(Path(__file__).with_name("cancers.toml")).rows("cancer"))
