"""What came with the notes in a real browser: beside the note, in the queue's filter and order; and days of a zone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from app.access.guard import LOCAL_REVIEWER
from data.notes import make_note
from data.task import Extraction
from db.notes.notes import add_notes
from db.review.decisions import submit
from tests.kit.desk.desk_browser import Desk, Tab, browser, serving, tab
from tests.kit.desk.desk_store import BREAST, TASK
from tests.kit.desk.permits import person_in, program_in

__all__ = ["browser"]

HURT = '<img src=x onerror="window.hurt=1">'
LONG = "A letter of the referring doctor, with much that a registry keeps beside its report. " * 8
METADATA = [
    {"mrn": "0815", "ward": "10", "site": HURT, "letter": LONG, "stage": "IV", "seen": "2026-01-31", "age": 61},
    {"mrn": "4711", "ward": "9", "site": "Köln"},
    {"mrn": "12", "ward": "3"},
    {},
]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with serving(tmp_path, []) as running:
        notes = [
            make_note(TASK, f"{BREAST} Number {n}.", external_id=f"case-{n}", metadata=one)
            for n, one in enumerate(METADATA, 1)
        ]
        with running.store.transaction() as session:
            add_notes(program_in(session), notes)
        yield running


def take(page: Page, name: str) -> None:
    """A picture for whoever asked for some."""
    if folder := os.environ.get("CASELOOP_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def names(here: Tab) -> list[str]:
    return here.page.locator("#queue-table tbody th a").all_inner_texts()


def test_metadata_is_beside_the_note_and_narrows_and_sorts_the_queue(browser: Browser, desk: Desk) -> None:
    with tab(browser, desk) as here:
        here.shows("case-1")
        beside = here.page.locator("#brought")
        expect(beside).to_contain_text("mrn0815ward10")
        expect(beside).to_contain_text(HURT)  # as text
        expect(beside).not_to_contain_text("stage")  # it may be what the reviewer is to find
        expect(beside.get_by_text("61")).to_be_hidden()
        take(here.page, "review")
        beside.get_by_text("2 more").click()
        expect(beside.get_by_text("61")).to_be_visible()
        take(here.page, "review-open")

        here.page.get_by_role("tab", name="Queue").click()
        found = here.page.locator("#queue-found")
        expect(found).to_have_text("4 notes")
        take(here.page, "queue")
        here.page.get_by_label("Order").select_option("meta.ward")
        expect(here.page.locator("#queue-table tbody th a").first).to_have_text("case-3")
        assert names(here) == ["case-3", "case-2", "case-1", "case-4"]
        here.page.get_by_label("Metadata", exact=True).select_option("mrn")
        here.page.get_by_label("Value of the metadata").press_sequentially("4711")
        expect(found).to_have_text("1 note")
        take(here.page, "queue-filtered")
        here.page.locator("#queue-table tbody tr").click()
        here.shows("case-2")
        assert "4711" not in here.page.url
        assert "meta_name=mrn" in here.page.url
        here.page.reload()
        here.shows("case-2")
        expect(here.page.locator("#heading .walk")).to_contain_text("mrn is 4711, by ward")

        here.page.get_by_role("tab", name="Queue").click()
        here.page.get_by_label("Test", exact=True).select_option("absent")
        expect(found).to_have_text("1 note")
        expect(here.page.get_by_label("Value of the metadata")).to_be_hidden()
        assert names(here) == ["case-4"]
        assert here.page.evaluate("window.hurt") is None


def test_a_lead_chooses_the_columns_beside_the_note(browser: Browser, desk: Desk) -> None:
    with tab(browser, desk) as here:
        here.ready()
        here.page.get_by_role("tab", name="Settings").click()
        here.page.get_by_label("Those chosen below").check()
        box = here.page.locator("#settings-columns input")
        for name in ("stage", "mrn"):
            box.fill(name)
            box.press("Enter")
        take(here.page, "settings")
        here.page.get_by_role("button", name="Save settings").click()
        expect(here.page.locator("#settings-said")).to_contain_text("Saved")
        here.page.goto(f"{desk.url}{desk.path(1)}")
        here.shows("case-1")
        expect(here.page.locator("#brought")).to_have_text("stageIVmrn0815")


def test_days_are_those_of_the_browser(browser: Browser, desk: Desk) -> None:
    with desk.store.transaction() as session:
        for note_id in (1, 2):
            submit(
                person_in(session, LOCAL_REVIEWER),
                note_id=note_id,
                status="submitted",
                extraction=Extraction.empty(TASK),
                seen_revision=0,
                token=f"t-{note_id}",
            )
    context = browser.new_context(viewport={"width": 1440, "height": 900}, timezone_id="Pacific/Kiritimati")
    here = Tab(context.new_page())  # 14 hours before UTC: its day is never that of half of the world
    here.page.goto(f"{desk.url}/app/")
    here.ready()
    here.page.get_by_role("tab", name="Queue").click()
    here.page.get_by_label("Origin").select_option("")
    shown = here.page.locator("#queue-table tbody time").first.inner_text()[:10]
    here.page.get_by_role("tab", name="Export").click()
    summary = here.page.locator("#export-summary")
    expect(summary).to_contain_text("2 reviewed notes")
    for label in ("From the day", "To the day"):
        here.page.get_by_label(label).fill(shown)
    expect(summary).to_contain_text("A day begins at midnight in the time zone of this browser, Pacific/Kiritimati")
    expect(summary).to_contain_text("2 reviewed notes")
    assert "zone=Pacific%2FKiritimati" in (summary.get_by_role("link", name="Download").get_attribute("href") or "")
    take(here.page, "export")
    context.close()
