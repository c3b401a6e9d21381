"""The options of `caseloop export`, and what its help says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Out = Annotated[str, typer.Argument(help="The file or folder to write; - writes to standard output.")]
Form = Annotated[str | None, typer.Option("--format", help="See below; default: by the file's ending, or else jsonl.")]
Fields = Annotated[str, typer.Option(help="Only these fields, separated by commas.")]
Reviewer = Annotated[str, typer.Option(help="Only notes that this reviewer decided.")]
Adapter = Annotated[str, typer.Option(help="Only notes that started from a suggestion of this adapter.")]
Since = Annotated[str, typer.Option(help="Only notes decided on this day (2026-01-31) or later.")]
Until = Annotated[str, typer.Option(help="Only notes decided on this day or earlier.")]
Zone = Annotated[
    str, typer.Option(metavar="NAME", help="The time zone of these days, as Asia/Tokyo or UTC; else the machine's.")
]
WithProvenance = Annotated[
    bool, typer.Option("--with-provenance", help="Add who decided what and when, and what was suggested.")
]
WithoutText = Annotated[bool, typer.Option("--without-text", help="Leave the notes' text and the comments out.")]
WithMetadata = Annotated[
    bool | None,
    typer.Option("--metadata/--no-metadata", help="Add what came with the notes; on, but with --without-text off."),
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        metavar="CONDITION",
        help='Only notes that came with this: "ward = 3", "site contains lung", "mrn present"; several hold together.',
    ),
]
Corrected = Annotated[bool, typer.Option("--corrected", help="Only notes in which a suggested value was changed.")]
Status = Annotated[
    str, typer.Option(help="submitted, flagged, skipped, separated by commas; all but the first have no output.")
]
WithSamples = Annotated[
    bool, typer.Option("--with-samples", help="Include the synthetic sample notes beside real ones.")
]
WithSuperseded = Annotated[
    bool, typer.Option("--with-superseded", help="Include texts that a newer version under the same id replaces.")
]
Spans = Annotated[bool, typer.Option("--spans/--no-spans", help="Say where in the text the values stand.")]
MappingFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="What becomes of each field in fhir, omop and naaccr, in place of the task's."),
]
HELP = """
Write the reviewed records: submitted annotations only, never a mere suggestion.

The synthetic sample notes are left out as soon as a real note is reviewed. What came with a note is under metadata,
in a table in a column meta.NAME each, or meta_json.NAME where it is not only text.

Formats for training: jsonl, json, parquet, dataset (a folder for datasets.load_from_disk), alpaca, messages;
for spreadsheets: csv, tsv, xlsx; for annotation tools: label-studio, brat, spacy; for registries: fhir (R4 with
mCODE profiles), omop (NOTE and NOTE_NLP), naaccr (XML). Those of several files are a folder, or an archive of it
where OUT ends in .zip. Beside JSON lines stands OUT.features.json, their types for the package datasets; beside
Label Studio's tasks OUT.xml, the labelling configuration that they fit.

JSON, tables and Label Studio come back: as labels with caseloop import OUT --original, and with provenance as
the decisions that they were: caseloop import OUT --decisions. In a table a cell that begins with =, +, -, @, a tab
or a carriage return gets an apostrophe in front, so that no spreadsheet runs it as a formula.

\b
Example:
  caseloop export reviewed.jsonl
  caseloop export reviewed.csv --with-provenance
  caseloop export ward-3.csv --where "ward = 3"
  caseloop export reviewed --format dataset --since 2026-01-01
  caseloop export registry.json --format fhir --mapping ours.toml
"""
