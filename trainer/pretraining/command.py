"""The command: options in, steps done, one sentence where that fails."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from data.task import DEFAULT_TASK, load_task
from trainer import pretraining
from trainer.pretraining.card.card import assemble, read_scores
from trainer.pretraining.notes.real import read_real, read_texts
from trainer.pretraining.phases import all_steps
from trainer.pretraining.settings import Job, PretrainError, add_settings, settings_of
from trainer.pretraining.steps import perform, say


def main(arguments: list[str]) -> int:
    """`python -m trainer pretrain`; the exit code comes back."""
    options = vars(_parser().parse_args(arguments))
    try:
        return _run(options)
    except (ValueError, RuntimeError, OSError) as error:
        if not type(error).__module__.startswith(("trainer.", "data.")):
            raise
        print(error, file=sys.stderr)
        return int(getattr(error, "exit_code", 2))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m trainer pretrain",
        description=pretraining.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--work", type=Path, required=True, help="directory of the steps; the same again goes on")
    parser.add_argument("--out", type=Path, required=True, help="directory that base, adapter and card are put into")
    parser.add_argument("--gguf", type=Path, help="weights to start from (default: those of the installed package)")
    parser.add_argument("--dense", type=Path, help="a dense Llama with Llama 3's special tokens in their place")
    parser.add_argument("--real", type=Path, help="labelled notes: input, output and perhaps accept, as JSON lines")
    parser.add_argument("--unlabelled", type=Path, help="texts without labels under input or text, as JSON lines")
    parser.add_argument("--labelled", type=Path, help="other labelled notes, as JSON lines: shown once")
    parser.add_argument(
        "--score",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="for the card: what `evaluate --json` printed on the notes that NAME tells of; may be given again",
    )
    parser.add_argument("--step", action="append", help="do this step only; may be given again")
    parser.add_argument("--minutes", type=float, help="stop at a checkpoint after this many minutes")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="the GPU where there is one")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="to generate notes in")
    add_settings(parser)
    return parser


def _run(options: dict[str, object]) -> int:
    job = _job(options)
    steps = all_steps(job)
    names = [step.name for step in steps]
    wanted = options["step"]
    unknown = [name for name in wanted if name not in (*names, "card")] if isinstance(wanted, list) else []
    if unknown:
        raise PretrainError(f"Expected steps among {', '.join(names)} and card; found {unknown[0]!r}.")
    _check_notes(job)
    scores = read_scores(list(options["score"]))  # type: ignore[call-overload]
    perform(job, [step for step in steps if not isinstance(wanted, list) or step.name in wanted])
    if not isinstance(wanted, list) or "card" in wanted:
        assemble(job, scores)
        say(f"card: {job.out}")
    return 0


def _check_notes(job: Job) -> None:
    """Find a line that cannot be read before the first step, not after some."""
    notes = read_real(load_task(DEFAULT_TASK), job.real) if job.real is not None else []
    if job.unlabelled is not None:
        read_texts(job.unlabelled, notes)
        if job.real is None:
            raise PretrainError("Expected --real beside --unlabelled; found none. Name labelled notes, too.")


def _job(options: dict[str, object]) -> Job:
    import torch

    device = options["device"] or ("cuda" if torch.cuda.is_available() else "cpu")
    if device == "cuda" and not torch.cuda.is_available():
        raise PretrainError("Expected a GPU for the device cuda; found none. Leave --device out to use the CPU.")
    wanted = options["step"]
    starts = not isinstance(wanted, list) or "start" in wanted  # no other step reads the weights
    for name in ("gguf", "real", "unlabelled", "labelled"):
        path = options[name]
        if isinstance(path, Path) and not path.is_file() and (starts or name != "gguf"):
            raise PretrainError(f"Expected a file for --{name} at {path}; there is none. Check the path.")
    dense = options["dense"]
    if isinstance(dense, Path) and not (dense / "config.json").is_file():
        raise PretrainError(f"Expected a dense model for --dense in {dense}; it has no config.json. Check the path.")
    minutes = options["minutes"]
    given = {name: options[name] for name in ("work", "out", "gguf", "dense", "real", "unlabelled", "labelled")}
    return Job(
        **given,  # type: ignore[arg-type]
        settings=settings_of(options),
        device=str(device),
        n_processes=max(1, int(str(options["processes"]))),
        deadline=None if minutes is None else time.monotonic() + 60 * float(str(minutes)),
    )
