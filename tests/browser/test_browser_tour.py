"""The tour: shown to a reviewer once, in nobody's way, by keyboard, and found again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from app.access.guard import LOCAL_REVIEWER
from app.core.rules import read_tour, write_keys
from db.people.settings import drop_setting
from tests.browser.test_browser_access import found
from tests.browser.test_browser_keys import doubtful
from tests.kit.desk.desk_browser import THREE, Desk, Tab, serving, shared, tab
from tests.kit.desk.desk_store import put_notes
from tests.kit.desk.permits import person_in

__all__ = ["shared"]

STEPS = ("The note", "The fields", "Save and next", "The other screens")
FRAMED = ("#note", ".field-0", "#actions", "#nav [role=tab][data-tab-id=queue]")
FRAME = """([selector, pseudo]) => {
    const style = getComputedStyle(document.querySelector(selector), pseudo);
    return style.boxShadow !== 'none' || style.borderLeftWidth === '2px';
}"""
COVERED = """() => [...document.querySelectorAll('#review :is(mark, input, textarea, button)')].filter((one) => {
    one.scrollIntoView({block: 'center'});
    const box = one.getClientRects()[0];
    if (!one.offsetParent || !box) return false;
    const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    return top !== one && !one.contains(top);
}).map((one) => one.outerHTML.slice(0, 120))"""


@pytest.fixture
def unseen(shared: Desk) -> Desk:
    """Three notes of this test's own, for a reviewer who has not seen the tour."""
    with shared.store.transaction() as session:
        drop_setting(person_in(session, LOCAL_REVIEWER), f"tour.{LOCAL_REVIEWER}")
        write_keys(person_in(session, LOCAL_REVIEWER), {})
    return replace(shared, first=put_notes(shared.store, THREE)[0])


def tour(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Tour")


def stands_at(page: Page, number: int) -> None:
    expect(page.get_by_role("dialog", name=f"Tour {number} of 4: {STEPS[number - 1]}")).to_be_visible()


def frames(page: Page) -> list[bool]:
    """Whether what each step speaks of is framed now."""
    return [page.evaluate(FRAME, [what, "::before" if "field" in what else None]) for what in FRAMED]


def kept(desk: Desk) -> str | None:
    """How the tour ended, as the store has it."""
    with desk.store.reading() as session:
        return read_tour(session, LOCAL_REVIEWER)


def come_back(here: Tab, desk: Desk, number: int = 1) -> None:
    """Open the desk anew, and wait until it knows whether the tour is to be shown."""
    with here.page.expect_response("**/review/values"):
        here.page.reload()
    here.shows(desk.case(number))


def test_the_tour_goes_its_four_steps_and_never_comes_again_by_itself(browser: Browser, unseen: Desk) -> None:
    with tab(browser, unseen, unseen.path(1)) as here:
        page = here.page
        here.shows(unseen.case(1))
        stands_at(page, 1)
        assert page.evaluate("document.activeElement.matches('.note-text')")  # it took no focus
        assert frames(page) == [True, False, False, False]
        page.keyboard.press("ArrowRight")
        stands_at(page, 2)
        assert frames(page) == [False, True, False, False]
        page.keyboard.press("Enter")
        stands_at(page, 3)
        assert frames(page) == [False, False, True, False]
        page.keyboard.press("ArrowLeft")
        stands_at(page, 2)
        tour(page).get_by_role("button", name="Next").click()
        tour(page).get_by_role("button", name="Next").press("Enter")
        stands_at(page, 4)
        assert frames(page) == [False, False, False, True]
        page.keyboard.press("ArrowRight")  # ends nothing unseen
        stands_at(page, 4)
        assert kept(unseen) is None
        with page.expect_response("**/tour"):
            tour(page).get_by_role("button", name="Done").press("Enter")
        expect(tour(page)).to_have_count(0)
        assert not any(frames(page))
        assert page.evaluate("document.activeElement.matches('.note-text')")
        assert kept(unseen) == "finished"
        come_back(here, unseen)
        expect(tour(page)).to_have_count(0)


def test_escape_skips_it_from_a_field_and_the_store_keeps_that(browser: Browser, unseen: Desk) -> None:
    with tab(browser, unseen, unseen.path(1)) as here:
        here.shows(unseen.case(1))
        stands_at(here.page, 1)
        come_back(here, unseen)  # neither finished nor skipped
        stands_at(here.page, 1)
        here.page.keyboard.press("Alt+2")
        here.page.keyboard.press("ArrowRight")  # the caret's, in a field
        stands_at(here.page, 1)
        with here.page.expect_response("**/tour"):
            here.page.keyboard.press("Escape")
        expect(tour(here.page)).to_have_count(0)
        expect(here.box("stage")).to_be_focused()
        assert kept(unseen) == "skipped"
    # Another browser of the same reviewer: it is kept on the desk, not in the browser.
    with tab(browser, unseen, unseen.path(1)) as other:
        come_back(other, unseen)
        expect(tour(other.page)).to_have_count(0)


def test_the_desk_s_keys_work_while_it_is_shown(browser: Browser, tmp_path: Path) -> None:
    with serving(tmp_path, []) as empty, tab(browser, empty) as here:
        expect(here.page.locator("#note .empty")).to_be_visible()
        expect(tour(here.page)).to_have_count(0)  # nothing to speak of yet
        desk = doubtful(empty)
        here.page.reload()
        here.shows(desk.case(1))
        stands_at(here.page, 1)
        tour(here.page).get_by_role("button", name="Next").focus()  # wherever the focus is, even in the tour
        here.page.keyboard.press("Control+Enter")
        expect(here.box("stage")).to_be_focused()
        here.page.keyboard.press("Alt+ArrowDown")
        expect(here.page.locator(".others button:focus")).to_have_count(1)
        here.page.keyboard.press("Escape")  # belongs to the other values
        expect(here.box("stage")).to_be_focused()
        stands_at(here.page, 1)
        here.page.keyboard.press("Enter")
        expect(here.box("response")).to_be_focused()
        here.page.keyboard.type("stable disease")
        here.page.keyboard.press("Control+Enter")
        here.shows(desk.case(2))
        expect(here.said()).to_contain_text("revision 1")
        assert desk.decisions(1)[0].extraction["response"] == "stable disease"
        stands_at(here.page, 1)  # it waits where it was


@pytest.mark.parametrize("size", [(1440, 900), (900, 900)], ids=["wide", "narrow"])
def test_it_lies_over_nothing(browser: Browser, unseen: Desk, size: tuple[int, int]) -> None:
    with tab(browser, unseen, unseen.path(1)) as here:
        here.page.set_viewport_size({"width": size[0], "height": size[1]})
        here.shows(unseen.case(1))
        for number in range(1, 5):
            stands_at(here.page, number)
            assert here.page.evaluate(COVERED) == []
            here.page.keyboard.press("ArrowRight")


def test_it_is_found_again_and_gives_the_focus_back(browser: Browser, unseen: Desk) -> None:
    with tab(browser, unseen, unseen.path(1)) as here:
        page = here.page
        here.shows(unseen.case(1))
        stands_at(page, 1)
        page.keyboard.press("Escape")
        page.locator("#tour-open").click()
        stands_at(page, 1)
        expect(tour(page).get_by_role("button", name="Next")).to_be_focused()
        for _ in range(3):
            page.keyboard.press("Enter")
        stands_at(page, 4)
        page.keyboard.press("Escape")
        expect(page.locator("#tour-open")).to_be_focused()
        page.get_by_role("tab", name="Queue").click()
        page.locator("#queue-table").click()
        page.keyboard.press("Alt+k")
        page.get_by_role("dialog", name="Keys").get_by_role("button", name="Show the tour").click()
        stands_at(page, 1)  # on Review, whatever screen was open
        expect(tour(page).get_by_role("button", name="Next")).to_be_focused()


def test_it_names_the_reviewer_s_own_keys(browser: Browser, unseen: Desk) -> None:
    with tab(browser, unseen, unseen.path(1)) as here:
        here.shows(unseen.case(1))
        stands_at(here.page, 1)
        with unseen.store.transaction() as session:
            write_keys(person_in(session, LOCAL_REVIEWER), {"save": "F9"})
        come_back(here, unseen)
        stands_at(here.page, 1)
        here.page.keyboard.press("ArrowRight")
        here.page.keyboard.press("ArrowRight")
        expect(tour(here.page)).to_contain_text("F9 saves and shows the next note")


@pytest.mark.parametrize("theme", ["light", pytest.param("dark", marks=pytest.mark.long)])
def test_nothing_serious_is_wrong_for_a_screen_reader(browser: Browser, unseen: Desk, theme: str) -> None:
    with tab(browser, unseen, unseen.path(1)) as here:
        here.page.evaluate(f"localStorage.setItem('caseloop:theme', '{theme}')")
        come_back(here, unseen)
        wrong = []
        for number in range(1, 5):
            stands_at(here.page, number)
            wrong += found(here.page, f"step {number}")
            here.page.keyboard.press("ArrowRight")
        assert wrong == []
