"""The formats of an export, in the groups that people look for them in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from app.core.errors import InputError

Format = Literal[
    "jsonl",
    "json",
    "parquet",
    "dataset",
    "alpaca",
    "messages",
    "csv",
    "tsv",
    "xlsx",
    "label-studio",
    "brat",
    "spacy",
    "fhir",
    "omop",
    "naaccr",
]
FORMATS: tuple[Format, ...] = get_args(Format)
Group = Literal["training", "spreadsheet", "annotation tools", "registries"]
GROUPS: tuple[Group, ...] = get_args(Group)
_ZIP, _JSON = "application/zip", "application/json"


@dataclass(frozen=True)
class Kind:
    """What a format is for.

    Attributes:
        title: its name for people.
        group: what it belongs to.
        ending: of a file in it.
        media_type: of a download.
        purpose: one sentence: who opens it, and how.
    """

    title: str
    group: Group
    ending: str
    media_type: str
    purpose: str


KINDS: Mapping[Format, Kind] = {
    "jsonl": Kind(
        "JSON lines", "training", "jsonl", "application/x-ndjson", "One record a line; caseloop trains on it."
    ),
    "json": Kind("JSON", "training", "json", _JSON, "One list of records."),
    "parquet": Kind(
        "Parquet",
        "training",
        "parquet",
        "application/vnd.apache.parquet",
        "One table, nested as in the JSON: pandas, DuckDB and Spark read it.",
    ),
    "dataset": Kind(
        "Hugging Face dataset",
        "training",
        "zip",
        _ZIP,
        "Unpack it, then: datasets.load_from_disk('reviewed').",
    ),
    "alpaca": Kind(
        "Alpaca",
        "training",
        "alpaca.jsonl",
        "application/x-ndjson",
        "Instruction, input and output, each a text: LLaMA-Factory, axolotl and others train on it.",
    ),
    "messages": Kind(
        "Chat messages",
        "training",
        "messages.jsonl",
        "application/x-ndjson",
        "System text, prompt and answer of each note as a chat: TRL, LLaMA-Factory and axolotl train on it.",
    ),
    "csv": Kind(
        "CSV",
        "spreadsheet",
        "csv",
        "text/csv",
        "Opens in a spreadsheet: a cell that it would run as a formula gets an apostrophe in front.",
    ),
    "tsv": Kind("TSV", "spreadsheet", "tsv", "text/tab-separated-values", "The same, with tabs between the columns."),
    "xlsx": Kind(
        "Excel",
        "spreadsheet",
        "xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "A sheet in which every cell is text or a number: ids keep their zeros, nothing runs as a formula.",
    ),
    "label-studio": Kind(
        "Label Studio",
        "annotation tools",
        "label-studio.json",
        _JSON,
        "Tasks with the model's predictions and the reviewers' annotations. Paste the configuration below into a new "
        "project, then import the file. Reviewers are matched by e-mail address, if their names are addresses.",
    ),
    "brat": Kind(
        "brat",
        "annotation tools",
        "zip",
        _ZIP,
        "A folder with the text and the annotations of each note, and annotation.conf: put it into brat's data folder.",
    ),
    "spacy": Kind(
        "spaCy",
        "annotation tools",
        "spacy",
        "application/octet-stream",
        "A DocBin whose span group sc holds the words that values rest on: spacy train reads it.",
    ),
    "fhir": Kind(
        "FHIR R4 (mCODE)",
        "registries",
        "fhir.json",
        "application/fhir+json",
        "A Bundle with patient, condition, stage, markers, treatment, text and provenance of each note.",
    ),
    "omop": Kind(
        "OMOP CDM", "registries", "zip", _ZIP, "The tables NOTE and NOTE_NLP of CDM 5.4 as CSV, a row for each mention."
    ),
    "naaccr": Kind(
        "NAACCR XML", "registries", "naaccr.xml", "application/xml", "A patient with a tumour for each note."
    ),
}
TABLES: frozenset[Format] = frozenset(["csv", "tsv", "xlsx"])
MAPPED: frozenset[Format] = frozenset(["fhir", "omop", "naaccr"])
"""Formats in which a mapping file says what becomes of each field."""
REVIEWED_ONLY: frozenset[Format] = MAPPED | frozenset(["alpaca", "messages", "brat", "spacy"])
"""Formats with no place to say that a note was set aside: only what was submitted is in them."""
FOLDERS: frozenset[Format] = frozenset(["dataset", "brat", "omop"])
"""Formats of several files: a folder, or an archive of it."""
TRAINING: frozenset[Format] = frozenset(["jsonl", "json", "csv", "tsv", "xlsx", "parquet"])
"""Formats that come back as labels."""
RETURNING: frozenset[Format] = TRAINING | frozenset(["dataset", "label-studio", "alpaca", "messages"])
"""Formats that come back as decisions, where they tell the provenance."""


def format_of(out: str, chosen: str | None) -> Format:
    """The format that was chosen, or else the one that the name's ending says, or else JSON lines.

    Raises:
        InputError: there is no such format.
    """
    wanted = chosen or Path(out).suffix.lower().lstrip(".")
    for form in FORMATS:
        if wanted == form:
            return form
    if chosen is not None:
        raise InputError(f"Expected one of {', '.join(FORMATS)} as the format; found {chosen[:40]!r}.")
    return "jsonl"
