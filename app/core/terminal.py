"""What the command line writes: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import typer

Advance = Callable[[int, int | None, str], None]
"""Tells a progress bar: how many are done, of how many (None: not known), and what to say beside it."""

UNRECORDED = "This desk can only be read, so its audit trail does not mention this {}."
"""What is said where something leaves a home that cannot be written."""


def say(sentence: str) -> None:
    """Write a line for the person at the terminal, on stderr."""
    typer.echo(sentence, err=True)


def write(text: str) -> None:
    """Write a line of the result, on stdout."""
    typer.echo(text)


def write_json(value: Mapping[str, Any] | list[Any]) -> None:
    """Write a result as JSON, on stdout."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def write_table(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Write columns that line up, on stdout; nothing but the headings when there are no rows."""
    widths = [max(len(row[column]) for row in [headings, *rows]) for column in range(len(headings))]
    for row in [headings, *rows]:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@contextmanager
def progress_bar(what: str) -> Iterator[Advance]:
    """A progress bar on stderr while the block runs; silent where stderr is not a terminal.

    Args:
        what: what is going on, for example "Importing".
    """
    if not sys.stderr.isatty():
        yield lambda n_done, n_total, beside: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, TextColumn("{task.fields[beside]}"), console=Console(stderr=True), transient=True) as bar:
        line = bar.add_task(what, total=None, beside="")
        yield lambda n_done, n_total, beside: bar.update(line, completed=n_done, total=n_total, beside=beside)
