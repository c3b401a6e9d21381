"""Proof: export, import and export again give the same notes, ids, metadata and decisions, in every format written.

python -m tests.proofs.decisions_return [--notes 10000] [--forms jsonl csv] [--desk FILE]
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from itertools import zip_longest
from pathlib import Path
from typing import Any

from app.exporting.choice import Choice
from app.exporting.formats import KINDS, RETURNING, Format
from app.exporting.writing import write_export
from db.store.store import Store, open_store
from tests.kit.desk.decided_records import STATUSES, TASK, brought, fill

FILES = {"dataset": "set", "alpaca": "all.jsonl", "messages": "all.jsonl", "label-studio": "all.json"}


def written(store: Store, folder: Path, form: Format) -> Path:
    """An export of everything that people decided."""
    out = folder / FILES.get(form, f"all.{KINDS[form].ending}")
    write_export(store, TASK, out, Choice(form, with_provenance=True, statuses=STATUSES))
    return out


def compared(store: Store, folder: Path, form: Format) -> list[dict[str, Any]]:
    """The records that the format can hold, without what counts at each desk anew."""
    statuses = ("submitted",) if form in ("alpaca", "messages") else STATUSES
    out = folder / "compared.jsonl"
    write_export(store, TASK, out, Choice("jsonl", with_provenance=True, statuses=statuses))
    found = []
    with out.open("rb") as file:
        for line in file:
            record = json.loads(line)
            del record["provenance"]["revision"]
            if form in ("alpaca", "messages"):
                del record["spans"]  # these have no place for them
            found.append(record)
    out.unlink()
    return found


def come_back(store: Store, form: Format) -> int:
    """Bring an export into a desk that knows nothing of it; the number of decisions that came back as they were."""
    with tempfile.TemporaryDirectory() as name, open_store(Path(name, "other.db")) as other:
        out = written(store, Path(name), form)
        report = brought(other, out)
        before, after = compared(store, Path(name), form), compared(other, Path(name), form)
        for one, two in zip_longest(before, after):
            assert one == two, (form, one and one["id"], two and two["id"])
        assert report.arrivals.n_kept == len(before)
        if out.is_dir():
            shutil.rmtree(out)
        else:
            out.unlink()
        again = brought(other, written(other, Path(name), form))
        assert again.arrivals.n_known == len(before)
        return len(before)


def main() -> int:
    """Try the formats, one after the other; one that loses anything fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.proofs.decisions_return", description=__doc__)
    parser.add_argument("--notes", type=int, default=10_000)
    parser.add_argument("--forms", nargs="*", default=sorted(RETURNING), choices=sorted(RETURNING))
    parser.add_argument("--desk", type=Path, help="a store to keep the made-up desk in, for another turn")
    chosen = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        where = chosen.desk or Path(name, "caseloop.db")
        is_new = not where.exists()
        with open_store(where) as store:
            if is_new:
                fill(store, chosen.notes)
            figures = {form: come_back(store, form) for form in chosen.forms}
    print(json.dumps({"n_decisions": figures, "seconds": round(time.monotonic() - started, 1)}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
