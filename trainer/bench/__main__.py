"""`python -m trainer.bench prefill|train|rounds`: the measurements without the desk, on a rented GPU for instance."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from data.storage.locations import EMBEDDED
from data.task import load_task
from trainer.bench.rounds import Plan, run_rounds
from trainer.bench.run import GEOMETRIES, BenchError, Options, run_prefill
from trainer.bench.train import L4_GIB, TrainOptions, run_train
from trainer.cli.options import add_options, config_of
from trainer.config import TrainConfig


def main() -> int:
    """Run a measurement; the figures go to standard output as JSON."""
    parser = argparse.ArgumentParser(prog="python -m trainer.bench")
    kinds = parser.add_subparsers(required=True, metavar="WHAT", dest="what")
    prefill = kinds.add_parser("prefill", help="the engine beside transformers' generate")
    train = kinds.add_parser("train", help="the fast recipe beside the published one")
    for kind in (prefill, train):
        kind.add_argument("--data", type=Path, help="labelled notes as JSON lines; the samples where there is none")
        kind.add_argument("--geometry", choices=sorted(GEOMETRIES), help="sizes of a known model, random weights")
        kind.add_argument("--tokenizer", type=Path, help="directory of another tokenizer, for a geometry")
        kind.add_argument("--device", help="cpu, cuda or cuda:N; the GPU where there is one")
        kind.add_argument("--threads", type=int, help="CPU threads for every way; torch's own choice where not given")
    prefill.add_argument("--notes", type=int, help="notes answered in bulk")
    prefill.add_argument("--accuracy", type=int, default=0, help="notes on which kinds of weights are compared")
    train.add_argument("--steps", type=int, default=30, help="optimiser steps that are timed")
    train.add_argument("--memory-gib", type=float, default=L4_GIB, help="what each process may take of the GPU")
    train.add_argument("--accuracy", type=float, default=0, help="epochs for which both recipes are scored as well")
    train.add_argument("--gpus", type=int, default=1, help="measure the fast recipe on so many GPUs, and on one")
    train.add_argument("--only", nargs="*", default=(), help="ways to measure besides the published one")
    _rounds_options(
        kinds.add_parser("rounds", help="an adapter that goes on learning from corrections, round by round")
    )
    options = parser.parse_args()
    given = vars(options)
    what = given.pop("what")
    try:
        if what == "rounds":
            result = run_rounds(load_task(), _plan(options), say=_say)
        elif what == "prefill":
            result = run_prefill(Options(**given), say=_say)
        else:
            result = run_train(TrainOptions(**given), say=_say)
    except (BenchError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(result, indent=1))
    return 0


def _rounds_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", type=Path, help="directory of the runs")
    parser.add_argument("--data", type=Path, required=True, help="labelled notes that are corrected, round by round")
    parser.add_argument("--judge", type=Path, required=True, help="labelled notes to measure on")
    parser.add_argument("--base", type=Path, default=EMBEDDED / "base", help="directory of the base")
    parser.add_argument("--adapter", type=Path, default=EMBEDDED / "adapter", help="directory of the first adapter")
    parser.add_argument("--rounds", type=int, default=5, help="how many")
    parser.add_argument("--notes", type=int, default=60, help="corrected notes of each")
    parser.add_argument("--originals", type=Path, help="notes that the first adapter learned, to be shown again")
    parser.add_argument("--every", action="store_true", help="go on from every adapter, whatever the gate says")
    parser.add_argument("--order", type=int, default=0, help="seed of the order of the notes")
    parser.add_argument("--device", help="cpu, cuda or cuda:N; the GPU where there is one")
    add_options(parser)


def _plan(options: argparse.Namespace) -> Plan:
    config = config_of(options, None) or TrainConfig()
    return Plan(
        directory=options.directory,
        data=options.data,
        judge=options.judge,
        base=options.base,
        adapter=options.adapter,
        n_rounds=options.rounds,
        n_notes=options.notes,
        originals=options.originals,
        follows_gate=not options.every,
        config=config.model_copy(update={"mode": "warm"}),
        device=options.device,
        seed=options.order,
    )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
