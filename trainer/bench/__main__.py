"""`python -m trainer.bench prefill`: the measurement without the desk, on a rented GPU for instance."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from trainer.bench.run import GEOMETRIES, BenchError, Options, run_prefill


def main() -> int:
    """Run the measurement; the figures go to standard output as JSON."""
    parser = argparse.ArgumentParser(prog="python -m trainer.bench")
    parser.add_argument("what", choices=["prefill"])
    parser.add_argument("--data", type=Path, help="labelled notes as JSON lines; the samples where there is none")
    parser.add_argument("--geometry", choices=sorted(GEOMETRIES), help="sizes of a known model, random weights")
    parser.add_argument("--tokenizer", type=Path, help="directory of another tokenizer, for a geometry")
    parser.add_argument("--notes", type=int, help="notes answered in bulk")
    parser.add_argument("--accuracy", type=int, default=0, help="notes on which kinds of weights are compared")
    parser.add_argument("--device", help="cpu, cuda or cuda:N; the GPU where there is one")
    parser.add_argument("--threads", type=int, help="CPU threads for every way; torch's own choice where not given")
    given = parser.parse_args()
    options = Options(**{key: value for key, value in vars(given).items() if key != "what"})
    try:
        result = run_prefill(options, say=lambda line: print(line, file=sys.stderr, flush=True))
    except (BenchError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(result, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
