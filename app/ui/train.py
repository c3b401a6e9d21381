"""The train screen: what a run would learn from, the run under way, the gate's verdict, and which adapter serves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import gradio as gr

from app.adapters import activate_present
from app.desk import Desk
from app.failures import DeskError, InputError, sentence_of
from app.training import TrainOptions, read_log, read_progress, request_run, run_directory, run_name, stop_run
from app.ui.charts import line_chart, reliability_chart, two_bars
from app.ui.context import QUICK, empty, moment, percent, plural, table
from data.reliability import WANTED_ACCURACY
from data.task import Task
from db.adapters import AdapterRow, activations, active_adapter, list_adapters, rollback
from db.annotations import holdout_rows, reviewed, training_rows
from db.runs import TrainingRunRow, list_runs
from db.session import StoreError

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
    with gr.Row(elem_classes="columns-2"):
        with gr.Column():
            with gr.Column(elem_classes="card"):
                material = gr.HTML(js_on_load=None)
                mode = gr.Radio(MODES, value="full", label="Begin", elem_id="train-mode")
                with gr.Row(elem_classes="line"):
                    epochs = gr.Textbox(label="Epochs", placeholder="automatic", max_lines=1, elem_id="train-epochs")
                    start = gr.Button("Start training", variant="primary", elem_id="train-start", min_width=0)
                    stop = gr.Button("Stop", elem_id="train-stop", min_width=0, interactive=False)
                said = gr.HTML(elem_id="train-said", js_on_load=None)
            with gr.Column(elem_classes="card"):
                adapters = gr.HTML(elem_id="adapters", js_on_load=None)
                with gr.Row(elem_classes="line"):
                    name = gr.Dropdown([], label="Adapter", elem_id="adapter-choice", min_width=120)
                    reason = gr.Textbox(
                        label="Reason", placeholder="why this one", elem_id="adapter-reason", max_lines=1
                    )
                with gr.Row(elem_classes="line"):
                    use = gr.Button("Activate", elem_id="adapter-activate", min_width=0)
                    back = gr.Button("Roll back to the one before", elem_id="adapter-rollback", min_width=0)
                decided = gr.HTML(elem_id="adapter-said", js_on_load=None)
        with gr.Column():
            current = gr.HTML(elem_classes="card", elem_id="run-current", js_on_load=None)
            runs = gr.HTML(elem_classes="card", elem_id="runs", js_on_load=None)
    outputs = [start, stop, adapters, name, current, runs]

    def opened(chosen: str | None) -> list[Any]:
        return [material_html(desk), *show(desk, chosen)]

    def acted(action: Callable[[], str], chosen: str | None) -> list[Any]:
        said_now = tried(action)
        return [said_now, *show(desk, chosen)]

    def started(request: gr.Request, mode: str, epochs: str, chosen: str | None) -> list[Any]:
        return acted(lambda: request_training(desk, request.username, mode, epochs), chosen)

    def stopped(chosen: str | None) -> list[Any]:
        return acted(lambda: stop_training(desk), chosen)

    def activated(request: gr.Request, chosen: str | None, reason: str) -> list[Any]:
        return acted(lambda: activate_adapter(desk, request.username, chosen, reason), chosen)

    def rolled_back(request: gr.Request, chosen: str | None) -> list[Any]:
        return acted(lambda: roll_back(desk, request.username), chosen)

    start.click(started, [mode, epochs, name], [said, *outputs], **QUICK)
    stop.click(stopped, [name], [said, *outputs], **QUICK)
    use.click(activated, [name, reason], [decided, *outputs], **QUICK)
    back.click(rolled_back, [name], [decided, *outputs], **QUICK)
    timer.tick(lambda chosen: show(desk, chosen), [name], outputs, **QUICK)
    return opened, [name], [material, *outputs]


def tried(action: Callable[[], str]) -> str:
    """What an action says, or why it was refused, as markup."""
    try:
        return f'<p role="status">{escape(action())}</p>'
    except (DeskError, InputError, StoreError) as error:
        return f'<p role="alert" class="trouble">{escape(sentence_of(error))}</p>'


def request_training(desk: Desk, reviewer: str, mode: str, epochs: str) -> str:
    """Ask for a run with the options of the form."""
    try:
        n_epochs = float(epochs.replace(",", ".")) if epochs.strip() else None
    except ValueError:
        raise InputError("Expected a number of epochs; found something else. Leave it empty if unsure.") from None
    options = TrainOptions(mode="warm" if mode == "warm" else "full", epochs=n_epochs)
    return f"{run_name(request_run(desk.store, options, reviewer))} is waiting for the trainer."


def stop_training(desk: Desk) -> str:
    """Stop the run that waits or is under way."""
    with desk.store.reading() as session:
        run = _under_way(list_runs(session))
    if run is None:
        raise DeskError("Expected a training run to be under way; found none.")
    stop_run(desk.store, desk.settings, run.id)
    return f"{run_name(run.id)} was told to stop."


def activate_adapter(desk: Desk, reviewer: str, name: str | None, reason: str) -> str:
    """Let an adapter take over; one that did not pass its gate needs a reason."""
    if not name:
        raise InputError("Expected an adapter to be chosen; found none. Choose one from the list.")
    with desk.store.transaction() as session:
        refused = any(run.adapter == name and run.gate and not run.gate.get("passed") for run in list_runs(session))
        if refused and not reason.strip():
            raise InputError(
                f"Expected a reason, because {name} did not beat the active adapter; found none. Write why."
            )
        why = reason.strip() or "chosen at the desk"
        activate_present(desk.settings, session, name, reason=why, by=reviewer)
    return f"{name} is active. Notes that are still to review get its suggestions."


def roll_back(desk: Desk, reviewer: str) -> str:
    """Return to the adapter that was active before."""
    with desk.store.transaction() as session:
        row = rollback(session, by=reviewer)
    return f"{row.name} is active again."


def material_html(desk: Desk) -> str:
    """What the next run would learn from. Reads every labelled note, so it is for the opening of the tab."""
    with desk.store.reading() as session:
        sources = Counter(row.source for row in training_rows(session, desk.task))
        n_holdout = sum(1 for _ in holdout_rows(session, desk.task))
        history = activations(session)
        since = history[0].at if history else None
        n_new = sum(row.note.split == "train" for row in reviewed(session, since=since))
    new = f", {n_new:,} of them since the active adapter took over" if history and sources["annotation"] else ""
    return (
        f"<h3>The next run</h3><p>It learns from <b>{plural(sources['original'], 'original')}</b> that came with labels"
        f" and <b>{plural(sources['annotation'], 'reviewed note')}</b>{new}."
        f" {plural(n_holdout, 'labelled note')} are held out: never learned from, they decide whether it is better.</p>"
    )


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
        adapters_html(adapters, active.name if active else None),
        gr.Dropdown(choices=names, value=chosen if chosen in names else (names[-1] if names else None)),
        run_html(desk, under_way or latest),
        runs_html(runs),
    ]


def _under_way(runs: list[TrainingRunRow]) -> TrainingRunRow | None:
    return next((run for run in runs if run.status in ("requested", "running")), None)


def adapters_html(adapters: list[AdapterRow], active: str | None) -> str:
    """The adapters as a table, the active one marked by a word."""
    title = "<h3>Adapters</h3>"
    if not adapters:
        return title + empty("No adapter yet.", "Start the desk with caseloop serve to load the embedded one.")
    rows = (
        (
            f"<b>{escape(row.name)}</b>{' ● active' if row.name == active else ''}",
            f'<span class="quiet">{escape(row.parent or "–")}</span>',
            percent(_right(row.metrics)),
            moment(row.added_at),
        )
        for row in adapters
    )
    return title + table(("Adapter", "From", "Right on hold-out", "Added"), rows, numbers=[2])


def _right(score: Mapping[str, Any] | None) -> float | None:
    value = ((score or {}).get("macro") or {}).get("normalised")
    return None if value is None else float(value)


def run_html(desk: Desk, run: TrainingRunRow | None) -> str:
    """The run under way, or what came of the last one."""
    if run is None:
        return "<h3>No run yet</h3><p class='quiet'>Start one when some notes are reviewed.</p>"
    title = f"<h3>{run_name(run.id)} {_state(run)}</h3>"
    directory = run_directory(desk.settings, run.id)
    message = (
        f'<p class="{"trouble" if run.status == "failed" else "quiet"}">{escape(run.message)}</p>'
        if run.message
        else ""
    )
    if run.status == "requested":
        message = message or '<p class="quiet">It starts within a second while caseloop serve runs.</p>'
    meter = _meter(directory) if run.status == "running" else ""
    return title + message + meter + _verdict(desk.task, run) + _curve_and_log(directory)


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


def _verdict(task: Task, run: TrainingRunRow) -> str:
    if not run.gate:
        return ""
    passed = bool(run.gate.get("passed"))
    sentence = escape(str(run.gate.get("sentence", "")))
    verdict = f'<p class="verdict {"passed" if passed else "refused"}">{"✓" if passed else "▲"} {sentence}</p>'
    metrics = run.metrics or {}
    old, new = metrics.get("old") or {}, metrics.get("new") or metrics
    shares = [(field.title, _of(old, field.key), _of(new, field.key)) for field in task.fields]
    if all(share is None for _, _, share in shares):
        return verdict
    columns = ("Field", "", '<i class="swatch"></i>Active then', '<i class="swatch new"></i>New')
    rows = (
        (escape(title), two_bars(before, after), percent(before), percent(after)) for title, before, after in shares
    )
    return verdict + table(columns, rows, numbers=[2, 3]) + confidence_html(new.get("confidence"))


def confidence_html(measured: Mapping[str, Any] | None) -> str:
    """How far an adapter's confidence can be trusted: a sentence, and the diagram that supports it.

    Args:
        measured: of `data.scoring.Confidence.to_json`, None where it was not.
    """
    figures = (measured or {}).get("overall")
    if not measured or not figures:
        return ""
    covered = float(figures[f"coverage_at_{WANTED_ACCURACY}"])
    kept = (
        f"of the surest {percent(covered)} of its values {percent(WANTED_ACCURACY)} are right"
        if covered
        else f"no share of its values is {percent(WANTED_ACCURACY)} right"
    )
    return (
        "<h3>What its confidence means</h3>"
        f"<p>On {figures['n']:,} values of the hold-out the new adapter's confidence is off by"
        f" {percent(figures['ece'])} on average, where chance alone makes {percent(figures['ece_noise'])}; {kept}.</p>"
        + reliability_chart(figures["bins"])
        + f'<p class="quiet">Confidence from: {escape(str(measured["source"]))}.</p>'
    )


def _of(score: Mapping[str, Any], key: str) -> float | None:
    value = ((score.get("fields") or {}).get(key) or {}).get("normalised")
    return None if value is None else float(value)


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
            moment(run.created_at),
            "–" if run.n_rows is None else f"{run.n_rows:,}",
            escape(run.requested_by),
        )
        for run in newest
    )
    return "<h3>Runs</h3>" + table(("Run", "State", "Asked for", "Rows", "By"), rows, numbers=[3])
