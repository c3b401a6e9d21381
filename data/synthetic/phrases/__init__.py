"""What a note says, as templates of the grammar, by subject; the texts are in TOML beside this."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from data.synthetic.tables import Table

HERE = Path(__file__).parent
asides = Table(HERE / "asides.toml")
letter = Table(HERE / "letter.toml")
molecular = Table(HERE / "molecular.toml")
opening = Table(HERE / "opening.toml")
patient = Table(HERE / "patient.toml")
response = Table(HERE / "response.toml")
treatment = Table(HERE / "treatment.toml")


@dataclass(frozen=True)
class Opening:
    """A first sentence.

    Attributes:
        weight: how often it is drawn, beside the others of its kind.
        text: a template.
        tells: what need not be told after it: "gene", "sites", "stage", "tnm", "operation".
    """

    weight: float
    text: str
    tells: frozenset[str] = frozenset()


@cache
def openings(kind: str) -> tuple[Opening, ...]:
    """The first sentences of a kind of note, for example "metastatic"; see opening.toml."""
    rows = opening.rows(kind)
    return tuple(Opening(row["weight"], row["text"], frozenset(row.get("tells", ()))) for row in rows)
