"""`python -m data.synthetic --seed S --n N OUT.jsonl`: write generated notes, or the sample files."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path

from data.synthetic.corpus import INSTRUCTION, MIX, generate
from data.synthetic.sets.house_style import STYLES
from data.synthetic.sets.samples import sample_rows


def write_rows(path: Path, rows: Iterable[dict[str, object]]) -> int:
    """Write rows as JSON lines; the number of them."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    return count


def main(arguments: list[str]) -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m data.synthetic", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--house-style", choices=sorted(STYLES), default=None)
    parser.add_argument("--reports", action="store_true", help="mix long notes like real ones among the abstracts")
    parser.add_argument(
        "--samples", type=Path, metavar="DIR", help="write the sample files of the first start there instead"
    )
    parser.add_argument("out", type=Path, nargs="?", metavar="OUT.jsonl")
    options = parser.parse_args(arguments)
    if options.samples:
        notes, originals = sample_rows()
        options.samples.mkdir(parents=True, exist_ok=True)
        n_notes = write_rows(options.samples / "notes.jsonl", notes)
        n_originals = write_rows(options.samples / "originals.jsonl", originals)
        print(f"{n_notes} notes and {n_originals} originals in {options.samples}")
        return 0
    if options.out is None:
        parser.error("expected OUT.jsonl, or --samples DIR")
    examples = generate(
        options.seed,
        options.n,
        start=options.start,
        house_style=options.house_style,
        mix=MIX if options.reports else None,
    )
    rows: Iterable[dict[str, object]] = (
        {
            "id": f"s{options.seed}-{index:07d}",
            "instruction": INSTRUCTION,
            "input": example.text,
            "output": example.output,
        }
        for index, example in enumerate(examples, options.start)
    )
    print(f"{write_rows(options.out, rows)} rows in {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
