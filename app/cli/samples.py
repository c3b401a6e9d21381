"""samples: the notes that come with caseloop, and taking them out."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from app.core.errors import InputError
from app.core.terminal import write, write_json

Json = Annotated[bool, typer.Option("--json", help="Print it as one JSON object.")]


def register(app: typer.Typer) -> None:
    """Add the group."""
    samples = typer.Typer(no_args_is_help=True, help="The synthetic notes loaded by a first start.")
    samples.command()(show)
    samples.command()(remove)
    app.add_typer(samples, name="samples")


def show(as_json: Json = False) -> None:
    """Show how many sample notes there are, what was decided about them, and whether training uses them.

    \b
    Example:
      caseloop samples show
    """
    from app.core.desk import open_desk_to_read
    from db.notes.samples import samples_of

    with open_desk_to_read() as desk, desk.store.reading() as session:
        found = samples_of(session)
    if as_json:
        write_json(asdict(found))
        return
    write(f"{found.told}." if found.n_notes else "No sample notes.")
    if found.n_notes:
        write(found.sentence)


def remove(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Remove every sample note, with all decisions about them. Your own notes are not touched.

    This cannot be undone, except from a backup.

    \b
    Example:
      caseloop samples remove
      caseloop samples remove --yes --json
    """
    from app.core.desk import open_desk
    from db.notes.samples import remove_samples, samples_of
    from db.people.acting import OPERATOR, acting

    with open_desk() as desk:
        with desk.store.reading() as session:
            found = samples_of(session)
        if found.n_notes and not yes:
            if not sys.stdin.isatty():
                raise InputError(f"Removing {found.told} for good needs --yes where there is no terminal to ask.")
            typer.confirm(f"This removes {found.told} for good. Go on?", abort=True, err=True)
        with acting(desk.store, OPERATOR, "import notes") as act:
            gone = remove_samples(act, seen=None if yes else found)
    if as_json:
        write_json({"removed": gone.n_notes, "reviews": gone.n_decided, "drafts": gone.n_drafts})
    else:
        write(f"{gone.told} removed." if gone.n_notes else "No sample notes to remove.")
