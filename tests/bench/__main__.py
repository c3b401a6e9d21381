"""`python -m tests.bench model|prefill|train|rounds|desk|load|store|lines|suite`: figures, side by side in one run.

Each prints columns, or with `--json` one JSON object; `model` prints a JSON object a line, as soon as it is measured.
What is being done goes to standard error. `prefill`, `train` and `rounds` need nothing of the desk, so they run on a
rented GPU. What they gave so far is kept in `tests/benchmarks`.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from app.core.errors import BAD_INPUT, DeskError
from app.core.terminal import say, write_json
from tests import STAND_IN
from tests.bench import tables

Figures = dict[str, Any]


def main(words: list[str] | None = None) -> int:
    """Run a measurement; the exit code."""
    # Measured is the model that comes with caseloop, here and in the processes of the measurement, not the tests' one.
    # So nothing may be imported before that asks where it is.
    os.environ[STAND_IN] = ""
    from app.core.settings import quiet_environment

    quiet_environment()
    options = vars(_parser().parse_args(words))
    what, as_json = options.pop("what"), options.pop("as_json")
    measure, show = _MEASUREMENTS[what]
    try:
        result = measure(options)
        if as_json:
            write_json(result if isinstance(result, Mapping) else list(result))
        else:
            show(result)
    except (ValueError, DeskError) as error:
        say(str(error))
        return BAD_INPUT
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measurements, side by side in one run.")
    kinds = parser.add_subparsers(required=True, metavar="WHAT", dest="what")
    for name, (add, sentence) in _OPTIONS.items():
        kind = kinds.add_parser(name, help=sentence, description=sentence)
        kind.add_argument("--json", action="store_true", dest="as_json", help="print the figures as one JSON object")
        add(kind)
    return parser


# -- what each is asked ------------------------------------------------------------------------------------------


def _add_model(kind: argparse.ArgumentParser) -> None:
    kind.add_argument("--data", type=Path, help="labelled notes as JSON lines; the samples where there is none")
    kind.add_argument("--geometry", help="llama-3.1-8b: the sizes of that model, random weights; needs a GPU")
    kind.add_argument("--tokenizer", type=Path, help="directory of another tokenizer, for a geometry")
    kind.add_argument("--device", help="cpu, cuda or cuda:N; the GPU where there is one")
    kind.add_argument("--threads", type=int, help="CPU threads for every way; torch's own choice where not given")


def _add_embedded(kind: argparse.ArgumentParser) -> None:
    def add(flag: str, sentence: str, **more: Any) -> None:  # what is not given is as the plan has it
        kind.add_argument(flag, help=sentence, default=argparse.SUPPRESS, **more)

    add("--labelled", "labelled notes as JSON lines; the samples where there is none", type=Path)
    add("--neutral", "texts, JSON lines, to put around notes; made up where there are none", type=Path)
    add("--synthetic", "labelled notes of a public set", type=Path)
    add("--suggestions", "what pretraining left of the labelled notes, each answered by a fold's model", type=Path)
    add("--base", "directory of the base; the embedded one", type=Path)
    add("--adapter", "directory of the adapter; the embedded one", type=Path)
    add("--only", "make these measures; all where none is named", nargs="+", metavar="MEASURE")
    add("--notes", "labelled notes at most", type=int, dest="n_notes")
    add("--generated", "generated notes; 2,000", type=int, dest="n_generated")
    add("--padded", "labelled notes that are put among other text; 16", type=int, dest="n_padded")
    add("--device", "cpu, cuda or cuda:N; the GPU where there is one")


def _add_prefill(kind: argparse.ArgumentParser) -> None:
    _add_model(kind)
    kind.add_argument("--notes", type=int, help="notes answered in bulk")
    kind.add_argument("--accuracy", type=int, default=0, help="notes on which kinds of weights are compared")


def _add_train(kind: argparse.ArgumentParser) -> None:
    _add_model(kind)
    kind.add_argument("--steps", type=int, default=30, help="optimiser steps that are timed")
    kind.add_argument("--memory-gib", type=float, default=22.0, help="what each process may take of the GPU, as an L4")
    kind.add_argument("--accuracy", type=float, default=0, help="epochs for which both recipes are scored as well")
    kind.add_argument("--gpus", type=int, default=1, help="measure the fast recipe on so many GPUs, and on one")
    kind.add_argument("--only", nargs="*", default=(), help="ways to measure besides the published one")


def _add_rounds(kind: argparse.ArgumentParser) -> None:
    from data.storage.locations import EMBEDDED
    from trainer.cli.options import add_options

    kind.add_argument("directory", type=Path, help="directory of the runs")
    kind.add_argument("--data", type=Path, required=True, help="labelled notes that are corrected, round by round")
    kind.add_argument("--judge", type=Path, required=True, help="labelled notes to measure on")
    kind.add_argument("--base", type=Path, default=EMBEDDED / "base", help="directory of the base")
    kind.add_argument("--adapter", type=Path, default=EMBEDDED / "adapter", help="directory of the first adapter")
    kind.add_argument("--rounds", type=int, default=5, help="how many")
    kind.add_argument("--notes", type=int, default=60, help="corrected notes of each")
    kind.add_argument("--originals", type=Path, help="notes that the first adapter learned, to be shown again")
    kind.add_argument("--every", action="store_true", help="go on from every adapter, whatever the gate says")
    kind.add_argument("--order", type=int, default=0, help="seed of the order of the notes")
    kind.add_argument("--device", help="cpu, cuda or cuda:N; the GPU where there is one")
    add_options(kind)


def _add_desk(kind: argparse.ArgumentParser) -> None:
    kind.add_argument("--notes", type=int, default=10_000, help="notes in the store")
    kind.add_argument("--saves", type=int, default=500, help="notes that are saved one after the other")
    kind.add_argument("--keys", type=Path, help="labelled notes, JSON lines: count the keys that 20 cost instead")


def _add_load(kind: argparse.ArgumentParser) -> None:
    kind.add_argument("--reviewers", type=int, default=50, help="people who are signed in")
    kind.add_argument("--rate", type=float, default=25.0, help="actions a second, of all together")
    kind.add_argument("--minutes", type=float, default=10.0, help="how long")


def _add_store(kind: argparse.ArgumentParser) -> None:
    kind.add_argument("--notes", type=int, default=100_000, help="notes that come in and go out")


def _add_lines(kind: argparse.ArgumentParser) -> None:
    kind.add_argument("--ref", help="a commit; the files as they are now where none is named")


def _add_suite(kind: argparse.ArgumentParser) -> None:
    kind.add_argument("report", type=Path, help="what pytest wrote with --junitxml")
    kind.add_argument("--files", type=int, default=12, help="how many files to print, the dearest first")


_OPTIONS: Mapping[str, tuple[Callable[[argparse.ArgumentParser], None], str]] = {
    "model": (_add_embedded, "a model on labelled notes, among other text and on strange notes; speed and memory"),
    "prefill": (_add_prefill, "the engine beside transformers' generate; all write the same answers"),
    "train": (_add_train, "the fast recipe beside the published one, each in a process of its own"),
    "rounds": (_add_rounds, "an adapter that goes on learning from corrections, round by round"),
    "desk": (_add_desk, "the desk in a headless browser: key press to the next note, first load, search, memory"),
    "load": (_add_load, "the desk with many reviewers at once, while the worker fills notes in"),
    "store": (_add_store, "import and export: the real commands, each a process of its own"),
    "lines": (_add_lines, "lines of the product, without tests, benches and tables"),
    "suite": (_add_suite, "what the tests cost, by room and file"),
}


# -- how each is measured ----------------------------------------------------------------------------------------


def _model(options: Figures) -> Iterator[Figures]:
    from tests.bench.model.embedded.run import Plan, run_model

    return run_model(Plan(**options), say=say)


def _prefill(options: Figures) -> Figures:
    from tests.bench.model.run import Options, run_prefill

    return run_prefill(Options(**options), say=say)


def _train(options: Figures) -> Figures:
    from tests.bench.model.train import SpeedOptions, run_train

    return run_train(SpeedOptions(**options), say=say)


def _rounds(options: Figures) -> Figures:
    from data.task import load_task
    from tests.bench.model.rounds import Plan, run_rounds
    from trainer.cli.options import config_of
    from trainer.config import TrainConfig

    config = config_of(argparse.Namespace(**options), None) or TrainConfig()
    plan = Plan(
        directory=options["directory"],
        data=options["data"],
        judge=options["judge"],
        base=options["base"],
        adapter=options["adapter"],
        n_rounds=options["rounds"],
        n_notes=options["notes"],
        originals=options["originals"],
        follows_gate=not options["every"],
        config=config.model_copy(update={"mode": "warm"}),
        device=options["device"],
        seed=options["order"],
    )
    return run_rounds(load_task(), plan, say=say)


def _desk(options: Figures) -> Figures:
    from tests.bench.desk.desk import run_desk
    from tests.bench.desk.keystrokes import run_keystrokes

    if options["keys"] is None:
        return run_desk(options["notes"], min(options["saves"], options["notes"] - 3), say=say)
    counted = run_keystrokes(options["keys"], 20, say=say)
    return counted | {"share": round(counted["n_strokes"] / counted["n_strokes_from_scratch"], 3)}


def _load(options: Figures) -> Figures:
    from tests.bench.desk.load import run_load

    return run_load(options["reviewers"], options["rate"], options["minutes"], say=say)


def _store(options: Figures) -> Figures:
    from tests.bench.desk.store import run_store

    return run_store(options["notes"], say=say)


def _lines(options: Figures) -> Figures:
    from tests.bench.lines import count_lines

    return count_lines(options["ref"])


def _suite(options: Figures) -> Figures:
    from tests.bench.suite import count_seconds

    return count_seconds(options["report"], options["files"])


def _show_desk(result: Figures) -> None:
    (tables.print_keystrokes if "n_strokes" in result else tables.print_desk)(result)


_MEASUREMENTS: Mapping[str, tuple[Callable[[Figures], Any], Callable[[Any], None]]] = {
    "model": (_model, tables.print_each),
    "prefill": (_prefill, tables.print_prefill),
    "train": (_train, tables.print_training),
    "rounds": (_rounds, write_json),
    "desk": (_desk, _show_desk),
    "load": (_load, tables.print_load),
    "store": (_store, tables.print_store),
    "lines": (_lines, tables.print_lines),
    "suite": (_suite, tables.print_suite),
}

if __name__ == "__main__":
    raise SystemExit(main())
