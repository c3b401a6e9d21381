"""Putting right in a real browser: what an import corrects, versions, copies, deleting, and undoing an import."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from data.notes import make_note
from db.notes.imports import list_imports
from db.notes.notes import add_notes, get_note, numbers_of
from db.notes.queue.search import counts
from db.people.audit import entries
from db.review.reviewed import latest_annotation
from tests.kit.desk.desk_browser import Desk, Tab, serving, tab
from tests.kit.desk.desk_store import COLON, COLON_VALUES, MELANOMA, TASK
from tests.kit.desk.permits import program_in
from tests.kit.desk.stores import FIRST, decide, extraction

OLD = "Pathology report.\nMargins are free.\nStage II, ER positive.\nSigned."
NEW = "Pathology report, amended.\nMargins are free.\nStage III, ER positive.\nSigned."


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A decided report, one note, and another with two copies."""
    with serving(tmp_path, [(COLON, COLON_VALUES)]) as running:
        with running.store.transaction() as session:
            notes = [make_note(TASK, OLD, external_id="S24-1")]
            notes += [make_note(TASK, MELANOMA, external_id=f"m-{n}") for n in range(3)]
            add_notes(program_in(session), notes)
            decide(session, 2, 0, by="local", values=extraction(first="breast"))
        yield running


def queue(here: Tab) -> None:
    here.ready()
    here.page.get_by_role("tab", name="Queue").click()
    expect(here.page.locator("#queue-table tbody tr").first).to_be_visible()


def choose(here: Tab, file: Path, *records: dict[str, Any]) -> None:
    file.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    here.page.locator("#import-file").set_input_files(file)
    expect(here.page.locator("#import-preview")).to_be_visible()


def picture(here: Tab, name: str) -> None:
    """For whoever wants to look: in three widths, light and dark, where a folder for pictures is named."""
    folder = os.environ.get("CASELOOP_PICTURES")
    for width in (1440, 900, 390) if folder else ():
        for scheme in ("light", "dark"):
            here.page.set_viewport_size({"width": width, "height": 900})
            here.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            here.page.screenshot(path=f"{folder}/{name}-{width}-{scheme}.png")
    if folder:
        here.page.set_viewport_size({"width": 1440, "height": 900})


def test_a_newer_text_under_a_known_id_is_asked_about_and_shown_beside_the_old(
    browser: Browser, desk: Desk, tmp_path: Path
) -> None:
    with tab(browser, desk, "/") as here:
        queue(here)
        choose(
            here, tmp_path / "amended.jsonl", {"id": "S24-1", "text": NEW}, {"id": "case-1", "text": COLON, "ward": "4"}
        )
        preview = here.page.locator("#import-preview")
        expect(preview.locator('[name="yes"]')).to_be_disabled()
        preview.locator('[name="same_id"]').select_option("supersede")
        preview.locator('[name="update"]').check()
        expect(preview.get_by_role("heading", name="What would be corrected in 1 note")).to_be_visible()
        expect(preview.locator("table").first).to_contain_text("metadata ward")
        picture(here, "preview")
        preview.locator('[name="yes"]').click()
        expect(here.page.locator("#import-report")).to_contain_text("1 note is a new version of one with the same id")
        with desk.store.reading() as session:
            (_, newer) = numbers_of(session, "S24-1")
            assert (get_note(session, 2).is_superseded, get_note(session, 1).metadata) == (True, {"ward": "4"})
    with tab(browser, desk, f"/app/?note={newer}") as here:
        here.shows("S24-1")
        changes = here.page.locator(".versions .changes")
        expect(changes.locator("del")).to_have_text(["II"])
        expect(changes.locator("ins")).to_have_text([", amended", "III"])
        chip = here.page.locator(f'.side[data-field="{FIRST}"] .others button').filter(has_text="breast")
        expect(chip).to_contain_text("before")
        expect(here.page.locator(f"#field-{FIRST} textarea")).to_have_value("")
        picture(here, "version")
        chip.click()
        expect(here.page.locator(f"#field-{FIRST} textarea")).to_have_value("breast")
    with desk.store.reading() as session:
        assert latest_annotation(session, newer) is None


def test_a_decision_is_offered_to_the_copies_and_taken_back(browser: Browser, desk: Desk) -> None:
    with tab(browser, desk, "/app/?note=3") as here:
        here.shows("m-0")
        expect(here.page.locator("#heading")).to_contain_text("has 2 copies: m-1, m-2")
        here.type_into(FIRST, "melanoma")
        here.page.keyboard.press("Control+Enter")
        offer = here.page.locator("#elsewhere")
        expect(offer).to_contain_text("2 other notes with exactly the same text as m-0 wait")
        picture(here, "copies")
        offer.get_by_role("button", name="Save it there too").click()
        expect(offer).to_contain_text("Saved 2 other notes alike")
        with desk.store.reading() as session:
            assert [get_note(session, number).state for number in (3, 4, 5)] == ["submitted"] * 3
        offer.get_by_role("button", name="Undo").click()
        expect(offer).to_contain_text("2 other notes as before")
    with desk.store.reading() as session:
        assert [get_note(session, number).state for number in (3, 4, 5)] == ["submitted", "todo", "todo"]


def test_notes_are_deleted_and_an_import_is_undone_with_a_reason(browser: Browser, desk: Desk, tmp_path: Path) -> None:
    with tab(browser, desk, "/") as here:
        queue(here)
        choose(here, tmp_path / "wrong.jsonl", *({"id": f"w-{n}", "text": f"Wrong file {n}."} for n in range(3)))
        here.page.locator('#import-preview [name="yes"]').click()
        expect(here.page.locator("#import-report")).to_contain_text("3 notes added")
        here.page.locator('[data-queue-do="imports"]').click()
        imports = here.page.locator("#imports")
        expect(imports).to_contain_text("wrong.jsonl")
        picture(here, "imports")
        imports.get_by_role("button", name="Undo import 1").click()
        ask = here.page.locator("#queue-ask")
        expect(ask).to_contain_text("This deletes 3 notes for good.")
        ask.locator("input").fill("wrong file")
        picture(here, "undo")
        ask.get_by_role("button", name="Delete 3 notes").click()
        expect(here.page.locator("#queue-done")).to_contain_text("3 notes deleted")
        here.page.locator('#queue-table tr[data-note="2"] .tick input').check()
        here.page.locator('[data-queue-do="delete"]').click()
        expect(ask).to_contain_text("This deletes 1 note with 1 decision for good")
        ask.locator("input").fill("consent withdrawn")
        ask.get_by_role("button", name="Delete 1 note").click()
        expect(here.page.locator("#queue-done")).to_contain_text("1 note deleted")
        expect(here.page.locator("#queue-found")).to_have_text("4 notes")
    with desk.store.reading() as session:
        assert counts(session).n_notes == 4
        assert list_imports(session)[0].undone_by == "local"
        assert {row.detail["reason"] for row in entries(session) if row.action == "deleted"} == {
            "wrong file",
            "consent withdrawn",
        }
