"""Proof: whatever a file holds, an import ends in notes and sentences, in bounded memory and time.

    python -m tests.proofs.fuzzing [--texts 1000000] [--documents 20000] [--seconds 3600] [--processes 2] [--seed 0]

Valid files of every format are changed in bytes and in the pieces that formats are made of, and read as an import reads
them; some go through the preview and into a store. A crash is anything but notes and sentences: an exception, more than
10 seconds, a process that dies, a sentence of several lines or with a note's words in it, a note that JSON or UTF-8
cannot hold. Each format of documents is read in processes of its own, so that its memory is known.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from app.importing.load import import_files
from app.importing.preview import preview
from data.notes import Note, read_notes
from data.reading.records import USUAL, Refusal
from db.store.store import Store, open_store
from tests.kit.forks import ONE_THREAD
from tests.proofs.fuzzing.changes import changed
from tests.proofs.fuzzing.seeds import CANARY, DOCUMENTS, TASK, TEXTS, seeds

ROOT = Path(__file__).parents[3]
Share = tuple[Sequence[str], int]
MAX_PEAK_MIB = 1024
MAX_SECONDS = 10
"""Of the processor, for an input; another program may have it meanwhile."""
STORED = 200
"""One input in so many goes through the preview and into a store."""


class Hang(BaseException):
    """An input took too long."""


@contextmanager
def in_time() -> Iterator[None]:
    """Raises Hang in the middle of what takes longer than an input may."""

    def stop(*_: Any) -> None:
        raise Hang

    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, MAX_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


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
    slowest: float = 0.0
    by_format: dict[str, int] = field(default_factory=dict)
    peaks: dict[str, int] = field(default_factory=dict)
    crashes: list[str] = field(default_factory=list)

    def add(self, other: dict[str, Any]) -> None:
        for name in ("n_inputs", "n_notes", "n_refusals", "n_stored", "n_crashes"):
            setattr(self, name, getattr(self, name) + other[name])
        self.peak_mib = max(self.peak_mib, other["peak_mib"])
        self.slowest = max(self.slowest, other["slowest"])
        for form, peak in other["peaks"].items():
            self.peaks[form] = max(peak, self.peaks.get(form, 0))
        self.by_format = dict(Counter(self.by_format) + Counter(other["by_format"]))
        self.crashes += other["crashes"]


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


def read_once(store: Store, path: Path, outcome: Outcome, *, original: bool) -> None:
    """Read a file, and every two hundredth time store it as well."""
    for found in read_notes(path, TASK, original=original):
        check(found)
        outcome.n_refusals += isinstance(found, Refusal)
        outcome.n_notes += isinstance(found, Note)
    if outcome.n_inputs % STORED == 0:
        store_some(store, path, original=original)
        outcome.n_stored += 1


def work(forms: Sequence[str], n_inputs: int, seconds: float, seed: int, place: Path) -> Outcome:
    """Read changed files of some formats until there were enough, or the time is over."""
    rng, outcome, started = random.Random(seed), Outcome(), time.monotonic()
    corpus, counts = {form: seeds(rng, form) for form in forms}, Counter[str]()
    weights = [TEXTS.get(form, 1) for form in forms]
    with open_store(place / "store" / "caseloop.db") as store:
        while outcome.n_inputs < n_inputs and time.monotonic() - started < seconds:
            for form in rng.choices(forms, weights, k=min(100, n_inputs - outcome.n_inputs)):
                path = place / f"input.{form}"
                path.write_bytes(changed(rng, rng.choice(corpus[form]), rng.choice(corpus[form]), form))
                outcome.n_inputs += 1
                counts[form] += 1
                began = time.process_time()
                try:
                    with in_time():
                        read_once(store, path, outcome, original=rng.random() < 0.5)
                except (Exception, Hang) as error:  # noqa: BLE001 - whatever it is, it is what is looked for
                    outcome.n_crashes += 1
                    if len(outcome.crashes) < 20:
                        kept = place.parent / f"crash-{seed}-{outcome.n_inputs}.{form}"
                        shutil.copy(path, kept)
                        last = traceback.extract_tb(error.__traceback__)[-1]
                        outcome.crashes.append(f"{type(error).__name__} in {last.name}: {kept}")
                outcome.slowest = round(max(outcome.slowest, time.process_time() - began), 2)
    outcome.by_format = dict(counts)
    outcome.peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    outcome.peaks = {"+".join(forms) if len(forms) < 3 else "texts": outcome.peak_mib}
    outcome.seconds = round(time.monotonic() - started, 1)
    return outcome


def prove(
    shares: Sequence[tuple[Sequence[str], int]], seconds: float, processes: int, seed: int, place: Path
) -> Outcome:
    """Read inputs in processes, so many at a time; one that dies counts as a crash, and its last input is kept.

    Args:
        shares: formats and how many inputs of them, for each process.
    """
    outcome, started = Outcome(), time.monotonic()
    waiting, running = list(enumerate(shares)), {}
    while waiting or running:
        while waiting and len(running) < processes:
            number, (forms, n_inputs) = waiting.pop(0)
            folder = place / f"worker-{number}"
            folder.mkdir(parents=True)
            line = [sys.executable, "-m", "tests.proofs.fuzzing", "--place", str(folder), "--formats", *forms]
            line += ["--texts", str(n_inputs), "--seconds", str(seconds), "--seed", str(seed * 1000 + number)]
            environ = os.environ | ONE_THREAD
            running[folder] = subprocess.Popen(line, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True)
        folder, process = next(iter(running.items()))
        said, _ = process.communicate()
        del running[folder]
        if process.returncode:
            outcome.n_crashes += 1
            outcome.crashes.append(f"died with {process.returncode}; its last input is in {folder}")
        else:
            outcome.add(json.loads(said))
            shutil.rmtree(folder)
    outcome.seconds = round(time.monotonic() - started, 1)
    return outcome


def limit_memory() -> None:
    """So much memory more than the process has now, all that is merely reserved included: a bomb ends it."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    n_bytes = pages * resource.getpagesize() + (MAX_PEAK_MIB << 20)
    resource.setrlimit(resource.RLIMIT_AS, (n_bytes, n_bytes))


def main() -> int:
    """Run the proof, or one worker of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.proofs.fuzzing", description=__doc__)
    parser.add_argument("--texts", type=int, default=1_000_000, help="inputs of all formats of text together")
    parser.add_argument("--documents", type=int, default=20_000, help="inputs of each format of documents")
    parser.add_argument("--formats", nargs="*", default=(*TEXTS, *DOCUMENTS), help="only these")
    parser.add_argument("--seconds", type=float, default=3600, help="for each process at most")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--place", type=Path, help="where one worker works; without it there are several")
    given = parser.parse_args()
    if given.place:
        limit_memory()
        print(json.dumps(asdict(work(given.formats, given.texts, given.seconds, given.seed, given.place))))
        return 0
    texts = [form for form in given.formats if form in TEXTS]
    shares = [(texts, given.texts // given.processes)] * given.processes if texts else []
    shares += [([form], given.documents) for form in given.formats if form in DOCUMENTS]
    folder = Path(tempfile.mkdtemp(prefix="fuzzing-"))
    outcome = prove(shares, given.seconds, given.processes, given.seed, folder)
    print(json.dumps(asdict(outcome)))
    is_clean = not outcome.n_crashes and outcome.peak_mib < MAX_PEAK_MIB
    if is_clean:
        shutil.rmtree(folder)
    return 0 if is_clean else 1


if __name__ == "__main__":
    raise SystemExit(main())
