"""notes: deleting some of them for good."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, cast

import typer

from app.core.errors import InputError
from app.core.terminal import say, write, write_json

if TYPE_CHECKING:
    from app.operations.deleting import Deleted
    from data.notes import Origin
    from db.notes.queue.search import State

UNFINISHED = 1
N_NAMED = 10
Json = Annotated[bool, typer.Option("--json", help="Print it as one JSON object.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Kept in the audit trail for good: name no patient in it.")]


def register(app: typer.Typer) -> None:
    """Add the group."""
    notes = typer.Typer(no_args_is_help=True, help="Deleting notes for good.")
    notes.command()(delete)
    app.add_typer(notes, name="notes")


def delete(  # noqa: PLR0913, PLR0917 - one for each option
    reason: Reason,
    ids: Annotated[
        list[str] | None, typer.Option("--id", metavar="ID", help="Notes with this id, as imported.")
    ] = None,
    numbers: Annotated[list[int] | None, typer.Option("--note", metavar="N", help="The note with this number.")] = None,
    import_id: Annotated[
        int | None, typer.Option("--import", metavar="N", help="Notes that this import brought.")
    ] = None,
    text: Annotated[str, typer.Option(metavar="WORDS", help="Notes that hold all of these words.")] = "",
    state: Annotated[str | None, typer.Option(help="todo, draft, submitted, skipped or flagged.")] = None,
    origin: Annotated[str | None, typer.Option(help="incoming, original or sample.")] = None,
    reviewer: Annotated[str | None, typer.Option(metavar="NAME", help="Notes last saved by this person.")] = None,
    yes: Yes = False,
    as_json: Json = False,
) -> int:
    """Delete notes for good: their text, suggestions, drafts and decisions, in the store and in the files of runs.

    Give at least one option that says which; several narrow the choice. Older versions of a note go with it. The
    audit trail keeps that they were there: numbers, hashes of their ids, and the reason. Backups and adapters are not
    changed; those that may hold the notes are named. The exit code is 1 if something is left to do.

    \b
    Example:
      caseloop notes delete --id S24-1 --reason "consent withdrawn"
      caseloop notes delete --import 12 --reason "wrong ward"
      caseloop notes delete --text "wrong hospital" --state todo --reason "not ours" --yes
    """
    from app.core.desk import open_desk
    from app.operations.deleting import delete as delete_for_good
    from app.operations.undoing import describe_going, numbers_of_ids
    from db.notes.queue.search import Filters
    from db.people.acting import OPERATOR
    from db.review.bulk import Many
    from db.review.lifecycle.deletion import foresee

    if not (ids or numbers or import_id is not None or text.strip() or state or origin or reviewer):
        raise InputError(
            "Expected an option that says which notes to delete; found none. See: caseloop notes delete --help"
        )
    if (ids or numbers) and (text.strip() or state or origin or reviewer or import_id is not None):
        raise InputError("Expected notes by --id and --note, or by what they have in common; found both. Use one.")
    with open_desk() as desk:
        with desk.store.reading() as session:
            named = tuple(numbers or ()) + numbers_of_ids(session, ids or ())
            many = Many(
                Filters(
                    text=text,
                    state=cast("State | None", state),
                    origin=cast("Origin | None", origin),
                    reviewer=reviewer,
                ),
                named if ids or numbers else None,
                import_id=import_id,
                with_older=True,
            )
            going = foresee(session, many)
        confirm_deletion(going.n_notes, describe_going(going), yes=yes, is_terminal=sys.stdin.isatty())
        done = delete_for_good(desk, many, by=OPERATOR, reason=reason, expected=going.n_notes)
    return show_deleted(done, as_json)


def confirm_deletion(n_notes: int, told: str, *, yes: bool, is_terminal: bool) -> None:
    """Ask before notes are deleted.

    Raises:
        InputError: there is nobody to ask.
        Abort: the answer is no.
    """
    if not n_notes or yes:
        return
    if not is_terminal:
        raise InputError(f"Deleting {told} for good needs --yes where there is no terminal to ask.")
    typer.confirm(f"This deletes {told} for good. Go on?", abort=True, err=True)


def show_deleted(done: Deleted, as_json: bool, *, n_staying: int = 0, staying: Sequence[str] = ()) -> int:
    """Say what became of a deletion; the exit code."""
    if as_json:
        write_json({**done.to_json(), "n_staying": n_staying, "staying": list(staying)})
    else:
        for sentence in done.sentences():
            write(sentence)
        if n_staying:
            more = f" and {n_staying - N_NAMED:,} more" if n_staying > N_NAMED else ""
            say(f"{n_staying:,} stay, because somebody has worked on them: {', '.join(staying[:N_NAMED])}{more}.")
    return UNFINISHED if done.why_unfinished else 0
