"""Every screen says in a sentence that it could not be filled, and why; nothing empty passes for what is there."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import closing

import pytest
from playwright.sync_api import Browser, Locator, expect

from app.screens.markup import call_script
from db.schema.files import sqlite
from db.store.store import Store
from tests.kit.desk.desk_browser import Desk, Tab, desk, shared, tab

__all__ = ["desk", "shared"]

SCREENS = ("Queue", "Train", "Progress", "Export", "Settings")
BROKEN = ("note", "setting")  # every screen reads one of these tables


def rename(store: Store, before: str, after: str) -> None:
    with closing(sqlite.connect(store.path)) as connection:
        for table in BROKEN:
            connection.execute(f"ALTER TABLE {table}{before} RENAME TO {table}{after}")
        connection.commit()


def opened(here: Tab, screen: str) -> Locator:
    here.page.get_by_role("tab", name=screen).click()
    return here.page.locator(".tabitem:visible")


def told(here: Tab, screen: str) -> Locator:
    return opened(here, screen).get_by_role("alert")


@pytest.fixture
def frozen(desk: Desk) -> Iterator[Desk]:
    """The shared server, which may be stopped: it goes on afterwards."""
    yield desk
    desk.send(signal.SIGCONT)


def test_a_screen_whose_store_cannot_be_read_says_so_and_is_filled_by_trying_again(
    browser: Browser, desk: Desk
) -> None:
    with tab(browser, desk, desk.path(1), quiet=False) as here:
        here.shows(desk.case(1))
        rename(desk.store, "", "_gone")
        try:
            for screen in SCREENS:
                expect(told(here, screen)).to_have_count(1)
                expect(told(here, screen)).to_contain_text(
                    "no such table" if screen == "Queue" else "could not be filled: the desk has a problem"
                )
                assert "Traceback" not in here.page.locator(".tabitem:visible").inner_text()
            expect(here.page.get_by_role("button", name="Save settings")).to_be_hidden()  # or blanks would be kept
        finally:
            rename(desk.store, "_gone", "")
        here.page.locator(".tabitem:visible").get_by_role("button", name="Try again").click()
        expect(here.page.get_by_label("The least sure, % of the fields")).to_have_value("15")
        expect(here.page.get_by_role("button", name="Save settings")).to_be_visible()
        for screen in SCREENS:
            expect(told(here, screen)).to_have_count(0)


def test_a_note_that_is_refused_says_why_and_never_that_the_desk_is_away(browser: Browser, desk: Desk) -> None:
    said = "Expected what nobody asked for. Put it back."
    with tab(browser, desk, desk.path(1), quiet=False) as here:
        here.shows(desk.case(1))
        here.page.route("**/review?**", lambda route: route.fulfill(status=422, json={"detail": said}))
        here.page.evaluate(f"() => void ({call_script('review/note/note.js', 'open', desk.first + 1)})()")
        expect(here.page.get_by_text(f"the note cannot be shown: {said[:-1]}")).to_be_visible()
        here.page.route("**/review/history?**", lambda route: route.fulfill(status=500, body="broken"))
        here.page.evaluate(call_script("review/note/history.js", "showHistory"))
        expect(here.page.locator("#history")).to_contain_text("the desk has a problem; see its log")
        here.page.unroute("**/review?**")
        here.page.get_by_role("button", name="Close").click()
        here.shows(desk.case(2))


def test_a_screen_whose_server_is_away_says_so(browser: Browser, frozen: Desk) -> None:
    desk = frozen
    with tab(browser, desk, desk.path(1), quiet=False, has_clock=True) as here:
        here.shows(desk.case(1))
        opened(here, "Settings")
        expect(here.page.get_by_label("The least sure, % of the fields")).to_have_value("15")
        opened(here, "Queue")
        expect(here.page.locator("#queue-found")).to_contain_text("note")
        desk.send(signal.SIGSTOP)
        here.page.get_by_role("button", name="Flag").first.click()
        here.page.clock.run_for(40_000)
        expect(here.page.locator("#queue-done > span")).to_have_text("The desk cannot be reached.")
        for screen in SCREENS[1:]:
            alarm = told(here, screen)
            here.page.clock.run_for(9000)
            expect(alarm).to_contain_text("the desk cannot be reached")
        expect(alarm).to_contain_text("What you see is out of date")
        here.page.get_by_label("The least sure, % of the fields").fill("80")
        here.page.get_by_role("button", name="Save settings").click()
        here.page.clock.run_for(9000)
        expect(alarm).to_contain_text("The settings were not saved: the desk cannot be reached")
