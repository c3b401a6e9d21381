"""train, evaluate: better adapters, and how good they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from app.cli.shared.engine_options import AdapterName, BaseUrl, Engine, Model, choose_engine
from app.cli.shared.training_options import TrainCommand, checked_settings, typed_settings
from app.core.errors import InputError
from app.core.terminal import Advance, progress_bar, say, write, write_json, write_table

if TYPE_CHECKING:
    from app.training.conclusion import Outcome
    from app.training.curves import Drawn
    from app.training.requests import Mode, Progress, TrainOptions
    from data.task import Task

NOT_BETTER = 1
Json = Annotated[bool, typer.Option("--json", help="Print the figures as one JSON object.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(cls=TrainCommand)(train)
    app.command()(evaluate)


def train(  # noqa: PLR0913 - one parameter per option
    ctx: typer.Context,
    *,
    preset: Annotated[str, typer.Option(help="Settings to begin with: fast or published.")] = "fast",
    mode: Annotated[
        str | None,
        typer.Option(
            help="full: a fresh adapter on everything; warm: on from the active adapter. Default: warm once notes were "
            "reviewed or an adapter came from elsewhere."
        ),
    ] = None,
    epochs: Annotated[float | None, typer.Option(help="Passes over the training rows.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Peak learning rate.")] = None,
    max_steps: Annotated[
        int | None, typer.Option(help="Stop after this many optimiser steps; -1 for no limit.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    base: Annotated[str | None, typer.Option(help="Another base model: a directory or a hub id.")] = None,
    no_activate: Annotated[bool, typer.Option("--no-activate", help="Do not change the active adapter.")] = False,
    activate_anyway: Annotated[
        str | None,
        typer.Option(metavar="REASON", help="Activate even if it does not pass the gate; the reason is kept."),
    ] = None,
    curve: Annotated[
        bool,
        typer.Option(
            "--curve", help="Draw a learning curve: train on growing parts of the reviewed notes, activate nothing."
        ),
    ] = False,
    resume: Annotated[str | None, typer.Option(metavar="RUN", help="Continue an interrupted run.")] = None,
    as_json: Json = False,
) -> int:
    """Train an adapter on originals and reviewed notes, measure it on the hold-out, and activate it if it is better.

    It takes over only if the hold-out shows a gain beyond chance and no field fell; otherwise the exit code is 1.

    \b
    Example:
      caseloop train
      caseloop train --mode warm --epochs 1
      caseloop train --preset published
      caseloop train --resume run-0003
      caseloop train --curve
    """
    from app.training.requests import TrainOptions

    options = TrainOptions(
        mode=_mode(mode),
        epochs=epochs,
        learning_rate=learning_rate,
        max_steps=max_steps,
        seed=seed,
        preset=preset,
        settings=checked_settings(preset, typed_settings(ctx)),
        base=_place(base),
        activate=not no_activate,
        activate_anyway=activate_anyway,
        curve=curve,
    )
    return _perform(options, None if resume is None else _run_number(resume), as_json)


def _mode(typed: str | None) -> Mode | None:
    if typed not in (None, "full", "warm"):
        raise InputError(f"Expected --mode full or warm; found {typed!r}.")
    return cast("Mode | None", typed)


def _perform(options: TrainOptions, resumed: int | None, as_json: bool) -> int:
    """Train in the foreground and say what came of it."""
    from app.core.desk import open_desk
    from app.training.curves import Drawn
    from app.training.requests import request_run
    from app.training.runner import train_now
    from db.people.acting import OPERATOR

    with open_desk("training") as desk, progress_bar("Training") as advance:
        outcome = train_now(
            desk,
            lambda: request_run(desk.store, options, OPERATOR) if resumed is None else resumed,
            lambda progress: _show(advance, progress),
            say,
        )
    if isinstance(outcome, Drawn):
        return _report_curve(outcome, as_json)
    return _report(outcome, as_json, was_asked=not options.activate)


def _place(base: str | None) -> str | None:
    from app.core.settings import is_hub_id

    return base if base is None or is_hub_id(base) else str(Path(base).expanduser().absolute())


def _run_number(run: str) -> int:
    digits = run.removeprefix("run-")
    if not digits.isascii() or not digits.isdigit():
        raise InputError(f"Expected a run such as 3 or run-0003; found {run!r}. caseloop status shows the last one.")
    return int(digits)


def _show(advance: Advance, progress: Progress) -> None:
    loss = "" if progress.loss is None else f"loss {progress.loss:.3f}"
    advance(progress.step, progress.n_steps or None, progress.message or loss or progress.state)


def _report(outcome: Outcome, as_json: bool, *, was_asked: bool) -> int:
    if as_json:
        write_json(outcome.to_json())
    else:
        from app.cli.shared.verdict_table import write_verdict
        from data.task import load_task

        write_verdict(load_task(), {**outcome.verdict.to_json(), "sentence": outcome.sentence})
        if outcome.too_long:  # only the trainer could count them; the rest was said before it began
            say(outcome.too_long)
    return 0 if outcome.is_active or (was_asked and outcome.verdict.passed) else NOT_BETTER


def _report_curve(drawn: Drawn, as_json: bool) -> int:
    if as_json:
        write_json(drawn.to_json())
        return 0
    points = drawn.curve.points
    names = [("mean over fields", [point.macro for point in points])]
    names += [(key, [point.fields[key] for point in points]) for key in drawn.curve.gain.fields]
    write_table(
        ("reviewed notes", *(f"{point.n_corrections:,}" for point in points)),
        [(name, *(f"{share.value:.3f}" for share in shares)) for name, shares in names],
    )
    for finding in drawn.findings:
        write(finding.sentence)
    return 0


def evaluate(
    data: Annotated[Path, typer.Option(readable=False, help="Labelled notes as JSON lines.")],
    adapter: Annotated[str | None, typer.Option(metavar="NAME", help="Default: the active one.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Use only the first N notes.")] = None,
    engine: Engine = None,
    base_url: BaseUrl = None,
    model: Model = None,
    adapter_name: AdapterName = None,
    as_json: Json = False,
) -> None:
    """Measure an adapter on labelled notes, field by field, and its form beside an empty one. Nothing is stored.

    "exact", "normalised" and "f1" measure what it proposes; "right in the form" measures what it puts into the
    fields. A line of the file may name other right values: "accept": {"FIELD": ["another value", null]}.

    \b
    Example:
      caseloop evaluate --data labelled.jsonl
      caseloop evaluate --data labelled.jsonl --adapter run-0002 --json
    """
    choose_engine(engine, base_url, model, adapter_name)
    from app.worker.engines import chosen_engine
    from data.evaluation.reliability import COLUMNS, table
    from data.snapshot import read_rows
    from data.task import load_task

    task = load_task()
    rows = read_rows(task, data)[:limit]
    if not rows:
        raise InputError(f"Expected labelled notes in {data}; found none. Each line needs an input and an output.")
    suggester = chosen_engine(task, adapter)
    from trainer.evaluation.evaluate import evaluate as measure

    with progress_bar("Evaluating") as advance:
        score = measure(suggester, rows, task, lambda n_done, n_notes: advance(n_done, n_notes, ""))
    figures: dict[str, Any] = {**score.to_json(), "adapter": suggester.adapter}
    if as_json:
        write_json(figures)
        return
    say(f"{figures['n_notes']} notes, adapter {suggester.adapter}")
    _write_form(task, figures)
    say(f"confidence: {figures['confidence']['source']}")
    write_table(COLUMNS, table(figures["confidence"]))


def _write_form(task: Task, figures: dict[str, Any]) -> None:
    from data.evaluation.form_report import COLUMNS, LENGTH_COLUMNS, field_table, length_table, sentences, warnings

    write_table(COLUMNS, field_table(figures))
    write(f"all fields right: {figures['all_fields']:.3f}   valid JSON: {figures['json_valid']:.3f}")
    for sentence in [*sentences(figures), *warnings(task, figures)]:
        write(sentence)
    write_table(LENGTH_COLUMNS, length_table(figures))
