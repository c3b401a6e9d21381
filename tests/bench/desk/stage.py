"""Where the desk is measured: a home of its own with notes, a server on it, a browser, and a stopwatch in the page."""

from __future__ import annotations

import contextlib
import os
import platform
import random
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.core.errors import DeskError
from app.processes.child import own_modules
from data.grounding.evidence import ground
from data.notes import make_note
from data.suggestion import Suggestion
from data.synthetic.corpus import generate_one
from data.task import Extraction, load_task
from db.notes.notes import add_notes
from db.notes.suggestions import add_suggestion
from db.people.acting import as_program
from db.store.store import open_store
from db.training.adapters import AdapterRow, activate, register_adapter
from tests.kit.chromium import ARGUMENTS, find
from tests.kit.desk.servers import free_port

SEED = 424_242
ADAPTER = "bench"
N_BATCH = 500
START_S = 60

# From the press of a key to two frames after the next note stands in the page, on the page's own clock.
STOPWATCH = """
window.times = {painted: null, saves: [], searches: []};
let from = null, searching = null;
document.addEventListener('keydown', (event) => {
  if ((event.ctrlKey && event.key === 'Enter')) from = event.timeStamp;
}, true);
document.addEventListener('input', (event) => {
  if (event.target.closest?.('#queue-search')) searching = performance.now();
}, true);
const painted = (act) => requestAnimationFrame(() => requestAnimationFrame(() => act(performance.now())));
function took(began, list) { painted((now) => list.push(now - began)); }
new MutationObserver((changes) => {
  for (const {target} of changes) {
    if (target.id === 'note-place') {
      if (from !== null) { took(from, window.times.saves); from = null; }
      else if (window.times.painted === null) painted((now) => { window.times.painted ??= now; });
    }
    if (searching !== null && target.closest?.('#queue-table')) {
      took(searching, window.times.searches);
      searching = null;
    }
  }
}).observe(document, {childList: true, subtree: true});
"""


def machine() -> str:
    """This machine in words."""
    return f"{os.cpu_count()} CPU cores ({platform.machine()})"


def carry_out(home: Path, *command: str) -> None:
    """Perform a command of the command line on a home.

    Raises:
        DeskError: it fails; with its own sentence.
    """
    environ = own_modules({**os.environ, "CASELOOP_HOME": str(home)})
    line = [sys.executable, "-P", "-m", "app.cli.main", *command]
    done = subprocess.run(line, env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DeskError(done.stderr.strip().splitlines()[-1])


def fill(home: Path, n_notes: int) -> None:
    """Make a store with so many notes of the synthetic corpus, each with a suggestion that rests on its note."""
    task, rng = load_task(), random.Random(SEED)
    with open_store(home / "caseloop.db") as store:
        with as_program(store) as program:
            row = AdapterRow(
                name=ADAPTER,
                path="adapters/bench",
                base="embedded",
                base_revision=None,
                prompt_version=1,
                weights_sha256="0" * 64,
            )
            register_adapter(program, row)
            activate(program, ADAPTER, reason="measured")
        for start in range(0, n_notes, N_BATCH):
            examples = [generate_one(SEED, index) for index in range(start, min(n_notes, start + N_BATCH))]
            notes = [make_note(task, one.text, external_id=f"bench-{start + n}") for n, one in enumerate(examples)]
            with as_program(store) as program:
                for number, example in zip(add_notes(program, notes).note_ids, examples, strict=True):
                    values = Extraction(task, example.output)
                    found = ground(task, example.text, values)
                    suggestion = Suggestion(
                        extraction=values,
                        confidence={key: rng.uniform(0.9, 1.0) for key in task.keys},
                        raw_reply="",
                        adapter=ADAPTER,
                        prompt_version=1,
                        latency_ms=1,
                        evidence={key: one.spans for key, one in found.items()},
                        grounding={key: one.grounding for key, one in found.items()},
                    )
                    add_suggestion(program, number, suggestion)


@contextlib.contextmanager
def serving(home: Path) -> Iterator[tuple[str, int]]:
    """A server process on a home: its address and process id."""
    port = free_port()
    command = [sys.executable, "-P", "-m", "app.web.application", "--home", str(home), "--port", str(port)]
    environ = own_modules(os.environ)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environ)
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + START_S
        while True:
            with contextlib.suppress(urllib.error.URLError, OSError):
                urllib.request.urlopen(f"{address}/healthz", timeout=5).close()
                break
            if process.poll() is not None or time.monotonic() > deadline:
                raise DeskError("Expected the desk to start for the measurement; it did not. See its log.")
            time.sleep(0.1)
        yield address, process.pid
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def browsing() -> Iterator[Any]:
    """A headless Chromium.

    Raises:
        DeskError: there is none, or Playwright is not installed.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise DeskError(
            "Expected Playwright for a measurement in a browser; it is not installed. pip install 'caseloop[test]'."
        ) from error
    path = find()
    if path is None:
        raise DeskError("Expected a Chromium; found none. Install one, or name it in CASELOOP_CHROMIUM.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()
