"""The train screen: what a run would learn from, the run under way, the gate's verdict, and which adapter serves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from markupsafe import Markup

from app.core.desk import Desk
from app.core.errors import DeskError, InputError
from app.core.templates import Pieces
from app.screens.charts.plots import line_chart
from app.screens.markup import QUICK, call_script, try_action
from app.screens.training.blind import BlindPanel, build_blind
from app.screens.training.blind import show as show_blind
from app.screens.training.curve import build_curve, curve_html
from app.screens.training.material import awaited_html, material_html
from app.screens.training.verdict import VerdictCard, build_verdict, verdict_word
from app.screens.training.verdict import show as show_verdict
from app.screens.trouble import listen
from app.training import decisions as deciding
from app.training.material import describe_left_out, read_counts
from app.training.requests import (
    TrainOptions,
    read_log,
    read_progress,
    request_run,
    run_directory,
    run_name,
    stop_run,
    usual_mode,
)
from db.people.acting import acting
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
_HTML = Pieces("screens/training/training.html")
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

    def fill(chosen: str | None, run: str | None, seen: str) -> list[Any]:
        return [*show(desk, chosen), *show_verdict(desk, run, seen)]

    def wire(button: Any, place: Any, given: list[Any], action: Callable[..., str]) -> None:
        """Wire a button to what a reviewer does with it: what that says, then everything as it is afterwards."""

        def act(request: gr.Request, chosen: str | None, run: str | None, seen: str, *values: str) -> list[Any]:
            spoke = try_action(lambda: action(desk, request.username, *values))
            return [spoke, *fill(chosen, run, seen)]

        listen(button.click, act, ([*inputs, *given], [place, *outputs]), "train", "That did not work", **QUICK)

    wire(start, said, [mode, epochs], request_training)
    wire(stop, said, [], stop_training)
    wire(use, decided, [name, reason], activate_adapter)
    wire(back, decided, [reason], roll_back)
    wire(card.activate, card.said, [card.run, card.reason], activate_run)
    wire(card.reject, card.said, [card.run, card.reason], reject_run)
    wire(card.back, card.said, [card.reason], roll_back)
    timer.tick(lambda shown: awaited_html(desk, shown), [material], [material], **QUICK)
    for event in (timer.tick, card.run.input):
        listen(event, fill, (inputs, outputs), "train", **QUICK)
    _wire_blind(desk, blind, card, [whole, blind.whole, timer], (fill, inputs, outputs))

    def open_train(*shown: str) -> list[Any]:
        with desk.store.reading() as session:
            usual = usual_mode(session)
        return [material_html(desk), gr.Radio(value=usual), curve_html(desk), *fill(*shown)]

    return open_train, inputs, [material, mode, curve, *outputs]


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

    def open_blind(request: gr.Request, run: str | None) -> list[Any]:
        hidden = [gr.Column(visible=False), gr.Column(visible=True), gr.Timer(active=False)]
        return [*hidden, *show_blind(desk, request.username, f"{run}:")]

    def close_blind(chosen: str | None, run: str | None, _seen: str) -> list[Any]:
        shown = [gr.Column(visible=True), gr.Column(visible=False), gr.Timer(active=True)]
        return [*shown, *filled(chosen, run, "")]

    hide, tell = (call_script("status.js", "hideAdapter", is_hidden) for is_hidden in (True, False))
    card.compare.click(open_blind, [card.run], [*places, *blind.parts], **QUICK).success(None, js=hide)
    blind.stop.click(close_blind, inputs, [*places, *outputs], **QUICK).success(None, js=tell)


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
        run = _find_under_way(list_runs(session))
    if run is None:
        raise DeskError("No training run is under way.")
    stop_run(desk.store, desk.settings, run.id, reviewer)
    return f"{run_name(run.id)} is stopping."


def activate_adapter(desk: Desk, reviewer: str, name: str | None, reason: str) -> str:
    """Let an adapter take over; one that did not pass its gate, or was rejected, needs a reason."""
    if not name:
        raise InputError("Choose an adapter from the list first.")
    with acting(desk.store, reviewer, "decide about an adapter") as act:
        deciding.activate_adapter(act, desk.settings, name, reason=reason)
    return f"{name} is active. Notes that are still to review get its suggestions."


def activate_run(desk: Desk, reviewer: str, run_id: str | None, reason: str) -> str:
    """Let the adapter of a run take over."""
    with desk.store.reading() as session:
        run = get_run(session, int(run_id or 0))
    return activate_adapter(desk, reviewer, run.adapter, reason)


def reject_run(desk: Desk, reviewer: str, run_id: str | None, reason: str) -> str:
    """Mark the adapter of a run as rejected, with a reason."""
    with acting(desk.store, reviewer, "decide about an adapter") as act:
        name = get_run(act.session, int(run_id or 0)).adapter or ""
        row = deciding.reject_adapter(act, name, reason=reason)
    return f"{row.name} is rejected. It takes over later only with a reason."


def roll_back(desk: Desk, reviewer: str, reason: str) -> str:
    """Return to the adapter that was active before."""
    with acting(desk.store, reviewer, "decide about an adapter") as act:
        row = deciding.roll_back(act, desk.settings, reason=reason)
    return f"{row.name} is active again."


def show(desk: Desk, chosen: str | None) -> list[Any]:
    """Values of the screen's parts that change by themselves."""
    with desk.store.reading() as session:
        runs = list_runs(session)
        adapters, active = list_adapters(session), active_adapter(session)
    under_way = _find_under_way(runs)
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


def _find_under_way(runs: list[TrainingRunRow]) -> TrainingRunRow | None:
    return next((run for run in runs if run.status in ("requested", "running")), None)


def adapters_html(adapters: list[AdapterRow], active: str | None, runs: Sequence[TrainingRunRow] = ()) -> Markup:
    """The adapters as a table, the active one marked by a word, and a rejected one by whom, when and why."""
    rejected = {run.adapter: rejection for run in runs if (rejection := deciding.rejection(run.gate))}
    return _HTML.adapters([(row, _right_share(row.metrics), rejected.get(row.name)) for row in adapters], active)


def _right_share(score: Mapping[str, Any] | None) -> float | None:
    value = ((score or {}).get("macro") or {}).get("normalised")
    return None if value is None else float(value)


def run_html(desk: Desk, run: TrainingRunRow | None) -> Markup:
    """The run under way, or what came of the last one."""
    if run is None:
        return _HTML.no_run()
    directory = run_directory(desk.settings, run.id)
    return _HTML.run(
        run_name(run.id),
        RUN_STATES.get(run.status, ("○", run.status)),
        run,
        describe_left_out({**run.config, **read_counts(directory)}),
        _progress(directory),
        *_curve_and_log(directory),
    )


def _progress(directory: Path) -> dict[str, Any] | None:
    """How far a run is, as a share and in words."""
    progress = read_progress(directory)
    if progress is None:
        return None
    parts = [progress.message or progress.state]
    if progress.n_steps:
        parts.append(f"step {progress.step:,} of {progress.n_steps:,}")
    if progress.loss is not None:
        parts.append(f"loss {progress.loss:.3f}")
    if (left_s := progress.eta_s) is not None:
        parts.append(f"{left_s / 60:.0f} min to go" if left_s >= 90 else f"{left_s:.0f} s to go")
    return {"share": progress.step / progress.n_steps if progress.n_steps else 0.0, "words": ", ".join(parts)}


def _curve_and_log(directory: Path) -> tuple[Markup, str]:
    entries = read_log(directory)
    series = {
        word: [
            (float(entry["step"]), float(entry[name]))
            for entry in entries
            if None not in map(entry.get, ("step", name))
        ]
        for word, name in (("training loss", "loss"), ("loss on checks", "eval_loss"))
    }
    return line_chart(series, x="step", y="loss"), "\n".join(map(_log_line, entries[-N_LOG_LINES:]))


def _log_line(entry: Mapping[str, Any]) -> str:
    return "  ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in entry.items()
        if isinstance(value, (int, float, str))
    )


def runs_html(runs: list[TrainingRunRow]) -> Markup:
    """The last runs as a table, newest first."""
    newest = sorted(runs, key=lambda run: -run.id)[:N_RUNS]
    rows = [
        (run, run_name(run.id), RUN_STATES.get(run.status, ("○", run.status)), verdict_word(run) if run.gate else "")
        for run in newest
    ]
    return _HTML.runs(rows)
