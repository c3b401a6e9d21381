"""serve, status: the desk as a whole."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.shared.engine_options import AdapterName, BaseUrl, Engine, Model, choose_engine
from app.core.settings import DEFAULT_HOST, DEFAULT_PORT
from app.core.terminal import say, write, write_json

if TYPE_CHECKING:
    from app.core.desk import Desk
    from app.operations.status import Status


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(serve)
    app.command()(status)


def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on; any but this machine's own needs reviewers who sign in.")
    ] = DEFAULT_HOST,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = DEFAULT_PORT,
    public_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The address browsers use, through a proxy. Or $CASELOOP_PUBLIC_URL."),
    ] = None,
    proxy: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Address of a trusted proxy on another machine. Or $CASELOOP_PROXY.",
        ),
    ] = None,
    engine: Engine = None,
    base_url: BaseUrl = None,
    model: Model = None,
    adapter_name: AdapterName = None,
) -> None:
    """Serve the desk: the screens, the pre-fill worker, and training when it is asked for. Ctrl-C stops all of it.

    The first start on an empty home loads sample notes.

    \b
    Example:
      caseloop serve
      caseloop serve --port 8000
      caseloop serve --public-url https://desk.example.org
      caseloop serve --host 10.0.0.5 --public-url https://desk.example.org --proxy 10.0.0.2
      caseloop serve --engine openai --base-url http://127.0.0.1:8000/v1 --model my-model
    """
    if public_url is not None:
        os.environ["CASELOOP_PUBLIC_URL"] = public_url
    if proxy is not None:
        os.environ["CASELOOP_PROXY"] = proxy
    choose_engine(engine, base_url, model, adapter_name)
    _serve(host, port)


def _serve(host: str, port: int) -> None:
    """Start everything, and wait until it ends."""
    from app.cli.shared.beginning import open_or_begin_desk
    from app.core.desk import load_samples
    from app.core.vanished import note_served
    from app.operations.deleting import finish_deletions
    from app.processes.supervisor import (
        LOOPBACK,
        Supervisor,
        check_host,
        check_port,
        has_gpu,
        serving_lock,
        stop_on_signals,
    )
    from db.people.acting import needs_sign_in

    check_port(host, port)
    with open_or_begin_desk("supervisor", anywhere=True) as desk, serving_lock(desk.settings.home):
        with desk.store.reading() as session:
            check_host(host, has_sign_in=needs_sign_in(session), public_url=desk.settings.public_url)
        note_served(desk.settings)
        if host not in LOOPBACK and not desk.settings.is_secure:
            say("Passwords and notes travel unencrypted: put a proxy with TLS in front; see --public-url.")
        if host not in LOOPBACK and desk.settings.public_url and desk.settings.proxies is None:
            say("Failed sign-ins of everyone behind the proxy count together: name it with --proxy ADDRESS.")
        for done in finish_deletions(desk):
            say(f"Finished what was begun before: {' '.join(done.sentences())}")
        n_samples = load_samples(desk)
        if n_samples:
            say(f"Loaded {n_samples} sample notes.")
        supervisor = Supervisor(
            desk.settings,
            host=host,
            port=port,
            next_run=lambda: _next_run(desk),
            # A worker that only asks a server needs no room on this machine's GPU.
            has_gpu=has_gpu() and desk.settings.served is None,
            store=desk.store,
            report=lambda what: _note_hang(desk, what),
        )
        stop_on_signals(supervisor)
        shown = f"[{host}]" if ":" in host else host
        say(f"Starting the desk of {desk.settings.home} ...")
        supervisor.run(lambda: write(f"The desk is at http://{shown}:{port} (Ctrl-C stops it)"))
    say("Stopped.")


def _next_run(desk: Desk) -> int | None:
    from app.training.requests import next_run
    from db.schema.errors import StoreError

    try:
        return next_run(desk.store, desk.settings)
    except (StoreError, OSError):  # busy, or the disk is full: it is asked again in a second
        return None


def _note_hang(desk: Desk, what: str) -> None:
    from app.operations.status import SUPERVISOR
    from db.people.acting import as_program
    from db.schema.errors import StoreError
    from db.store.heartbeats import set_heartbeat

    with suppress(StoreError), as_program(desk.store) as program:  # the log has it in any case
        set_heartbeat(program, SUPERVISOR, {"restarted": what})


def status(as_json: Annotated[bool, typer.Option("--json", help="Print it as one JSON object.")] = False) -> None:
    """Show counts, the active adapter, the worker, the last training run and the store.

    \b
    Example:
      caseloop status --json
    """
    from app.core.desk import open_desk_to_read
    from app.operations.status import read_status
    from app.training.requests import mark_interrupted

    with open_desk_to_read() as desk:
        if not desk.store.readonly:
            mark_interrupted(desk.store, desk.settings)
        state = read_status(desk)
    if as_json:
        write_json(state.to_json())
    else:
        _write_status(state)


def _write_status(state: Status) -> None:
    from app.training.material import describe_left_out
    from app.training.requests import run_name

    counts, run = state.counts, state.last_run
    write(f"notes     {counts.n_incoming} incoming, {counts.n_originals} originals, {counts.n_holdout} in the hold-out")
    if counts.n_samples:
        write(f"          {counts.n_samples} of them samples: caseloop samples remove")
    write(f"review    {counts.n_todo} to do, {counts.n_draft} drafts, {counts.n_submitted} submitted,")
    write(f"          {counts.n_skipped} skipped, {counts.n_flagged} flagged")
    write(f"pre-fill  {counts.n_prefilled} done, {state.n_waiting} waiting for {state.adapter or 'an adapter'}")
    write(f"adapter   {state.adapter or 'none'}")
    if state.trust is not None:
        write(f"trust     {state.trust.sentence}")
    if state.adapter_fit:
        write(f"          {state.adapter_fit}")
    write(f"worker    {state.worker_state}")
    if state.last_hang is not None:
        at = state.last_hang.at.isoformat(" ", "seconds")
        write(f"restarted {state.last_hang.payload.get('restarted', 'a process')}, at {at}")
    write(f"last run  {'none' if run is None else f'{run_name(run.id)} {run.status}. {run.message}'.rstrip()}")
    if run is not None and (said := describe_left_out(run.config)):
        write(f"          {said}")
    write(f"home      {state.home}{' (can only be read)' if state.is_readonly else ''}")
    unsafe = "" if state.wal_safe else " (has the write-ahead log's bug: install pysqlite3)"
    write(f"store     {state.store}, {state.store_bytes / 1e6:.1f} MB, {state.database}{unsafe}")
