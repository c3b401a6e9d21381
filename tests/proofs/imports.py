"""Proof: whatever a file holds, an import ends in notes and sentences, in bounded memory.

    python -m tests.proofs.imports [--inputs 1000000] [--seconds 3600] [--processes 2] [--seed 0]

Valid files of every format are changed in bytes and in the pieces that formats are made of, and read as an import reads
them; some go through the preview and into a store. A crash is anything but notes and sentences: an exception, a process
that dies, a sentence of several lines or with a note's words in it, a note that JSON or UTF-8 cannot hold.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow
from pyarrow import parquet

from app.importing.load import import_files
from app.importing.preview import preview
from data.notes import Note, read_notes
from data.reading.records import USUAL, Refusal
from data.task import load_task
from db.store.store import Store, open_store
from tests.kit.forks import ONE_THREAD

ROOT = Path(__file__).parents[2]
TASK = load_task()
CANARY = "canary 7f3a"
MAX_PEAK_MIB = 1024
FORMATS = {"jsonl": 40, "csv": 29, "json": 15, "txt": 8, "parquet": 8}
STORED = 200
"""One input in so many goes through the preview and into a store."""

_PIECES = (
    *"{}[],:\"\\\n\r\t\0'=+-@é🧬\ufeff\u2028\x85\ud83d",
    *("\r\n", "\n\n", '""', '","', "'=", "text,", "[[[[[[", '{"a":' * 20, "x" * 300, "<|eot_id|>", "PAR1"),
    *("\\u0000", "\\ud83d", "\\udc00", "\\ud83e\\uddec"),
    *("NaN", "Infinity", "-Infinity", "1e999", "-0", "1E-400", "9" * 301, "1." + "0" * 400, "null", "true"),
    *('"text":', '"input":"x"', '"output":{}', '"id":'),
)
PIECES = [piece.encode("utf-8", "surrogatepass") for piece in _PIECES]
PIECES += [b"\xff\xfe", b"\xc3", b"\xf4\x90\x80\x80", b"\x80", b"\xed\xa0\x80", b"\xff" * 9, b"\x7f\xff\xff\xff"]


@dataclass
class Outcome:
    """What became of the inputs. Crashes must stay 0."""

    n_inputs: int = 0
    n_notes: int = 0
    n_refusals: int = 0
    n_stored: int = 0
    n_crashes: int = 0
    peak_mib: int = 0
    seconds: float = 0.0
    by_format: dict[str, int] = field(default_factory=dict)
    crashes: list[str] = field(default_factory=list)

    def add(self, other: dict[str, Any]) -> None:
        for name in ("n_inputs", "n_notes", "n_refusals", "n_stored", "n_crashes"):
            setattr(self, name, getattr(self, name) + other[name])
        self.peak_mib = max(self.peak_mib, other["peak_mib"])
        self.by_format = dict(Counter(self.by_format) + Counter(other["by_format"]))
        self.crashes += other["crashes"]


def seeds(rng: random.Random) -> dict[str, list[bytes]]:
    """Valid files of each format, with the canary in every note."""
    gold = dict.fromkeys(TASK.keys, "IV")
    records: list[dict[str, Any]] = [
        {"id": 7, "text": f"{CANARY}. Größe 3 cm.", "ward": "B", "n": [1, 2.5, None, {"a": True}]},
        {"input": f"{CANARY}, again.\r\nNext.", "output": gold, "instruction": "x", "external_id": "a-1"},
        {"text": f"🧬 {CANARY} \u2028", **dict.fromkeys(TASK.keys), "at": "2026-01-31"},
    ]
    found: dict[str, list[bytes]] = {form: [] for form in FORMATS}
    for number in range(1, 4):
        some = records[:number]
        lines = [json.dumps(record, ensure_ascii=number == 2) for record in some]
        found["jsonl"].append("".join(f"{line}\n" for line in lines).encode())
        found["json"] += [json.dumps(some, indent=number).encode(), lines[0].encode()]
        found["txt"].append("\r\n".join(str(record.get("text")) for record in some).encode())
    cell = json.dumps(gold).replace('"', '""')
    found["csv"] = [
        f'id,text,ward\r\n1,"{CANARY}, ""one"".\r\nNext.",B\r\n2,{CANARY},\r\n'.encode(),
        f'input,output,id\n{CANARY},"{cell}",\'=1\n'.encode(),
        f"\ufefftext,{','.join(TASK.keys)}\n{CANARY}{',IV' * len(TASK.keys)}\n".encode(),
    ]
    found["parquet"] = [parquet_seed(rng, gold) for _ in range(24)]
    return found


def parquet_seed(rng: random.Random, gold: dict[str, str]) -> bytes:
    n_rows = rng.choice([1, 3, 30])
    columns = {
        "id": pyarrow.array(range(n_rows)),
        "text": pyarrow.array([f"{CANARY} {n}" for n in range(n_rows)]),
        "x": pyarrow.array([[1.5, None]] * n_rows),
        "output": pyarrow.array([gold] * n_rows),
        "at": pyarrow.array([n_rows] * n_rows, pyarrow.timestamp("us", tz="UTC")),
    }
    out = io.BytesIO()
    parquet.write_table(
        pyarrow.table(columns),
        out,
        compression=rng.choice(["none", "none", "none", "snappy", "zstd", "gzip"]),
        use_dictionary=rng.choice([True, False]),
        data_page_version=rng.choice(["1.0", "2.0"]),
        store_schema=rng.choice([True, False]),
    )
    return out.getvalue()


def mutated(rng: random.Random, raw: bytes, other: bytes, form: str) -> bytes:
    """The file with one to eight changes."""
    data = bytearray(raw)
    for _ in range(1 if form == "parquet" and rng.random() < 0.7 else rng.choice((1, 1, 1, 2, 2, 3, 5, 8))):
        size = len(data)
        at = rng.randrange(size + 1)
        length = rng.choice((1, 1, 2, 3, 8, 40))
        kind = rng.randrange(9)
        if form == "parquet":  # where nothing may move: mostly in its place, and often in the footer
            kind = rng.randrange(2) if rng.random() < 0.8 else kind
            at = max(0, size - 1 - rng.randrange(900)) if rng.random() < 0.4 else at
        if kind == 0 and at < size:
            data[at] ^= rng.choice((1 << rng.randrange(8), 0x80))
        elif kind == 1 and at < size:
            data[at] = rng.randrange(256)
        elif kind == 2:
            del data[at : at + length]
        elif kind == 3:
            data[at:at] = data[at : at + length]
        elif kind == 4:
            data[at : at + length] = other[at : at + length]
        elif kind == 5 and rng.random() < 0.05:
            data[at:at] = data[at : at + length] * rng.choice((10, 500, 3000))
        elif kind == 6 and rng.random() < 0.3:
            del data[at:]
        else:
            data[at : at + rng.choice((0, 0, length))] = rng.choice(PIECES)
    return bytes(data)


def check(found: Note | Refusal) -> None:
    """Raises AssertionError where a note or a sentence is not one."""
    if isinstance(found, Refusal):
        assert found.sentence.isprintable(), "a sentence of several lines"
        assert CANARY not in found.sentence, "a note's words in a sentence"
        assert len(found.sentence) < 2000, "a sentence without end"
        return
    json.dumps(dict(found.metadata), allow_nan=False, ensure_ascii=False).encode()
    (found.text + (found.external_id or "") + "".join(value or "" for value in (found.gold or {}).values())).encode()
    assert found.text.strip(), "a note without text"
    assert "\0" not in found.text, "a note with a NUL"


def store_some(store: Store, path: Path, *, original: bool) -> None:
    """The same file through the preview and into the store."""
    foreseen = preview(store, TASK, path, chosen=USUAL, original=original)
    json.dumps(foreseen, allow_nan=False, ensure_ascii=False).encode()
    report = import_files(store, TASK, [path], original=original, strict=path.stat().st_size % 2 == 0)
    json.dumps(report.to_json(), allow_nan=False, ensure_ascii=False).encode()


def work(n_inputs: int, seconds: float, seed: int, place: Path) -> Outcome:
    """Read changed files until there were enough, or the time is over."""
    rng, outcome, started = random.Random(seed), Outcome(), time.monotonic()
    corpus, counts = seeds(rng), Counter[str]()
    forms, weights = list(FORMATS), list(FORMATS.values())
    with open_store(place / "store" / "caseloop.db") as store:
        while outcome.n_inputs < n_inputs and time.monotonic() - started < seconds:
            for form in rng.choices(forms, weights, k=min(100, n_inputs - outcome.n_inputs)):
                path = place / f"input.{form}"
                path.write_bytes(mutated(rng, rng.choice(corpus[form]), rng.choice(corpus[form]), form))
                is_original = rng.random() < 0.5
                outcome.n_inputs += 1
                counts[form] += 1
                try:
                    for found in read_notes(path, TASK, original=is_original):
                        check(found)
                        outcome.n_refusals += isinstance(found, Refusal)
                        outcome.n_notes += isinstance(found, Note)
                    if outcome.n_inputs % STORED == 0:
                        store_some(store, path, original=is_original)
                        outcome.n_stored += 1
                except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
                    outcome.n_crashes += 1
                    if len(outcome.crashes) < 20:
                        kept = place.parent / f"crash-{seed}-{outcome.n_inputs}.{form}"
                        shutil.copy(path, kept)
                        last = traceback.extract_tb(error.__traceback__)[-1]
                        outcome.crashes.append(f"{type(error).__name__} in {last.name}: {kept}")
    outcome.by_format = dict(counts)
    outcome.peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    outcome.seconds = round(time.monotonic() - started, 1)
    return outcome


def prove(n_inputs: int, seconds: float, processes: int, seed: int, folder: Path) -> Outcome:
    """Share the inputs among processes; one that dies counts as a crash, and its last input is kept."""
    outcome, running = Outcome(), []
    for number in range(processes):
        place = folder / f"worker-{number}"
        place.mkdir(parents=True)
        share = n_inputs // processes + (number < n_inputs % processes)
        line = [sys.executable, "-m", "tests.proofs.imports", "--place", str(place), "--inputs", str(share)]
        line += ["--seconds", str(seconds), "--seed", str(seed * 1000 + number)]
        running.append(
            (place, subprocess.Popen(line, cwd=ROOT, env=os.environ | ONE_THREAD, stdout=subprocess.PIPE, text=True))
        )
    started = time.monotonic()
    for place, process in running:
        said, _ = process.communicate()
        if process.returncode:
            outcome.n_crashes += 1
            outcome.crashes.append(f"died with {process.returncode}; its last input is in {place}")
        else:
            outcome.add(json.loads(said))
            shutil.rmtree(place)
    outcome.seconds = round(time.monotonic() - started, 1)
    return outcome


def main() -> int:
    """Run the proof, or one worker of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.proofs.imports", description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--place", type=Path, help="where one worker works; without it there are several")
    given = parser.parse_args()
    if given.place:
        print(json.dumps(asdict(work(given.inputs, given.seconds, given.seed, given.place))))
        return 0
    folder = Path(tempfile.mkdtemp(prefix="imports-"))
    outcome = prove(given.inputs, given.seconds, given.processes, given.seed, folder)
    print(json.dumps(asdict(outcome)))
    is_clean = not outcome.n_crashes and outcome.peak_mib < MAX_PEAK_MIB
    if is_clean:
        shutil.rmtree(folder)
    return 0 if is_clean else 1


if __name__ == "__main__":
    raise SystemExit(main())
