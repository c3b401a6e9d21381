"""The options of `caseloop import`, and what its help says."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class SameId(StrEnum):
    """What becomes of a record with the id of a note that has another text."""

    separate = "separate"
    supersede = "supersede"
    refuse = "refuse"


Files = Annotated[list[Path], typer.Argument(metavar="FILE...", readable=False, help="Files or folders with notes.")]
Original = Annotated[bool, typer.Option("--original", help="The notes come with labels to train on.")]
Strict = Annotated[bool, typer.Option("--strict", help="Keep everything or, if one record is bad, nothing.")]
TextColumn = Annotated[
    str | None, typer.Option(metavar="NAME", help="The column with the notes, if not text or input.")
]
IdColumn = Annotated[
    str | None, typer.Option(metavar="NAME", help="The column with their ids, if not id or external_id.")
]
Update = Annotated[
    bool, typer.Option("--update", help="Correct ids, labels and metadata of notes that are there already.")
]
WithSameId = Annotated[
    SameId, typer.Option(help="What becomes of a note whose id another text has: a new version, or a separate note.")
]
Source = Annotated[
    str, typer.Option(metavar="NAME", help="Where the notes come from; the same id of another source is another note.")
]
Letters = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="How the files' letters are written, as in cp1250, if it is not found out."),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show what would become of every column and note; write nothing.")
]
HELP = """
Bring notes in: JSON, tables, workbooks, documents, archives of them and folders. Doing it twice changes nothing.

The content of a file decides how it is read, whatever it is called.

A note is its id and its exact text: a different character or id makes a different note, and the report says
where. With --update, a note with exactly the same text gets the id, the labels (with --original) and the metadata
that the file has; what the file leaves out stays. With --same-id supersede, a note with a known id and another
text is its new version: it waits for review again, and the old one keeps its decision and leaves queue and
exports. A record that cannot be read is refused with its file, line and column; the others are kept. A column
that does not exist stops the import before anything is kept. Where the text or the id is under no usual name,
the column that looks like it is taken, and the report says which. The exit code is 1 when a file, or the rest
of one, could not be read or --strict kept nothing, and 2 when nothing could be read.

\b
Example:
  caseloop import reports.jsonl
  caseloop import labelled.jsonl --original --strict
  caseloop import registry.csv --text-column report --id-column case_no
  caseloop import registry.csv --dry-run
  caseloop import other-desk.jsonl --decisions
  caseloop import registry.csv --id-column case_no --update
  caseloop import amended.jsonl --same-id supersede
"""
