"""backup, doctor: for the person who keeps the desk running."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from app.core.terminal import UNRECORDED, progress_bar, say, write, write_json

UNWELL = 1
Json = Annotated[bool, typer.Option("--json", help="Print it as one JSON object.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(backup)
    app.command()(doctor)


def backup(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A directory that does not exist yet.")],
    as_json: Json = False,
) -> None:
    """Copy the store, adapters and runs into a new directory, while everyone keeps working.

    The copy is checked for damage and compared row by row. It is itself a home: to restore it, copy it to a
    new place and set CASELOOP_HOME to that. Checkpoints of runs are left out; a run that was stopped begins anew.

    \b
    Example:
      caseloop backup /backups/monday
      cp -a /backups/monday /srv/desk && CASELOOP_HOME=/srv/desk caseloop doctor
    """
    from app.core.desk import open_desk_to_read
    from app.operations.backup import back_up

    with open_desk_to_read() as desk, progress_bar("Backing up") as advance:
        made = back_up(desk, out.absolute(), advance)
        if desk.store.readonly:
            say(UNRECORDED.format("backup"))
    for name in made.left_out:
        say(f"The files of adapter {name} are not in the home, so they are not in the backup.")
    if as_json:
        write_json({"out": str(out), **made.to_json()})
        return
    notes, decisions = made.rows["note"].n, made.rows["annotation"].n
    write(f"{out}: {made.n_bytes / 1e6:.1f} MB, {notes} notes, {decisions} decisions, checked.")


def doctor(as_json: Json = False) -> int:
    """Check the desk: store, files, permissions, disk, adapters. Nothing is changed.

    Each line says ok, warn or bad, and what to do. The exit code is 1 if something is bad.

    \b
    Example:
      caseloop doctor
    """
    from app.core.settings import load_settings
    from app.operations.doctor import Finding, examine

    found: list[Finding] = []
    for finding in examine(load_settings()):
        found.append(finding)
        if not as_json:
            write(f"{finding.state:<5} {finding.name:<12} {finding.said}")
    is_well = all(finding.state != "bad" for finding in found)
    if as_json:
        write_json({"is_well": is_well, "findings": [asdict(finding) for finding in found]})
    return 0 if is_well else UNWELL
