"""The whole loop with the real embedded model, real processes and a real browser.

Import, pre-fill, correct, save, export, retrain on a CPU, gate, activation, and the next suggestion by the new one. The
originals are labelled in a house style that the embedded adapter has never seen (coded responses, "Stage IV"), so
there is something to learn, and the gate passes because the new adapter has learnt it.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from data.notes import content_hash, split_of
from data.synthetic import Example, generate_one
from data.task import load_task
from tests import chromium

ROOT = Path(__file__).parent.parent
TASK = load_task()
SEED = 9001  # no seed that the embedded model was trained with
N_TRAIN, N_HOLDOUT = 96, 24
TRAINING_MS = 600_000
PATIENCE_MS = 60_000


def examples() -> list[Example]:
    """Labelled notes in the house style: so many to train on, so many that are held out."""
    wanted = {"train": N_TRAIN, "holdout": N_HOLDOUT}
    found: list[Example] = []
    index = 0
    while any(wanted.values()):
        example = generate_one(SEED, index, house_style="registry")
        index += 1
        split = split_of(content_hash(example.text))
        if wanted[split]:
            wanted[split] -= 1
            found.append(example)
    return found


@dataclass
class Home:
    """A desk's home and the commands that a person types there."""

    path: Path
    port: int

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "CASELOOP_HOME": str(self.path)}

    def caseloop(self, *words: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "app.cli", *words],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done.stdout

    def serve(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "serve", "--port", str(self.port)],
            cwd=ROOT,
            env=self.environment,
            start_new_session=True,
        )
        while process.poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5).close()
            except (urllib.error.URLError, OSError):
                continue
            return process
        raise AssertionError(f"serve ended with {process.returncode}")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return Home(tmp_path / "home", free.getsockname()[1])


@pytest.fixture
def page() -> Iterator[Page]:
    path = chromium.find()
    if path is None:
        pytest.skip("no Chromium; run `python -m tests.chromium --install`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=chromium.ARGUMENTS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(PATIENCE_MS)
        yield page
        browser.close()


def write_lines(path: Path, records: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return str(path)


def box(page: Page, key: str) -> Any:
    return page.get_by_label(TASK.field(key).title, exact=True)


def wait_for_prefill(page: Page, home: Home, external_id: str, adapter: str) -> None:
    """Open a note and wait until the worker has suggested values for it."""
    page.goto(f"http://127.0.0.1:{home.port}/app/")
    expect(page.locator("#note-head h2")).to_have_text(external_id, timeout=PATIENCE_MS)
    heading = page.locator("#note-head")
    for _ in range(60):
        if adapter in heading.inner_text():
            break
        page.wait_for_timeout(1000)
        page.reload()
        expect(page.locator("#note-head h2")).to_have_text(external_id, timeout=PATIENCE_MS)
    expect(heading).to_contain_text(f"suggested by {adapter}")


@pytest.mark.timeout(1200)
def test_the_loop_learns_from_import_to_a_better_next_suggestion(home: Home, page: Page, tmp_path: Path) -> None:
    originals = [{"input": example.text, "output": example.output} for example in examples()]
    incoming = [generate_one(SEED + 1, index) for index in range(3)]
    assert home.caseloop("import", write_lines(tmp_path / "originals.jsonl", originals), "--original")
    first = [{"id": f"new-{number}", "text": example.text} for number, example in enumerate(incoming[:2])]
    assert home.caseloop("import", write_lines(tmp_path / "first.jsonl", first))
    server = home.serve()
    try:
        correct_first_note(page, home)
        assert_export_holds_the_correction(home, tmp_path)
        retrain(page, home)
        third = [{"id": "new-2", "text": incoming[2].text}]
        home.caseloop("import", write_lines(tmp_path / "third.jsonl", third))
        finish_review_up_to(page, home, "new-2")
        wait_for_prefill(page, home, "new-2", "run-0001")
        assert box(page, "stage").input_value().startswith("Stage ")
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        assert server.wait(60) == 0


def correct_first_note(page: Page, home: Home) -> None:
    wait_for_prefill(page, home, "new-0", "embedded")
    filled = [key for key in TASK.keys if box(page, key).input_value()]
    assert len(filled) >= 3, "the embedded model fills in most fields of a note of the kind that it knows"
    expect(page.locator("#note mark").first).to_be_visible()
    box(page, "stage").fill("Stage IIIB")
    box(page, "response").fill("SD")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#note-head h2")).to_have_text("new-1")
    expect(page.locator("#saved")).to_contain_text("saved")


def assert_export_holds_the_correction(home: Home, tmp_path: Path) -> None:
    out = tmp_path / "reviewed.jsonl"
    home.caseloop("export", str(out), "--with-provenance")
    (record,) = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert record["id"] == "new-0"
    assert record["output"]["stage"] == "Stage IIIB"
    assert record["output"]["response"] == "SD"
    provenance = record["provenance"]
    assert provenance["adapter"] == "embedded"
    assert provenance["corrections"]["stage"] in ("edited", "added")
    assert provenance["corrections"]["response"] in ("edited", "added")
    assert provenance["corrections"]["cancer_type"] == "accepted"
    assert provenance["suggestion"]["stage"] != "Stage IIIB"
    assert provenance["reviewer"] == "local"
    assert provenance["revision"] == 1


def retrain(page: Page, home: Home) -> None:
    page.get_by_role("tab", name="Train").click()
    page.locator("#train-epochs").get_by_role("textbox").fill("6")
    page.get_by_role("button", name="Start training").click()
    expect(page.locator("#run-current .verdict")).to_be_visible(timeout=TRAINING_MS)
    expect(page.locator("#run-current .verdict.passed")).to_be_visible()
    state = json.loads(home.caseloop("adapters", "show", "run-0001", "--json"))
    assert state["active"] is True
    runs = json.loads(home.caseloop("status", "--json"))
    assert runs["adapter"] == "run-0001"


def finish_review_up_to(page: Page, home: Home, external_id: str) -> None:
    """Skip the notes before the one that was asked for."""
    page.goto(f"http://127.0.0.1:{home.port}/app/")
    for _ in range(3):
        expect(page.locator("body[data-desk=ready]")).to_have_count(1)
        if page.locator("#note-head h2").inner_text() == external_id:
            return
        page.wait_for_timeout(500)  # the desk ignores a key that comes before a note can have been read
        page.keyboard.press("Alt+s")
        page.wait_for_timeout(1000)
    expect(page.locator("#note-head h2")).to_have_text(external_id)
