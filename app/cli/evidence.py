"""evidence: how well values are found in their notes, measured on labelled notes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from app.core.terminal import write, write_json, write_table


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(evidence)


def evidence(
    data: Annotated[Path, typer.Option(readable=False, help="Labelled notes as JSON lines.")],
    limit: Annotated[int | None, typer.Option(min=1, help="Use only the first N notes.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the planted values.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as one JSON object.")] = False,
) -> None:
    """Measure how labelled values rest on their notes, and whether wrong ones are noticed. No model runs.

    A wrong value is another note's value of the same field. "absent" leaves out values that the note happens to
    contain word for word.

    \b
    Example:
      caseloop evidence --data labelled.jsonl
      caseloop evidence --data labelled.jsonl --json
    """
    from data.evaluation.grounding_report import grounding_report
    from data.snapshot import read_rows
    from data.suggestion import Grounding
    from data.task import load_task

    task = load_task()
    report = grounding_report(task, read_rows(task, data)[:limit], seed)
    if as_json:
        write_json(report)
        return
    kinds = [str(kind) for kind in Grounding]
    header = ("field", "values", *kinds, "false alarms", "planted noticed", "absent noticed")
    rows = []
    for key, figures in report["fields"].items():
        planted = figures["planted"]
        shares = [*(figures[kind] for kind in kinds), figures["false_alarms"], planted["flagged"]]
        rows.append((key, str(figures["n_values"]), *map(_percent, shares), _percent(planted["flagged_absent"])))
    write_table(header, rows)
    write(f"{report['n_notes']} notes, {report['ms_per_note']} ms each")


def _percent(share: Any) -> str:
    return "" if share is None else f"{100 * share:.1f} %"
