"""`python -m trainer`: train, evaluate and extract without the desk or its database.

Errors are one sentence on standard error and an exit code: 2 for what the caller can put right, 3 for a full disk,
4 for a run that diverged, 5 for too little memory, 143 for a run that was asked to stop and can be resumed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from data.storage.locations import EMBEDDED
from data.task import DEFAULT_TASK, Task, load_task
from trainer.cli.options import add_options, config_of


def main(arguments: list[str] | None = None) -> int:
    """Run a command; the exit code comes back."""
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == ["pretrain"]:
        from trainer.pretraining.command import main as pretrain

        _quiet_environment(None)
        return pretrain(given[1:])
    options = _parser().parse_args(given)
    _quiet_environment(options)
    try:
        return int(options.run(options))
    except (ValueError, RuntimeError, OSError) as error:
        if isinstance(error, FileNotFoundError | IsADirectoryError | PermissionError) and error.filename:
            print(f"Expected a file at {error.filename}; it cannot be read ({error.strerror}).", file=sys.stderr)
            return 2
        if not type(error).__module__.startswith(("trainer.", "data.")):
            raise
        print(error, file=sys.stderr)
        return int(getattr(error, "exit_code", 2))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m trainer", description="Train, evaluate and extract, by files.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _train_options(commands.add_parser("train", help="train an adapter in a run directory, or continue it"))
    _evaluate_options(commands.add_parser("evaluate", help="score an adapter on labelled notes"))
    _extract_options(commands.add_parser("extract", help="one note in, one JSON object out"))
    _calibrate_options(commands.add_parser("calibrate", help="fit an adapter's confidence on labelled notes"))
    _curve_options(commands.add_parser("curve", help="measure an adapter after more and more reviewed notes"))
    _baseline_options(commands.add_parser("baseline", help="score copying the most similar labelled note's answer"))
    commands.add_parser("pretrain", help="make the embedded base and adapter from a pretrained model", add_help=False)
    return parser


def _model_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--base", default=str(EMBEDDED / "base"), help="base model: a directory, or a name on the hub")
    parser.add_argument("--task", type=Path, default=DEFAULT_TASK, help="task file")
    parser.add_argument("--device", help="cpu, cuda or cuda:N; the GPU where there is one")
    parser.add_argument("--json", action="store_true", help="print figures as one JSON object")


def _train_options(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_train)
    parser.add_argument("run_dir", type=Path, help="directory of the run; repeat the command to continue a stopped run")
    parser.add_argument("--snapshot", type=Path, help="training rows (default: snapshot.jsonl in the run directory)")
    parser.add_argument("--holdout", type=Path, help="rows to score on (default: holdout.jsonl there, if it exists)")
    parser.add_argument("--parent", help="adapter to compare with, and to continue from in warm mode")
    parser.add_argument("--name", help="name of the new adapter (default: the run directory's)")
    parser.add_argument(
        "--config", type=Path, help="settings (default: config.json in the run directory, if it exists)"
    )
    add_options(parser)
    _model_options(parser)


def _curve_options(parser: argparse.ArgumentParser) -> None:
    from trainer.cli.curve import curve_options

    curve_options(parser, task_of=_task, is_hub_allowed=_hub_allowed)
    _model_options(parser)


def _evaluate_options(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_evaluate)
    parser.add_argument("--data", type=Path, required=True, help="labelled notes as JSON lines")
    parser.add_argument("--adapter", default=str(EMBEDDED / "adapter"), help="adapter: a directory, or a hub name")
    parser.add_argument("--limit", type=int, help="score only the first N notes")
    parser.add_argument("--predictions", type=Path, help="file to write the answers to, by content hash")
    parser.add_argument("--batch-size", type=int, help="notes decoded together")
    _model_options(parser)


def _calibrate_options(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_calibrate)
    parser.description = "Fit an adapter's confidence on labelled notes that it was not trained on, and keep it there."
    parser.add_argument("--data", type=Path, required=True, help="labelled notes as JSON lines")
    parser.add_argument("--adapter", type=Path, required=True, help="directory of the adapter, which is written to")
    parser.add_argument("--limit", type=int, help="use only the first N notes")
    parser.add_argument("--batch-size", type=int, help="notes decoded together")
    _model_options(parser)


def _extract_options(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_extract)
    parser.add_argument("file", nargs="?", default="-", help="a text file; - reads standard input")
    parser.add_argument("--adapter", default=str(EMBEDDED / "adapter"), help="adapter: a directory, or a hub name")
    _model_options(parser)


def _baseline_options(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_baseline, base="", adapter=None)
    parser.add_argument("--data", type=Path, required=True, help="labelled notes to answer, as JSON lines")
    parser.add_argument("--labelled", type=Path, help="notes to copy from (default: the other notes of --data)")
    parser.add_argument("--task", type=Path, default=DEFAULT_TASK, help="task file")
    parser.add_argument("--json", action="store_true", help="print figures as one JSON object")


def _train(options: argparse.Namespace) -> int:
    from trainer.run.directory import RunDir
    from trainer.run.learning.ranks import is_first
    from trainer.run.train import train

    run = RunDir(options.run_dir)
    config = config_of(options, options.config or (run.config if run.config.exists() else None))
    holdout = options.holdout or (run.holdout if run.holdout.exists() else None)
    result = train(
        options.run_dir,
        base=options.base,
        parent_adapter=options.parent,
        snapshot=options.snapshot or run.snapshot,
        holdout=holdout,
        config=config,
        name=options.name,
        device=options.device,
        allow_hub=_hub_allowed(options),
        task=_task(options),
    )
    if not is_first():
        return 0
    if options.json:
        print(json.dumps({**asdict(result), "adapter": str(result.adapter), "manifest": result.manifest.model_dump()}))
    else:
        print(f"Trained {result.manifest.name} in {result.n_steps} steps and {result.seconds} s: {result.adapter}")
        if n_too_long := result.left_out.get("n_too_long"):
            print(f"Left out {n_too_long:,} rows of more than {result.left_out['max_tokens']:,} tokens.")
    return 0


def _engine(options: argparse.Namespace, batch_size: int | None = None) -> Any:
    from trainer.engine import Engine
    from trainer.model.loading import load_for_serving

    allow_hub = _hub_allowed(options)
    loaded = load_for_serving(options.base, options.adapter, device=options.device, allow_hub=allow_hub)
    return Engine(loaded, _task(options), batch_size=batch_size)


def _evaluate(options: argparse.Namespace) -> int:
    from data.snapshot import read_rows
    from trainer.evaluation.evaluate import evaluate

    task = _task(options)
    rows = read_rows(task, options.data)[: options.limit]
    engine = _engine(options, options.batch_size)
    result = evaluate(engine, rows, task, _bar if sys.stderr.isatty() else None, options.predictions).to_json()
    return _say_score(options, {**result, "adapter": engine.adapter, "base": str(options.base)})


def _calibrate(options: argparse.Namespace) -> int:
    from data.snapshot import read_rows
    from trainer.evaluation.calibrate import calibrate, write_calibration
    from trainer.evaluation.evaluate import answer_rows

    task = _task(options)
    rows = read_rows(task, options.data)[: options.limit]
    engine = _engine(options, options.batch_size)
    answers = answer_rows(engine, rows, _bar if sys.stderr.isatty() else None)
    fitted, measured = calibrate(
        task, [row.extraction for row in rows], answers, engine.adapter, accepted=[row.accepted for row in rows]
    )
    write_calibration(options.adapter, fitted)
    if options.json:
        print(json.dumps({"adapter": engine.adapter, "n_notes": fitted.n_notes, "confidence": measured.to_json()}))
    else:
        print(f"Fitted the confidence of {engine.adapter} on {fitted.n_notes} notes.")
        _say_confidence(measured.to_json())
    return 0


def _baseline(options: argparse.Namespace) -> int:
    from data.snapshot import read_rows
    from trainer.evaluation.baseline import score_nearest

    task = _task(options)
    rows = read_rows(task, options.data)
    labelled = read_rows(task, options.labelled) if options.labelled else rows
    return _say_score(options, score_nearest(task, labelled, rows).to_json())


def _say_score(options: argparse.Namespace, result: dict[str, Any]) -> int:
    if options.json:
        print(json.dumps(result))
        return 0
    print(f"{result['n_notes']} notes, valid JSON {result['json_valid']:.3f}, all fields {result['all_fields']:.3f}")
    if "shown" in result:
        _say_form(_task(options), result)
    else:
        rows = [*result["fields"].items(), ("macro", result["macro"])]
        names = ("exact", "normalised", "f1")
        _say_table(("field", *names), [(key, *(f"{of[name]:.3f}" for name in names)) for key, of in rows])
    if "confidence" in result:
        _say_confidence(result["confidence"])
    return 0


def _say_form(task: Task, result: dict[str, Any]) -> None:
    from data.evaluation.form_report import COLUMNS, LENGTH_COLUMNS, field_table, length_table, sentences, warnings

    _say_table(COLUMNS, field_table(result))
    print("\n".join(["", *sentences(result), *warnings(task, result), ""]))
    _say_table(LENGTH_COLUMNS, length_table(result))


def _say_confidence(figures: dict[str, Any]) -> None:
    from data.evaluation.reliability import COLUMNS, table

    print(f"\nConfidence: {figures['source']}")
    _say_table(COLUMNS, table(figures))


def _say_table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    for name, *cells in [columns, *rows]:
        print(f"{name:24}" + "".join(f"{cell:>19}" for cell in cells))


def _bar(n_done: int, n_notes: int) -> None:
    end = "\n" if n_done == n_notes else ""
    print(f"\r{n_done} of {n_notes} notes", end=end, file=sys.stderr, flush=True)


def _extract(options: argparse.Namespace) -> int:
    from trainer.engine.reading import line_on_terminal, suggest_with_progress

    text = sys.stdin.read() if options.file == "-" else Path(options.file).read_text(encoding="utf-8")
    engine = _engine(options)
    with line_on_terminal() as tell:
        suggestion = suggest_with_progress(engine, text.strip(), tell)
    answer: dict[str, Any] = dict(suggestion.extraction.as_dict())
    if options.json:
        answer = {"extraction": answer, "confidence": dict(suggestion.confidence), "adapter": suggestion.adapter}
        answer["latency_ms"] = suggestion.latency_ms
    print(json.dumps(answer, ensure_ascii=False))
    return 0


def _task(options: argparse.Namespace) -> Task:
    return load_task(options.task)


def _hub_allowed(options: argparse.Namespace) -> bool:
    """Whether a name was given that is no directory and looks like one on a hub: only then is a network asked."""
    names = [options.base, getattr(options, "adapter", None), getattr(options, "parent", None)]
    return any(name and not Path(name).exists() and re.fullmatch(r"[\w.-]+/[\w.-]+", str(name)) for name in names)


def _quiet_environment(options: argparse.Namespace | None) -> None:
    """No telemetry; and no network unless a hub name was given. Before the libraries are imported."""
    quiet = {"HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1", "TOKENIZERS_PARALLELISM": "false"}
    quiet["OMP_WAIT_POLICY"] = "PASSIVE"  # threads that spin while they wait starve the desk on a small machine
    if options is None or not _hub_allowed(options):
        quiet |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    for name, value in quiet.items():
        os.environ.setdefault(name, value)


if __name__ == "__main__":
    raise SystemExit(main())
