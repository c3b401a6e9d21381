"""A run is followed on the Train screen without reloading it: its steps, its loss, and then its verdict."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import Browser, expect

from db.training.runs import create_run, update_run
from tests.kit.desk.desk_browser import THREE, serving, tab
from tests.kit.desk.permits import person_in, program_in


def progress(folder: Path, step: int, loss: float) -> None:
    """What the trainer writes, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log.jsonl").open("a") as log:
        log.write(json.dumps({"step": step, "loss": loss, "eval_loss": loss + 0.1}) + "\n")
    draft = folder / "progress.part"
    draft.write_text(json.dumps({"state": "training", "step": step, "n_steps": 8, "loss": loss, "eta_s": 60}))
    draft.replace(folder / "progress.json")


def test_steps_loss_and_the_end_show_by_themselves(browser: Browser, tmp_path: Path) -> None:
    with serving(tmp_path, THREE) as desk, tab(browser, desk) as here:
        here.ready()
        here.page.get_by_role("tab", name="Train").click()
        panel = here.page.locator("[role=tabpanel]:visible")
        expect(panel).to_contain_text("No learning curve yet")
        here.page.evaluate("window.isTheSamePage = true")
        folder = tmp_path / "runs" / "run-0001"
        progress(folder, 1, 2.5)
        with desk.store.transaction() as session:
            run = create_run(person_in(session, "ann"), config={})
            update_run(program_in(session), run.id, status="running", directory="runs/run-0001")
        expect(panel).to_contain_text("step 1 of 8, loss 2.500")
        for step, loss in ((3, 1.25), (6, 0.75)):
            progress(folder, step, loss)
            expect(panel).to_contain_text(f"step {step} of 8, loss {loss:.3f}")
        expect(panel.locator("svg polyline").first).to_be_attached()  # the curve
        with desk.store.transaction() as session:
            update_run(program_in(session), run.id, status="failed", message="The disk is full: no room for the files.")
        expect(panel).to_contain_text("The disk is full")
        assert here.page.evaluate("window.isTheSamePage")
