"""imports: what was imported by whom, and undoing an import."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.correcting.deleting import Json, Reason, Yes, confirm_deletion, show_deleted
from app.core.terminal import write, write_json

if TYPE_CHECKING:
    from db.notes.imports import ImportRow


def register(app: typer.Typer) -> None:
    """Add the group."""
    imports = typer.Typer(no_args_is_help=True, help="The imports so far, and undoing one.")
    imports.command("list")(list_all)
    imports.command()(undo)
    app.add_typer(imports, name="imports")


def list_all(as_json: Json = False) -> None:
    """List the imports, newest first: who, when, which files, how many notes.

    \b
    Example:
      caseloop imports list
    """
    from app.core.desk import open_desk_to_read
    from db.notes.imports import list_imports

    with open_desk_to_read() as desk, desk.store.reading() as session:
        found = list_imports(session)
    if as_json:
        times = ("begun_at", "ended_at", "undone_at")
        write_json([{**asdict(row), **{at: _stamp(getattr(row, at)) for at in times}} for row in found])
        return
    for row in found:
        write(describe_import(row))
    if not found:
        write("No imports yet.")


def undo(
    number: Annotated[int, typer.Argument(metavar="N", help="The import's number.")],
    reason: Reason,
    force: Annotated[
        bool, typer.Option("--force", help="Also delete its notes that somebody has decided about or drafted.")
    ] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> int:
    """Delete the notes that an import brought and that nobody has worked on, for good.

    Notes with a decision, an opinion or a draft stay, unless --force is given. A note that the import replaced by a
    newer text stands again. What the import corrected in older notes stays corrected.

    \b
    Example:
      caseloop imports undo 12 --reason "wrong file"
      caseloop imports undo 12 --reason "wrong file" --force --yes
    """
    from app.core.desk import open_desk
    from app.operations.undoing import foresee_undo, undo_import
    from db.people.acting import OPERATOR

    with open_desk() as desk:
        going = foresee_undo(desk, number, force=force)
        confirm_deletion(going.n_notes, going.told, yes=yes, is_terminal=sys.stdin.isatty())
        done = undo_import(desk, number, by=OPERATOR, reason=reason, force=force, expected=going.n_notes)
    return show_deleted(done.deleted, as_json, n_staying=done.n_staying, staying=done.staying)


def describe_import(row: ImportRow) -> str:
    """An import on one line."""
    files = ", ".join(row.files) + (f" and {row.n_files - len(row.files)} more" if row.n_files > len(row.files) else "")
    counted = [f"{row.n_added} added", f"{row.n_known} known", f"{row.n_refused} refused"]
    counted += [f"{n} {word}" for n, word in ((row.n_updated, "corrected"), (row.n_superseded, "replaced")) if n]
    state = "undone" if row.undone_at else "" if row.ended_at else "not ended"
    kept = f"{row.n_here} still here" if row.n_here != row.n_added else ""
    said = [
        f"{row.id:>4}",
        _stamp(row.begun_at) or "",
        row.brought_by,
        files,
        ", ".join(counted),
        row.source,
        kept,
        state,
    ]
    return "  ".join(filter(None, said))


def _stamp(at: object) -> str | None:
    return None if at is None else str(at)[:16].replace("T", " ")
