"""reviewers, audit: who may sign in, and who did what."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Annotated, Any

import typer

from app.core.terminal import say, write, write_json, write_table

Json = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]
Name = Annotated[str, typer.Argument(help="The person's name, as shown beside decisions.")]
Role = Annotated[str, typer.Option(help="reviewer, lead (rules, export, training) or admin (people too).")]
FromStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]


def register(app: typer.Typer) -> None:
    """Add the two groups."""
    reviewers = typer.Typer(no_args_is_help=True, help="Who may sign in. Without anyone the desk has no sign-in.")
    for command in (add, passwd, role, disable, enable):
        reviewers.command()(command)
    reviewers.command("list")(list_)
    app.add_typer(reviewers, name="reviewers")
    trail = typer.Typer(no_args_is_help=True, help="Who did what, when. Entries are added and never changed.")
    trail.command("show")(show)
    trail.command("verify")(check)
    app.add_typer(trail, name="audit")


def add(name: Name, role: Role = "reviewer", password_stdin: FromStdin = False) -> None:
    """Add a person who can sign in; the first has to be an admin. From then on everybody signs in.

    \b
    Example:
      caseloop reviewers add kim --role admin
    """
    from app.access.passwords import hash_password
    from app.cli.shared.beginning import open_or_begin_desk
    from db.people.acting import OPERATOR, acting
    from db.people.reviewers import add_reviewer

    chosen = _role(role)
    kept = hash_password(_password(password_stdin), name)
    with open_or_begin_desk() as desk, acting(desk.store, OPERATOR, "decide about people") as act:
        row = add_reviewer(act, name, role=chosen, password_hash=kept)
    write(f"{row.name} can sign in, as {row.role}.")


def passwd(name: Name, password_stdin: FromStdin = False) -> None:
    """Set a new password for a person, who is signed out everywhere.

    \b
    Example:
      caseloop reviewers passwd kim
    """
    from app.access.passwords import hash_password

    kept = hash_password(_password(password_stdin), name)
    _change(name, password_hash=kept)
    write(f"{name} has a new password and is signed out everywhere.")


def role(name: Name, role: Annotated[str, typer.Argument(help="reviewer, lead or admin.")]) -> None:
    """Change what a person may do.

    \b
    Example:
      caseloop reviewers role kim lead
    """
    _change(name, role=_role(role))
    write(f"{name} is now {role} and has to sign in again.")


def disable(name: Name) -> None:
    """Lock a person out at once; their decisions stay.

    \b
    Example:
      caseloop reviewers disable kim
    """
    _change(name, is_disabled=True)
    write(f"{name} can no longer sign in.")


def enable(name: Name) -> None:
    """Let a person in again.

    \b
    Example:
      caseloop reviewers enable kim
    """
    _change(name, is_disabled=False)
    write(f"{name} can sign in again.")


def list_(as_json: Json = False) -> None:
    """Show everyone who decided something or may sign in.

    \b
    Example:
      caseloop reviewers list
    """
    from app.core.desk import open_desk_to_read
    from db.people.reviewers import list_reviewers

    with open_desk_to_read() as desk, desk.store.reading() as session:
        rows = list_reviewers(session)
    if as_json:
        write_json([{"name": row.name, "role": row.role, "signs_in": _signs_in(row) == "yes"} for row in rows])
        return
    write_table(("name", "role", "signs in", "since"), [(r.name, r.role, _signs_in(r), _day(r.added_at)) for r in rows])


def show(
    subject: Annotated[str | None, typer.Option(help='Only what was done to this, for example "note 12".')] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many of the newest entries.")] = 50,
    as_json: Json = False,
) -> None:
    """Show the newest entries of the audit trail.

    \b
    Example:
      caseloop audit show --subject "note 12"
    """
    from app.core.desk import open_desk_to_read
    from db.people.audit import entries

    with open_desk_to_read() as desk, desk.store.reading() as session:
        rows = entries(session, subject=subject, limit=limit)
    if as_json:
        write_json([{**vars(row), "at": row.at.isoformat()} for row in rows])
        return
    write_table(
        ("number", "at", "who", "did", "to", ""),
        [
            (str(r.id), _day(r.at, "%Y-%m-%d %H:%M:%S"), r.who, r.action, r.subject, _detail_words(r.detail))
            for r in rows
        ],
    )


def check(
    head: Annotated[str | None, typer.Option(help="A hash noted earlier, which must be in the trail.")] = None,
    as_json: Json = False,
) -> None:
    """Check the trail from its beginning: nothing was changed, removed or inserted.

    Keep the hash it prints: as --head, it later proves that nothing was cut off at the end either. The exit code is
    1 if the check fails.

    \b
    Example:
      caseloop audit verify
    """
    from app.core.desk import open_desk_to_read
    from db.people.audit import verify

    with open_desk_to_read() as desk, desk.store.reading() as session:
        found = verify(session, head)
    if as_json:
        write_json({**vars(found), "is_sound": found.is_sound})
    elif found.broken_at is not None:
        say(f"Entry {found.broken_at} was changed or removed; the {found.n_entries:,} before it hold.")
    elif not found.has_known:
        say(f"The {found.n_entries:,} entries fit each other, but the noted hash is not among theirs.")
    else:
        write(f"{found.n_entries:,} entries, nothing changed. Head: {found.head}")
    if not found.is_sound:
        raise typer.Exit(1)


def _change(name: str, **changes: Any) -> None:
    from app.core.desk import open_desk
    from db.people.acting import OPERATOR, acting
    from db.people.reviewers import change_reviewer

    with open_desk() as desk, acting(desk.store, OPERATOR, "decide about people") as act:
        change_reviewer(act, name, **changes)


def _role(given: str) -> Any:
    from typing import get_args

    from app.core.errors import InputError
    from db.people.acting import Role as Known

    if given not in get_args(Known):
        raise InputError(f"Expected {', '.join(get_args(Known))} as the role; found {given}. Choose one of these.")
    return given


def _password(from_stdin: bool) -> str:
    """Typed twice without showing, or the first line of standard input; never on the command line, which others see."""
    if from_stdin or not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    typed: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return typed


def _signs_in(row: Any) -> str:
    if row.disabled_at is not None:
        return "disabled"
    return "yes" if row.has_password else "no"


def _day(at: datetime, form: str = "%Y-%m-%d") -> str:
    return at.strftime(form)


def _detail_words(detail: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in detail.items())
