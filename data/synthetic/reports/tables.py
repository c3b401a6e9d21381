"""The tables of reports: tumours, organs, serum markers, phrases and words, read once from the TOML files beside this one."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "lists"
# A name that the note writes short, and what the record calls it.
SYNONYMS = {
    "HCC": "hepatocellular carcinoma",
    "hepatocellular carcinoma (HCC)": "hepatocellular carcinoma",
    "GIST": "gastrointestinal stromal tumor",
    "gastric GIST": "gastric gastrointestinal stromal tumor",
    "gastrointestinal stromal tumor (GIST)": "gastrointestinal stromal tumor",
    "RCC": "renal cell carcinoma",
    "AML": "acute myeloid leukemia",
    "CLL": "chronic lymphocytic leukemia",
    "metastatic adenocarcinoma of unknown primary": "adenocarcinoma of unknown primary",
    "metastatic carcinoma of unknown origin": "carcinoma of unknown origin",
    "extensive-stage small cell lung cancer": "small cell lung cancer",
}


@dataclass(frozen=True)
class Tumour:
    """One group of tumours: how the note names them, where they are, what is done and found; see solid.toml."""

    w: float
    names: tuple[str, ...]
    at: tuple[str, ...]
    sy: tuple[str, ...]
    kind: str = "solid"
    sex: str = ""
    ages: tuple[int, int] = (34, 86)
    op: tuple[str, ...] = ()
    rx: tuple[str, ...] = ()
    loc: tuple[str, ...] = ()
    pos: tuple[str, ...] = ()
    neg: tuple[str, ...] = ()
    serum: tuple[str, ...] = ()
    genes: tuple[str, ...] = ()
    mets: tuple[str, ...] = ()
    figo: bool = False
    receptors: bool = False
    ki67: bool = False
    msi: bool = False
    always_spread: bool = False


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((HERE / f"{name}.toml").read_text(encoding="utf-8"))


def _split(value: Any) -> Any:
    return tuple(value.split(" | ")) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value


def _tumour(row: dict[str, Any]) -> Tumour:
    single = ("kind", "sex")
    return Tumour(**{key: value if key in single else _split(value) for key, value in row.items()})


TUMOURS: tuple[Tumour, ...] = tuple(_tumour(row) for name in ("solid", "other") for row in _read(name).values())
ORGANS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    organ: (_split(adjectives), _split(places)) for organ, (adjectives, places) in _read("organs").items()
}
SERUM: dict[str, tuple[str, str, float]] = {
    short: (long, unit, limit) for short, long, unit, limit in _read("serum")["markers"]
}
PHRASES: dict[str, tuple[str, ...]] = {key: tuple(value) for key, value in _read("phrases").items()}
WORDS: dict[str, tuple[str, ...]] = {key: _split(value) for key, value in _read("words").items()}


@dataclass(frozen=True)
class LongSection:
    """A section of long notes; see long.toml."""

    name: str
    w: float
    fits: str
    n: tuple[int, int]
    as_: str
    headings: tuple[str, ...]
    of: tuple[str, ...]


def _section(name: str, row: dict[str, Any]) -> LongSection:
    return LongSection(
        name, row["w"], row["fits"], _split(row["n"]), row["as"], _split(row["headings"]), _split(row["of"])
    )


_LONG = _read("long")
LONG_LISTS: dict[str, tuple[str, ...]] = {key: _split(value) for key, value in _LONG.pop("lists").items()}
LONG_SECTIONS: tuple[LongSection, ...] = tuple(_section(name, row) for name, row in _LONG.items())
