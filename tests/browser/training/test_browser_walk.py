"""Reviewing what the queue shows, in its order, in a real browser: to the end of the list and on with all notes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Locator, expect

from db.schema import tables
from tests.kit.desk.desk_browser import Desk, Tab, serving, tab
from tests.kit.desk.desk_store import BREAST, BREAST_VALUES, COLON, COLON_VALUES, MELANOMA, empty_values

NOTES = [(BREAST, BREAST_VALUES), (COLON, COLON_VALUES), (MELANOMA, empty_values())]
DOUBT = {1: 1.0, 2: 3.0, 3: 0.2, 4: 2.0, 5: 4.0, 6: 0.1}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Six notes that wait; 5, 2, 4 and 1 are less and less doubtful, 3 and 6 are sure."""
    with serving(tmp_path, [(f"{text} Seen {n}.", values) for n in range(2) for text, values in NOTES]) as running:
        with running.store.transaction() as session:
            for number, doubt in DOUBT.items():
                values = {"doubt": doubt, "min_confidence": 0.95 if doubt < 1 else 0.5}
                session.execute(sa.update(tables.note).where(tables.note.c.id == number).values(**values))
        yield running


def narrowed(here: Tab) -> Locator:
    """The queue with the doubtful notes, the least sure first."""
    here.ready()
    here.page.get_by_role("tab", name="Queue").click()
    here.page.get_by_label("unsure", exact=True).check()
    here.page.get_by_label("Order").select_option("doubt")
    rows = here.page.locator("#queue-table tbody tr")
    expect(rows.first).to_contain_text("case-5")
    expect(rows).to_have_count(4)
    return rows


def place(here: Tab) -> Locator:
    return here.page.locator("#note-head .place")


def save(here: Tab, name: str, revision: int = 1) -> None:
    """Save what is on screen, which is called so, and wait until the desk has it."""
    here.page.keyboard.press("Alt+a")
    here.page.keyboard.press("Control+Enter")
    expect(here.said()).to_contain_text(re.compile(rf"{name} saved .*revision {revision}"))


def states(desk: Desk) -> str:
    with desk.store.reading() as session:
        found = session.execute(sa.select(tables.note.c.state).order_by(tables.note.c.id)).scalars()
        return " ".join(found)


def test_what_the_queue_shows_is_reviewed_in_its_order_to_its_end(browser: Browser, desk: Desk) -> None:
    with tab(browser, desk, "/") as here:
        narrowed(here)
        button = here.page.get_by_role("button", name="Review these 4: 4 notes waiting for you")
        expect(button).to_have_text("Review these 4")
        here.page.keyboard.press("Escape")
        here.page.keyboard.press("j")
        here.page.keyboard.press("r")
        here.shows("case-5")
        expect(place(here)).to_have_text("in: low confidence, least sure first – 4 left")
        save(here, "case-5")
        here.shows("case-2")
        expect(place(here)).to_contain_text("– 3 left")
        save(here, "case-2")
        here.shows("case-4")
        here.page.reload()
        here.shows("case-4")
        expect(place(here)).to_have_text("in: low confidence, least sure first – 2 left")
        here.page.keyboard.press("Alt+s")
        here.shows("case-1")
        expect(place(here)).to_contain_text("– 1 left")
        here.page.go_back()
        here.shows("case-4")
        expect(place(here)).to_contain_text("in: low confidence")
        here.page.go_forward()
        here.shows("case-1")
        here.page.keyboard.press("Alt+a")
        here.page.keyboard.press("Control+Enter")
        end = here.page.locator("#note .empty")
        expect(end).to_contain_text("The end of this list.")
        expect(end).to_contain_text("2 other notes wait for review.")
        here.page.reload()
        expect(end).to_contain_text("The end of this list.")
        assert states(desk) == "submitted submitted todo skipped submitted todo"
        on = here.page.get_by_role("button", name="Go on with all notes")
        expect(on).to_be_focused()
        here.page.keyboard.press("Enter")
        here.shows("case-3")
        expect(place(here)).to_have_text("5 of 6 to review")
        assert "order" not in here.page.url
        save(here, "case-3")
        here.shows("case-6")
        here.page.get_by_role("tab", name="Queue").click()
        expect(here.page.get_by_role("button", name="Review these")).to_be_disabled()


def test_a_row_goes_on_from_there_and_all_notes_are_a_click_away(browser: Browser, desk: Desk) -> None:
    with tab(browser, desk, "/") as here:
        rows = narrowed(here)
        rows.nth(1).click()
        here.shows("case-2")
        expect(place(here)).to_contain_text("– 4 left")
        save(here, "case-2")
        here.shows("case-4")
        save(here, "case-4")
        here.shows("case-1")
        save(here, "case-1")
        here.shows("case-5")  # round to the first that still waits
        expect(place(here)).to_contain_text("– 1 left")
        here.type_into("stage", "IIIB")
        here.page.get_by_role("button", name="all notes").click()
        here.shows("case-5")
        expect(here.box("stage")).to_have_value("IIIB")
        expect(place(here)).to_have_text("4 of 6 to review")
        assert "order" not in here.page.url
        save(here, "case-5")
        here.shows("case-6")
        expect(place(here)).to_have_text("5 of 6 to review")
        here.page.keyboard.press("Alt+u")  # taken back, in all notes too
        here.shows("case-5")
        with here.page.context.expect_page() as opened:  # a row in a tab of its own takes the walk along
            here.page.get_by_role("tab", name="Queue").click()
            rows.nth(0).get_by_role("link").click(modifiers=["ControlOrMeta"])
        expect(opened.value.locator("#note-head .place")).to_contain_text("in: low confidence, least sure first")
