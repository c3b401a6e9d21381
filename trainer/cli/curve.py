"""`python -m trainer curve`: a learning curve from a snapshot and a hold-out, or with simulated reviewers."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.gate.learning_curve import Curve, Point, Share, findings
from trainer.cli.options import add_options, config_of

if TYPE_CHECKING:
    from data.task import Task


def curve_options(
    parser: argparse.ArgumentParser,
    *,
    task_of: Callable[[argparse.Namespace], Task],
    is_hub_allowed: Callable[[argparse.Namespace], bool],
) -> None:
    """Add the options that no other command has.

    Args:
        parser: of the command; the options of a model are added by the caller.
        task_of: the task that was chosen.
        is_hub_allowed: whether a hub name was given.
    """
    parser.description = (
        "Train on growing parts of the reviewed notes and measure each; repeat the command to continue."
    )
    parser.set_defaults(run=lambda options: _curve(options, task_of(options), is_hub_allowed(options)))
    parser.add_argument(
        "run_dir", type=Path, help="directory of the curve; repeat the command to continue a stopped one"
    )
    parser.add_argument("--snapshot", type=Path, help="training rows (default: snapshot.jsonl in the directory)")
    parser.add_argument("--holdout", type=Path, help="rows to measure on (default: holdout.jsonl there)")
    parser.add_argument("--labelled", type=Path, help="simulate reviewers who answer with the labels of this file")
    parser.add_argument("--holdout-rows", type=int, default=500, help="how many of its last rows to measure on")
    parser.add_argument("--style", help="the convention that simulated reviewers label by, such as registry")
    parser.add_argument("--parent", help="adapter to measure first, and to continue from in warm mode")
    points = parser.add_mutually_exclusive_group()
    points.add_argument("--shares", type=_numbers(float), help="per cent of the reviewed notes (0,25,50,75,100)")
    points.add_argument("--counts", type=_numbers(int), help="the same as numbers of notes: 0,100,300")
    parser.add_argument("--seeds", type=int, default=1, help="runs for each point")
    parser.add_argument("--config", type=Path, help="settings (default: config.json in the directory, if any)")
    add_options(parser)


def _numbers(kind: Callable[[str], Any]) -> Callable[[str], list[Any]]:
    def numbers(words: str) -> list[Any]:
        return [kind(word) for word in words.split(",")]

    return numbers


def _curve(options: argparse.Namespace, task: Task, allow_hub: bool) -> int:
    from trainer.config import make_config
    from trainer.run.directory import RunDir
    from trainer.run.learning_curve import Plan, draw_curve, simulate_reviews

    run = RunDir(options.run_dir)
    snapshot, holdout = options.snapshot or run.snapshot, options.holdout or run.holdout
    if options.labelled:
        snapshot, holdout = simulate_reviews(
            task, options.labelled, options.run_dir, n_holdout=options.holdout_rows, style=options.style
        )
    stored = options.config or (run.config if run.config.exists() else None)
    plan = Plan(
        base=options.base,
        parent=options.parent,
        snapshot=snapshot,
        holdout=holdout,
        counts=options.counts,
        n_seeds=options.seeds,
        config=config_of(options, stored) or make_config(),
        device=options.device,
        allow_hub=allow_hub,
        task=task,
        **({"percents": options.shares} if options.shares else {}),
    )
    curve = draw_curve(options.run_dir, plan, lambda point: print(_line(point), file=sys.stderr, flush=True))
    titles = {field.key: field.title for field in task.fields}
    sentences = [finding.sentence for finding in findings(curve, titles)]
    if options.json:
        print(json.dumps({**curve.model_dump(mode="json"), "sentences": sentences}))
        return 0
    _say(curve)
    print("\n".join(sentences))
    return 0


def _line(point: Point) -> str:
    steps = "" if point.n_steps is None else f"{point.n_steps:,} steps, "
    return f"{point.n_corrections:,} reviewed notes: {_band_words(point.macro)} right, {steps}{point.seconds:.0f} s"


def _say(curve: Curve) -> None:
    print(f"{'':24}" + "".join(f"{point.n_corrections:>20,}" for point in curve.points))
    for key in [*curve.gain.fields, "macro"]:
        cells = (_band_words(point.macro if key == "macro" else point.fields[key]) for point in curve.points)
        print(f"{key:24}" + "".join(f"{cell:>20}" for cell in cells))


def _band_words(share: Share) -> str:
    band = "" if share.low is None or share.high is None else f" ({share.low:.3f}-{share.high:.3f})"
    return f"{share.value:.3f}{band}"
