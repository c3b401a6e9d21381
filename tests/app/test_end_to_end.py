"""The whole loop with a real model, real processes and a real browser.

Import, pre-fill, correct, save, export, retrain on a CPU, gate, activation, and the next suggestion by the new one. The
originals are labelled in a house style that the embedded adapter has never seen (coded responses, "Stage IV"), so
there is something to learn. The test learns from few notes, so the gate cannot tell and a person lets the new adapter
take over with a reason; `make proof` learns from more, and there the gate has to pass by itself.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from data.synthetic.sets.house_style import STYLES
from data.synthetic.sets.shipped import sample_notes
from tests.app.worker.test_supervisor import Served
from tests.kit.desk.desk_browser import browser
from tests.kit.homes import TASK, Home

__all__ = ["browser"]

IS_PROOF = os.environ.get("CASELOOP_PROOF") == "loop"
N_TRAIN, N_HOLDOUT, EPOCHS = (80, 20, 20) if IS_PROOF else (40, 12, 2)
TRAINING_MS = 900_000
PATIENCE_MS = 60_000


def house_style_originals() -> list[dict[str, Any]]:
    """Sample notes, labelled in the house style: so many to train on, so many that are held out."""
    wanted = {"train": N_TRAIN, "holdout": N_HOLDOUT}
    found: list[dict[str, Any]] = []
    for note in sample_notes(TASK):
        if note.gold is not None and wanted[note.split]:
            wanted[note.split] -= 1
            found.append({"input": note.text, "output": STYLES["registry"](note.gold.as_dict())})
    assert not any(wanted.values())
    return found


def write_lines(path: Path, records: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return str(path)


def box(page: Page, key: str) -> Locator:
    return page.get_by_label(TASK.field(key).title, exact=True)


def shows(page: Page, external_id: str) -> None:
    expect(page.locator("#note-head h2")).to_have_text(external_id, timeout=PATIENCE_MS)
    expect(page.locator("body[data-desk=ready]")).to_have_count(1)


def wait_for_prefill(page: Page, served: Served, external_id: str, adapter: str) -> None:
    """Open the next note and wait until the worker has suggested values for it."""
    for _ in range(60):
        page.goto(f"http://127.0.0.1:{served.port}/app/")
        expect(page.locator("body[data-desk=ready]")).to_have_count(1, timeout=PATIENCE_MS)
        heading = page.locator("#note-head").inner_text()
        # Notes with a suggestion come first: while only another one has its own, that one is shown.
        if external_id in heading and f"suggested by {adapter}" in heading:
            break
        page.wait_for_timeout(1000)
    shows(page, external_id)
    expect(page.locator("#note-head")).to_contain_text(f"suggested by {adapter}")


@pytest.mark.timeout(1500)
def test_the_loop_learns_from_import_to_the_next_suggestion(home: Home, browser: Browser, tmp_path: Path) -> None:
    originals = house_style_originals()
    texts = [note.text for note in sample_notes(TASK) if note.gold is None][:3]
    home.ok("import", write_lines(tmp_path / "originals.jsonl", originals), "--original")
    first = [{"id": f"new-{number}", "text": text} for number, text in enumerate(texts[:2])]
    home.ok("import", write_lines(tmp_path / "first.jsonl", first))
    served = Served(home)
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    try:
        correct_first_note(page, served)
        assert_export_holds_the_correction(home, tmp_path)
        retrain(page, home)
        home.ok("import", write_lines(tmp_path / "third.jsonl", [{"id": "new-2", "text": texts[2]}]))
        skip(page, served, "new-1")
        wait_for_prefill(page, served, "new-2", "run-0001")
    finally:
        page.close()
        served.stop()


def correct_first_note(page: Page, served: Served) -> None:
    wait_for_prefill(page, served, "new-0", "embedded")
    filled = [key for key in TASK.keys if box(page, key).input_value()]
    assert len(filled) >= 3, "the embedded model fills in most fields of a note of the kind that it knows"
    expect(page.locator("#note mark").first).to_be_visible()
    box(page, "stage").fill("Stage IIIB")
    box(page, "response").fill("SD")
    page.keyboard.press("Alt+a")  # whatever asks to be looked at was looked at
    page.keyboard.press("Control+Enter")
    shows(page, "new-1")
    expect(page.locator("#saved")).to_contain_text("revision 1")


def assert_export_holds_the_correction(home: Home, tmp_path: Path) -> None:
    out = tmp_path / "reviewed.jsonl"
    home.ok("export", str(out), "--with-provenance")
    (record,) = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert record["id"] == "new-0"
    assert (record["output"]["stage"], record["output"]["response"]) == ("Stage IIIB", "SD")
    provenance = record["provenance"]
    kinds = provenance["corrections"]
    assert provenance["adapter"] == "embedded"
    assert kinds["stage"] in ("edited", "added")
    assert kinds["response"] in ("edited", "added")
    assert {kind for key, kind in kinds.items() if key not in ("stage", "response")} == {"accepted"}
    assert provenance["suggestion"]["stage"] != "Stage IIIB"
    assert (provenance["reviewer"], provenance["revision"]) == ("local", 1)


def retrain(page: Page, home: Home) -> None:
    page.get_by_role("tab", name="Train").click()
    page.locator("#train-epochs").get_by_role("textbox").fill(str(EPOCHS))
    page.get_by_role("button", name="Start training").click()
    expect(page.locator("#verdict-head .verdict")).to_be_visible(timeout=TRAINING_MS)
    if IS_PROOF:
        expect(page.locator("#verdict-head .verdict.passed")).to_be_visible()
    elif not home.json("adapters", "show", "run-0001")["active"]:
        page.locator("#verdict-reason").get_by_role("textbox").fill("it writes as this registry does")
        page.locator("#verdict-activate").click()
        expect(page.locator("#verdict-said")).to_contain_text("run-0001", timeout=PATIENCE_MS)
    assert home.json("adapters", "show", "run-0001")["active"] is True
    assert home.json("status")["adapter"] == "run-0001"


def skip(page: Page, served: Served, external_id: str) -> None:
    page.goto(f"http://127.0.0.1:{served.port}/app/")
    shows(page, external_id)
    page.keyboard.press("Alt+s")
    expect(page.locator("#note-head h2")).not_to_have_text(external_id, timeout=PATIENCE_MS)
