"""adapters list, show, activate, rollback: which adapter suggests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.terminal import write, write_json, write_table

if TYPE_CHECKING:
    from db.adapters import ActivationRow, AdapterRow

Json = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]
Name = Annotated[str, typer.Argument(help="An adapter's name; caseloop adapters list shows them.")]
BY = "local"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="The adapters: list, show, activate, roll back.", no_args_is_help=True)
    group.command("list")(list_all)
    group.command()(show)
    group.command()(activate)
    group.command()(rollback)
    app.add_typer(group, name="adapters")


def list_all(as_json: Json = False) -> None:
    """List the adapters, oldest first; the active one is marked.

    \b
    Example:
      caseloop adapters list
    """
    from app.desk import open_desk
    from db.adapters import active_adapter, list_adapters

    with open_desk() as desk, desk.store.reading() as session:
        rows, active = list_adapters(session), active_adapter(session)
    name = active.name if active else None
    if as_json:
        write_json([_as_json(row, name) for row in rows])
        return
    lines = [
        (
            "*" if row.name == name else "",
            row.name,
            row.base,
            row.parent or "",
            _figure(row),
            f"{row.added_at:%Y-%m-%d %H:%M}",
        )
        for row in rows
    ]
    write_table(("", "name", "base", "parent", "right on hold-out", "added (UTC)"), lines)


def show(name: Name, as_json: Json = False) -> None:
    """Show what is known of one adapter: origin, figures, when it was active.

    \b
    Example:
      caseloop adapters show embedded
    """
    from app.adapters import named_adapter, weights_place
    from app.desk import open_desk
    from db.adapters import activations, active_adapter

    with open_desk() as desk, desk.store.reading() as session:
        row, active = named_adapter(session, name), active_adapter(session)
        history = [change for change in activations(session) if change.adapter == name]
        values = _as_json(row, active.name if active else None)
        values |= {"path": weights_place(desk.settings, row), "activations": [_change(change) for change in history]}
    if as_json:
        write_json(values)
        return
    for key, value in values.items():
        if key not in ("metrics", "activations"):
            write(f"{key:16} {'' if value is None else value}")
    for field, figures in (row.metrics.get("fields") or {}).items():
        write(f"  {field:20} {figures['normalised']:.3f}")
    for change in history:
        write(f"activated        {change.at:%Y-%m-%d %H:%M} by {change.by}: {change.reason}")


def activate(
    name: Name,
    reason: Annotated[str, typer.Option(help="Why; kept in the history.")] = "chosen on the command line",
    as_json: Json = False,
) -> None:
    """Let an adapter take over. The worker switches to it by itself.

    \b
    Example:
      caseloop adapters activate run-0002 --reason "better on rare tumours"
    """
    from app.adapters import activate_present
    from app.desk import open_desk

    with open_desk() as desk, desk.store.transaction() as session:
        row = activate_present(desk.settings, session, name, reason=reason, by=BY)
    _say_active(row, as_json)


def rollback(as_json: Json = False) -> None:
    """Go back to the adapter that was active before; again, to the one before that.

    \b
    Example:
      caseloop adapters rollback
    """
    from app.desk import open_desk
    from db.adapters import rollback as go_back

    with open_desk() as desk, desk.store.transaction() as session:
        row = go_back(session, by=BY)
    _say_active(row, as_json)


def _say_active(row: AdapterRow, as_json: bool) -> None:
    if as_json:
        write_json(_as_json(row, row.name))
    else:
        write(f"{row.name} is active.")


def _as_json(row: AdapterRow, active: str | None) -> dict[str, Any]:
    return {
        "name": row.name,
        "active": row.name == active,
        "base": row.base,
        "base_revision": row.base_revision,
        "prompt_version": row.prompt_version,
        "weights_sha256": row.weights_sha256,
        "parent": row.parent,
        "run": row.run_id,
        "added_at": row.added_at.isoformat(),
        "metrics": dict(row.metrics),
    }


def _change(change: ActivationRow) -> dict[str, Any]:
    return {"at": change.at.isoformat(), "by": change.by, "reason": change.reason}


def _figure(row: AdapterRow) -> str:
    value = (row.metrics.get("macro") or {}).get("normalised")
    return "" if value is None else f"{value:.3f}"
