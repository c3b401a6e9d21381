"""adapters: which one suggests (list, show, activate, reject, rollback), and those of other places (publish, pull)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.core.settings import quiet_environment
from app.core.terminal import progress_bar, write, write_json, write_table

if TYPE_CHECKING:
    from app.sharing.remotes import Place
    from db.training.adapters import ActivationRow, AdapterRow

Json = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]
Name = Annotated[str, typer.Argument(help="An adapter's name; caseloop adapters list shows them.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    summary = "The adapters: list, show, activate, reject, roll back, publish, pull."
    group = typer.Typer(help=summary, no_args_is_help=True)
    group.command("list")(list_all)
    group.command()(show)
    group.command()(activate)
    group.command()(reject)
    group.command()(rollback)
    group.command()(publish)
    group.command()(pull)
    app.add_typer(group, name="adapters")


def list_all(as_json: Json = False) -> None:
    """List the adapters, oldest first; the active one is marked.

    \b
    Example:
      caseloop adapters list
    """
    from app.core.desk import open_desk_to_read
    from db.training.adapters import active_adapter, list_adapters
    from db.training.runs import list_runs

    with open_desk_to_read() as desk, desk.store.reading() as session:
        rows, active = list_adapters(session), active_adapter(session)
        gates = {run.adapter: run.gate for run in list_runs(session, limit=None) if run.adapter and run.gate}
    name = active.name if active else None
    if as_json:
        write_json([_as_json(row, name, gates.get(row.name)) for row in rows])
        return
    lines = [
        (
            "*" if row.name == name else "",
            row.name,
            row.base,
            row.parent or "",
            _figure(row),
            _word(gates.get(row.name)),
            f"{row.added_at:%Y-%m-%d %H:%M}",
        )
        for row in rows
    ]
    write_table(("", "name", "base", "parent", "right on hold-out", "verdict", "added (UTC)"), lines)


def show(name: Name, as_json: Json = False) -> None:
    """Show one adapter: its origin, figures and verdict, and when it was active.

    \b
    Example:
      caseloop adapters show embedded
    """
    from app.cli.shared.verdict_table import decision_line, write_verdict
    from app.core.adapters import named_adapter, weights_place
    from app.core.desk import open_desk_to_read
    from app.training.decisions import run_that_made
    from app.training.material import describe_left_out
    from db.training.adapters import activations, active_adapter

    with open_desk_to_read() as desk, desk.store.reading() as session:
        row, active = named_adapter(session, name), active_adapter(session)
        history = [change for change in activations(session) if change.adapter == name]
        run = run_that_made(session, name)
        gate = (run and run.gate) or {}
        said = describe_left_out(run.config) if run else ""
        values = _as_json(row, active.name if active else None, gate)
        values |= {"path": weights_place(desk.settings, row), "activations": [_change(change) for change in history]}
        values |= {"left_out": said} if said else {}
    if as_json:
        write_json(values)
        return
    for key, value in values.items():
        if key not in ("metrics", "activations", "gate"):
            write(f"{key:16} {'' if value is None else value}")
    if gate:
        write("")
        write_verdict(desk.task, gate)
        for earlier in gate.get("earlier_decisions", ()):
            write(f"before that: {decision_line(earlier)}")
        write("")
    else:
        for field, figures in (row.metrics.get("fields") or {}).items():
            write(f"  {field:20} {figures['normalised']:.3f}")
    for change in history:
        write(f"activated        {change.at:%Y-%m-%d %H:%M} by {change.by}: {change.reason}")


def activate(
    name: Name,
    reason: Annotated[str, typer.Option(help="The reason; it is kept.")] = "",
    as_json: Json = False,
) -> None:
    """Activate an adapter. The worker switches to it by itself.

    An adapter that did not pass its gate, or was rejected, needs a reason.

    \b
    Example:
      caseloop adapters activate run-0002 --reason "better on rare tumours"
    """
    from app.core.desk import open_desk
    from app.training.decisions import activate_adapter
    from db.people.acting import OPERATOR, acting

    with open_desk() as desk, acting(desk.store, OPERATOR, "decide about an adapter") as act:
        row = activate_adapter(act, desk.settings, name, reason=reason)
    _say_active(row, as_json)


def reject(
    name: Name,
    reason: Annotated[str, typer.Option(help="The reason; it is kept.")] = "",
    as_json: Json = False,
) -> None:
    """Mark an adapter as rejected. It stays listed and takes over later only with a reason.

    \b
    Example:
      caseloop adapters reject run-0002 --reason "invents stages"
    """
    from app.core.desk import open_desk
    from app.training.decisions import reject_adapter, run_that_made
    from db.people.acting import OPERATOR, acting
    from db.training.adapters import active_adapter

    with open_desk() as desk, acting(desk.store, OPERATOR, "decide about an adapter") as act:
        row, active = reject_adapter(act, name, reason=reason), active_adapter(act.session)
        run = run_that_made(act.session, name)
    if as_json:
        write_json(_as_json(row, active.name if active else None, run.gate if run else None))
    else:
        write(f"{name} is rejected.")


def rollback(
    reason: Annotated[str, typer.Option(help="The reason; it is kept.")] = "",
    as_json: Json = False,
) -> None:
    """Go back to the adapter that was active before; again, to the one before that.

    \b
    Example:
      caseloop adapters rollback
    """
    from app.core.desk import open_desk
    from app.training.decisions import roll_back
    from db.people.acting import OPERATOR, acting

    with open_desk() as desk, acting(desk.store, OPERATOR, "decide about an adapter") as act:
        row = roll_back(act, desk.settings, reason=reason)
    _say_active(row, as_json)


def _say_active(row: AdapterRow, as_json: bool) -> None:
    if as_json:
        write_json(_as_json(row, row.name, None))
    else:
        write(f"{row.name} is active.")


def _as_json(row: AdapterRow, active: str | None, gate: Mapping[str, Any] | None) -> dict[str, Any]:
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
        "gate": dict(gate or {}) or None,
    }


def _change(change: ActivationRow) -> dict[str, Any]:
    return {"at": change.at.isoformat(), "by": change.by, "reason": change.reason}


def _word(gate: Mapping[str, Any] | None) -> str:
    """An adapter's verdict in a word, or that a person rejected it; empty where no run of this desk made it."""
    from app.training.decisions import rejection

    if not gate:
        return ""
    if rejection(gate) is not None:
        return "rejected"
    return str(gate.get("outcome") or ("better" if gate.get("passed") else "not better"))


def _figure(row: AdapterRow) -> str:
    value = (row.metrics.get("macro") or {}).get("normalised")
    return "" if value is None else f"{value:.3f}"


def publish(
    name: Annotated[str, typer.Argument(help="An adapter's name; caseloop adapters list shows them.")],
    destination: Annotated[str, typer.Argument(help="A hub id owner/name, or a URL: s3://, gs://, file:// ...")],
    private: Annotated[bool, typer.Option("--private/--public", help="Who may see a new hub repository.")] = True,
    replace: Annotated[bool, typer.Option("--replace", help="Replace another adapter at the destination.")] = False,
    as_json: Json = False,
) -> None:
    """Publish an adapter for others to pull: weights, configuration, calibration, words, model card, manifest.

    Publishing it again changes nothing. Keys come from the environment: HF_TOKEN, AWS_ACCESS_KEY_ID and the like.

    \b
    Example:
      caseloop adapters publish run-0002 my-registry/oncology-adapter
      caseloop adapters publish run-0002 s3://bucket/adapters/run-0002
    """
    place = _place(destination, private=private)
    from app.core.desk import open_desk
    from app.sharing.publishing import publish as put

    with open_desk() as desk, progress_bar("Publishing") as advance:
        done = put(desk, name, place, replace=replace, advance=advance)
    if as_json:
        write_json({"adapter": done.adapter, "place": done.place, "bytes": done.n_bytes, "files": list(done.files)})
    else:
        write(done.sentence)


def pull(
    source: Annotated[str, typer.Argument(help="A hub id owner/name, or a URL: s3://, gs://, file:// ...")],
    name: Annotated[str | None, typer.Option(help="Name it gets here. Default: its own.")] = None,
    base: Annotated[str | None, typer.Option(help="Its base model, if no other adapter uses it yet.")] = None,
    as_json: Json = False,
) -> None:
    """Pull a published adapter. It is checked completely before it appears, and does not take over by itself.

    \b
    Example:
      caseloop adapters pull my-registry/oncology-adapter
      caseloop adapters pull s3://bucket/adapters/run-0002 --name theirs
    """
    place = _place(source)
    from pathlib import Path

    from app.cli.shared.beginning import open_or_begin_desk
    from app.core.settings import is_hub_id
    from app.sharing.publishing import pull as bring

    if base is not None and not is_hub_id(base):
        base = str(Path(base).expanduser().absolute())
    with open_or_begin_desk() as desk, progress_bar("Pulling") as advance:
        row = bring(desk, place, name=name, base=base, advance=advance)
    if as_json:
        write_json({"adapter": row.name, "base": row.base, "weights_sha256": row.weights_sha256})
    else:
        write(f"{row.name} is here. To let it take over: caseloop adapters activate {row.name}")


def _place(where: str, *, private: bool = True) -> Place:
    quiet_environment(where)  # before the hub's library is imported: it may be asked only where a hub id was named
    from app.sharing.remotes import open_place

    return open_place(where, private=private)
