"""demo: the whole loop in one go, on made-up notes, in a home of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.core.terminal import progress_bar, say, write, write_json, write_table

NOT_BETTER = 1


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)


def demo(
    keep: Annotated[
        Path | None, typer.Option(metavar="HOME", help="Keep the desk in this new directory, to serve it afterwards.")
    ] = None,
    notes: Annotated[int, typer.Option(min=12, max=200, help="Notes to learn from; as many are held out.")] = 60,
    epochs: Annotated[float | None, typer.Option(min=0.1, max=40, help="Passes over them.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")] = False,
) -> int:
    """See the model learn: made-up notes, 60 corrections in a house's style, training, the gate, the next pre-fill.

    It takes up to ten minutes on two cores and touches no other desk. Ctrl+C stops it and leaves nothing behind.
    The exit code is 1 if the new adapter did not pass the gate.

    \b
    Example:
      caseloop demo
      caseloop demo --keep learned
    """
    from app.operations.demo import EPOCHS, run_demo
    from app.operations.demo_report import closing_lines, tabulate_fields

    place = None if keep is None else keep.expanduser().absolute()
    with progress_bar("Demonstration") as advance:
        told = run_demo(place, notes, epochs or EPOCHS, say, advance)
    if as_json:
        write_json({**told.to_json(), "home": None if place is None else str(place)})
        return 0 if told.passed else NOT_BETTER
    for shown in told.notes:
        write("")
        write(shown.text)
        write_table(("field", "before", "now", "the house writes"), tabulate_fields(shown))
    write("")
    for line in closing_lines(told, place):
        write(line)
    return 0 if told.passed else NOT_BETTER
