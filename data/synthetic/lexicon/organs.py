"""Where tumours spread: plain words for the label, and how a note may say it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from data.synthetic.tables import Table

_ORGANS = Table(Path(__file__).with_name("organs.toml"))


@dataclass(frozen=True)
class Site:
    """One organ.

    Attributes:
        label: the plain word of the record.
        adjectives: what stands before "metastases" or "lesions".
        places: what stands after "in" or "to" ("the liver").
        findings: whole noun phrases that only metastases in this organ are called.
        targets: what a response sentence measures ("liver lesions").
    """

    label: str
    adjectives: tuple[str, ...]
    places: tuple[str, ...]
    findings: tuple[str, ...]
    targets: tuple[str, ...]


@cache
def sites() -> dict[str, Site]:
    """The organs of organs.toml, by their labels."""
    return {row["label"]: Site(**row) for row in _ORGANS.rows("site")}


def rare_organs() -> tuple[str, ...]:
    """Labels of those that tumours seldom spread to."""
    return _ORGANS["rare"]
