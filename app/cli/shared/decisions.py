"""import --decisions: what people decided at another desk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.core.errors import BAD_INPUT
from app.core.terminal import progress_bar, say, write, write_json

if TYPE_CHECKING:
    from data.reading.records import Columns

Decisions = Annotated[
    bool,
    typer.Option("--decisions", help="Bring what was decided at another desk, from its export with provenance."),
]
Adjudicate = Annotated[
    bool,
    typer.Option(
        "--adjudicate", help="With --decisions: ask a lead about notes decided otherwise here; else these stay."
    ),
]


def bring_decisions(files: Sequence[Path], *, columns: Columns, adjudicate: bool, as_json: bool) -> int:
    """Import decisions and print what became of them; the exit code of the command."""
    from app.cli.shared.beginning import open_or_begin_desk
    from app.importing.decisions import import_decisions

    with open_or_begin_desk() as desk, progress_bar("Importing") as advance:
        report = import_decisions(
            desk.store,
            desk.task,
            files,
            adjudicate=adjudicate,
            columns=columns,
            on_read=lambda n_read: advance(n_read, None, ""),
        )
    if as_json:
        write_json(report.to_json())
    for sentence in report.sentences():
        say(sentence)
    if report.n_refused and not report.n_added + report.n_known:
        return BAD_INPUT
    if not as_json:
        write(f"{report.n_added} added, {report.n_known} already known, {report.n_refused} refused.")
        for sentence in [*report.decision_sentences(), *report.likeness_sentences()]:
            write(sentence)
    return 1 if report.n_files_refused else 0
