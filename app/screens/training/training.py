"""The train screen: what a run would learn from, the run under way, the gate's verdict, and which adapter serves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import gradio as gr

from app.core.desk import Desk
from app.core.errors import DeskError, InputError
from app.screens.charts.lines import line_chart
from app.screens.markup import QUICK, calling, empty, moment, percent, table, tried
from app.screens.training.blind import BlindPanel, build_blind
from app.screens.training.blind import show as show_blind
from app.screens.training.curve import build_curve, curve_html
from app.screens.training.material import awaited_html, material_html
from app.screens.training.verdict import VerdictCard, build_verdict, verdict_word
from app.screens.training.verdict import show as show_verdict
from app.screens.trouble import listen
from app.training import decisions as deciding
from app.training.requests import (
    TrainOptions,
    left_out,
    read_log,
    read_progress,
    request_run,
    run_directory,
    run_name,
    stop_run,
    usual_mode,
)
from app.training.too_long import read_counts
from db.training.adapters import AdapterRow, active_adapter, list_adapters
from db.training.runs import TrainingRunRow, get_run, list_runs

N_LOG_LINES = 8
N_RUNS = 12
RUN_STATES = {
    "requested": ("○", "waiting"),
    "running": ("◔", "running"),
    "interrupted": ("–", "interrupted"),
    "failed": ("✕", "failed"),
    "finished": ("●", "finished"),
}
MODES = [("From the start, on everything", "full"), ("Go on from the active adapter", "warm")]


def build_train(desk: Desk, timer: gr.Timer) -> tuple[Any, list[Any], list[Any]]:
    """Lay out the screen and wire its buttons.

    Returns:
        The handler that fills it, its inputs and its outputs: the desk calls it when the tab is opened. While it is
        open the timer goes on filling in what changes.
    """
    with gr.Column() as whole:
        with gr.Row(elem_classes="columns-2"):
            material, mode, epochs, start, stop, said = _next_run()
            current = gr.HTML(elem_classes="card", elem_id="run-current", js_on_load=None)
        card = build_verdict()
        with gr.Row(elem_classes="columns-2"):
            adapters, name, reason, use, back, decided = _adapters()
            runs = gr.HTML(elem_classes="card", elem_id="runs", js_on_load=None)
        curve = build_curve(desk, timer, mode)
    blind = build_blind(desk)
    inputs = [name, card.run, card.seen]
    outputs = [start, stop, adapters, name, current, runs, *card.parts]

    def filled(chosen: str | None, run: str | None, seen: str) -> list[Any]:
        return [*show(desk, chosen), *show_verdict(desk, run, seen)]

    def on(button: Any, place: Any, given: list[Any], action: Callable[..., str]) -> None:
        """Wire a button to what a reviewer does with it: what that says, then everything as it is afterwards."""

        def acted(request: gr.Request, chosen: str | None, run: str | None, seen: str, *values: str) -> list[Any]:
            spoke = tried(lambda: action(desk, request.username, *values))
            return [spoke, *filled(chosen, run, seen)]

        listen(button.click, acted, ([*inputs, *given], [place, *outputs]), "train", "That was not done", **QUICK)

    on(start, said, [mode, epochs], request_training)
    on(stop, said, [], stop_training)
    on(use, decided, [name, reason], activate_adapter)
    on(back, decided, [reason], roll_back)
    on(card.activate, card.said, [card.run, card.reason], activate_run)
    on(card.reject, card.said, [card.run, card.reason], reject_run)
    on(card.back, card.said, [card.reason], roll_back)
    timer.tick(lambda shown: awaited_html(desk, shown), [material], [material], **QUICK)
    for event in (timer.tick, card.run.input):
        listen(event, filled, (inputs, outputs), "train", **QUICK)
    _wire_blind(desk, blind, card, [whole, blind.whole, timer], (filled, inputs, outputs))

    def opened(*shown: str) -> list[Any]:
        with desk.store.reading() as session:
            usual = usual_mode(session)
        return [material_html(desk), gr.Radio(value=usual), curve_html(desk), *filled(*shown)]

    return opened, inputs, [material, mode, curve, *outputs]


def _next_run() -> list[Any]:
    """The card that asks for a run: material, mode, epochs, start, stop, what was said."""
    with gr.Column(elem_classes="card"):
        material = gr.HTML(js_on_load=None)
        mode = gr.Radio(MODES, value="full", label="Begin", elem_id="train-mode")
        with gr.Row(elem_classes="line"):
            epochs = gr.Textbox(label="Epochs", placeholder="automatic", max_lines=1, elem_id="train-epochs")
            start = gr.Button("Start training", variant="primary", elem_id="train-start", min_width=0)
            stop = gr.Button("Stop", elem_id="train-stop", min_width=0, interactive=False)
        said = gr.HTML(elem_id="train-said", js_on_load=None)
    return [material, mode, epochs, start, stop, said]


def _adapters() -> list[Any]:
    """The card with the adapters: table, choice, reason, activate, roll back, what was said."""
    with gr.Column(elem_classes="card"):
        adapters = gr.HTML(elem_id="adapters", js_on_load=None)
        with gr.Row(elem_classes="line"):
            name = gr.Dropdown([], label="Adapter", elem_id="adapter-choice", min_width=120)
            reason = gr.Textbox(label="Reason", placeholder="why this one", elem_id="adapter-reason", max_lines=1)
        with gr.Row(elem_classes="line"):
            use = gr.Button("Activate", elem_id="adapter-activate", min_width=0)
            back = gr.Button("Roll back to the one before", elem_id="adapter-rollback", min_width=0)
        decided = gr.HTML(elem_id="adapter-said", js_on_load=None)
    return [adapters, name, reason, use, back, decided]


def _wire_blind(
    desk: Desk, blind: BlindPanel, card: VerdictCard, places: list[Any], screen: tuple[Any, list[Any], list[Any]]
) -> None:
    """Open the blind comparison in the place of the whole screen, without a timer, and bring the screen back."""
    filled, inputs, outputs = screen

    def opened(request: gr.Request, run: str | None) -> list[Any]:
        hidden = [gr.Column(visible=False), gr.Column(visible=True), gr.Timer(active=False)]
        return [*hidden, *show_blind(desk, request.username, f"{run}:")]

    def closed(chosen: str | None, run: str | None, _seen: str) -> list[Any]:
        shown = [gr.Column(visible=True), gr.Column(visible=False), gr.Timer(active=True)]
        return [*shown, *filled(chosen, run, "")]

    hide, tell = (calling("status.js", "hideAdapter", is_hidden) for is_hidden in (True, False))
    card.compare.click(opened, [card.run], [*places, *blind.parts], **QUICK).success(None, js=hide)
    blind.stop.click(closed, inputs, [*places, *outputs], **QUICK).success(None, js=tell)


def request_training(desk: Desk, reviewer: str, mode: str, epochs: str) -> str:
    """Ask for a run with the options of the form."""
    try:
        n_epochs = float(epochs.replace(",", ".")) if epochs.strip() else None
    except ValueError:
        raise InputError("Expected a number of epochs; found something else. Leave it empty if unsure.") from None
    options = TrainOptions(mode="warm" if mode == "warm" else "full", epochs=n_epochs)
    return f"{run_name(request_run(desk.store, options, reviewer))} is waiting for the trainer."


def stop_training(desk: Desk, reviewer: str) -> str:
    """Stop the run that waits or is under way.

    Raises:
        NotAllowed: whoever asks may not train.
    """
    with desk.store.reading() as session:
        run = _under_way(list_runs(session))
    if run is None:
        raise DeskError("Expected a training run to be under way; found none.")
    stop_run(desk.store, desk.settings, run.id, reviewer)
    return f"{run_name(run.id)} was told to stop."


def activate_adapter(desk: Desk, reviewer: str, name: str | None, reason: str) -> str:
    """Let an adapter take over; one that did not pass its gate, or was rejected, needs a reason."""
    if not name:
        raise InputError("Expected an adapter to be chosen; found none. Choose one from the list.")
    with desk.store.transaction() as session:
        deciding.activate_adapter(desk.settings, session, name, reason=reason, by=reviewer)
    return f"{name} is active. Notes that are still to review get its suggestions."


def activate_run(desk: Desk, reviewer: str, run_id: str | None, reason: str) -> str:
    """Let the adapter of a run take over."""
    with desk.store.reading() as session:
        run = get_run(session, int(run_id or 0))
    return activate_adapter(desk, reviewer, run.adapter, reason)


def reject_run(desk: Desk, reviewer: str, run_id: str | None, reason: str) -> str:
    """Mark the adapter of a run as rejected, with a reason."""
    with desk.store.transaction() as session:
        name = get_run(session, int(run_id or 0)).adapter or ""
        row = deciding.reject_adapter(session, name, reason=reason, by=reviewer)
    return f"{row.name} is rejected. It takes over later only with a reason."


def roll_back(desk: Desk, reviewer: str, reason: str) -> str:
    """Return to the adapter that was active before."""
    with desk.store.transaction() as session:
        row = deciding.roll_back(desk.settings, session, by=reviewer, reason=reason)
    return f"{row.name} is active again."


def show(desk: Desk, chosen: str | None) -> list[Any]:
    """Values of the screen's parts that change by themselves."""
    with desk.store.reading() as session:
        runs = list_runs(session)
        adapters, active = list_adapters(session), active_adapter(session)
    under_way = _under_way(runs)
    names = [row.name for row in adapters]
    latest = max(runs, key=lambda run: run.id, default=None)
    return [
        gr.Button(interactive=under_way is None),
        gr.Button(interactive=under_way is not None),
        adapters_html(adapters, active.name if active else None, runs),
        gr.Dropdown(choices=names, value=chosen if chosen in names else (names[-1] if names else None)),
        run_html(desk, under_way or latest),
        runs_html(runs),
    ]


def _under_way(runs: list[TrainingRunRow]) -> TrainingRunRow | None:
    return next((run for run in runs if run.status in ("requested", "running")), None)


def adapters_html(adapters: list[AdapterRow], active: str | None, runs: Sequence[TrainingRunRow] = ()) -> str:
    """The adapters as a table, the active one marked by a word, and a rejected one by whom, when and why."""
    rejected = {run.adapter: rejection for run in runs if (rejection := deciding.rejection(run.gate))}
    title = "<h3>Adapters</h3>"
    if not adapters:
        return title + empty("No adapter yet.", "Start the desk with caseloop serve to load the embedded one.")
    rows = (
        (
            f"<b>{escape(row.name)}</b>{' ● active' if row.name == active else ''}{_rejected(rejected.get(row.name))}",
            f'<span class="quiet">{escape(row.parent or "–")}</span>',
            percent(_right(row.metrics)),
            moment(row.added_at),
        )
        for row in adapters
    )
    return title + table(("Adapter", "From", "Right on hold-out", "Added"), rows, numbers=[2])


def _rejected(decision: Mapping[str, Any] | None) -> str:
    if decision is None:
        return ""
    said = f"{decision['by']}, {str(decision['at'])[:10]}: {decision['reason']}"
    return f' ✕ rejected <span class="quiet">by {escape(said)}</span>'


def _right(score: Mapping[str, Any] | None) -> float | None:
    value = ((score or {}).get("macro") or {}).get("normalised")
    return None if value is None else float(value)


def run_html(desk: Desk, run: TrainingRunRow | None) -> str:
    """The run under way, or what came of the last one."""
    if run is None:
        return "<h3>No run yet</h3><p class='quiet'>Start one when some notes are reviewed.</p>"
    title = f"<h3>{run_name(run.id)} {_state(run)}</h3>"
    if run.status == "finished" and run.gate:
        return (
            title + '<p class="quiet">Its verdict is below.</p>' + _curve_and_log(run_directory(desk.settings, run.id))
        )
    directory = run_directory(desk.settings, run.id)
    message = (
        f'<p class="{"trouble" if run.status == "failed" else "quiet"}">{escape(run.message)}</p>'
        if run.message
        else ""
    )
    if run.status == "requested":
        message = message or '<p class="quiet">It starts within a second while caseloop serve runs.</p>'
    meter = _meter(directory) if run.status == "running" else ""
    said = left_out({**run.config, **read_counts(directory)})
    message += f'<p class="quiet">{escape(said)}</p>' if said else ""
    return title + message + meter + _curve_and_log(directory)


def _state(run: TrainingRunRow) -> str:
    shape, word = RUN_STATES.get(run.status, ("○", run.status))
    return f'<span class="state"><i aria-hidden="true">{shape}</i> {escape(word)}</span>'


def _meter(directory: Any) -> str:
    progress = read_progress(directory)
    if progress is None:
        return '<p class="quiet">Starting.</p>'
    share = progress.step / progress.n_steps if progress.n_steps else 0.0
    parts = [progress.message or progress.state]
    if progress.n_steps:
        parts.append(f"step {progress.step:,} of {progress.n_steps:,}")
    if progress.loss is not None:
        parts.append(f"loss {progress.loss:.3f}")
    if progress.eta_s is not None:
        parts.append(
            f"{progress.eta_s / 60:.0f} min to go" if progress.eta_s >= 90 else f"{progress.eta_s:.0f} s to go"
        )
    return (
        '<div class="meter" role="progressbar" aria-valuemin="0" aria-valuemax="100"'
        f' aria-valuenow="{100 * share:.0f}">'
        f'<i style="width:{100 * share:.1f}%"></i></div><p>{escape(", ".join(parts))}</p>'
    )


def _curve_and_log(directory: Any) -> str:
    entries = read_log(directory)
    if not entries:
        return ""
    loss = [(float(e["step"]), float(e["loss"])) for e in entries if "step" in e and e.get("loss") is not None]
    held = [
        (float(e["step"]), float(e["eval_loss"])) for e in entries if "step" in e and e.get("eval_loss") is not None
    ]
    chart = line_chart({"training loss": loss, "loss on checks": held}, x="step", y="loss")
    lines = "\n".join(_log_line(entry) for entry in entries[-N_LOG_LINES:])
    return f"{chart}<pre class='log' tabindex='0'>{escape(lines)}</pre>"


def _log_line(entry: Mapping[str, Any]) -> str:
    return "  ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in entry.items()
        if isinstance(value, (int, float, str))
    )


def runs_html(runs: list[TrainingRunRow]) -> str:
    """The last runs as a table, newest first."""
    if not runs:
        return "<h3>Runs</h3><p class='quiet'>None yet.</p>"
    newest = sorted(runs, key=lambda run: -run.id)[:N_RUNS]
    rows = (
        (
            f"<b>{run_name(run.id)}</b>",
            _state(run),
            verdict_word(run) if run.gate else "",
            moment(run.created_at),
            "–" if run.n_rows is None else f"{run.n_rows:,}",
            escape(run.requested_by),
        )
        for run in newest
    )
    return "<h3>Runs</h3>" + table(("Run", "State", "Verdict", "Asked for", "Rows", "By"), rows, numbers=[4])
