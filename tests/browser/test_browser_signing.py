"""In a real browser: signing in, a sign-in that ends while somebody types, another person at the same browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from db.people.audit import entries
from db.review.decisions import draft_of
from db.schema import tables as t
from tests.kit.desk.desk_browser import THREE, Desk, Tab, serving
from tests.kit.people import PASSWORD, add_people


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with serving(tmp_path, THREE) as running:
        add_people(running.store, {"Ann Lee": "admin", "kim": "reviewer"})
        yield running


@pytest.fixture
def context(browser: Browser, desk: Desk) -> BrowserContext:
    return desk.profile(browser)


def sign_in(page: Page, name: str) -> None:
    """By keyboard, from where the page's own focus is."""
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")


def opened(context: BrowserContext, desk: Desk, name: str = "kim") -> Tab:
    here = Tab(context.new_page())
    here.page.goto(f"{desk.url}{desk.path(1)}")
    sign_in(here.page, name)
    here.shows(desk.case(1))
    here.loaded_ahead()
    return here


def test_the_name_leads_to_a_page_that_changes_the_password(context: BrowserContext, desk: Desk) -> None:
    here = opened(context, desk)
    here.page.locator("#reviewer-name").click()
    expect(here.page.get_by_label("Current password")).to_be_focused()
    for text in (PASSWORD, "a new long pass phrase", "a new long pass phrase"):
        here.page.keyboard.type(text)
        here.page.keyboard.press("Tab")
    here.page.keyboard.press("Enter")
    here.ready()
    expect(here.page.locator("#reviewer-name")).to_have_text("kim")
    assert [said for said in here.complaints if "401" not in said] == []


def save(here: Tab) -> None:
    here.page.keyboard.press("Alt+a")
    here.page.keyboard.press("Control+Enter")


def end_sign_ins(desk: Desk) -> None:
    with desk.store.transaction() as session:
        session.execute(sa.delete(t.sign_in))


def test_a_person_signs_in_reviews_and_signs_out(context: BrowserContext, desk: Desk) -> None:
    here = opened(context, desk)
    assert "note=1" in here.page.url
    expect(here.page.locator("#reviewer-name")).to_have_text("kim")
    for tab in ("Train", "Export", "Settings"):  # not for a reviewer
        expect(here.page.get_by_role("tab", name=tab)).to_be_hidden()
    save(here)
    here.shows(desk.case(2))
    expect(here.said()).to_contain_text("revision 1")
    assert [row.reviewer for row in desk.decisions(1)] == ["kim"]
    here.page.get_by_role("button", name="Sign out").click()
    expect(here.page.get_by_role("button", name="Sign in")).to_be_visible()
    assert here.page.evaluate("Object.keys(sessionStorage).filter((key) => key.startsWith('caseloop:'))") == []
    here.page.goto(f"{desk.url}/app/")
    expect(here.page.get_by_label("Password")).to_be_visible()
    with desk.store.reading() as session:
        done = [(row.who, row.action) for row in entries(session)]
    assert ("kim", "opened") in done
    assert done[0] == ("kim", "signed out")
    assert here.foreign == []


def test_a_sign_in_that_ends_while_somebody_types_costs_nothing(context: BrowserContext, desk: Desk) -> None:
    here = opened(context, desk)
    end_sign_ins(desk)
    here.type_into("stage", "IIIB")
    expect(here.said()).to_contain_text("you are signed out; kept in this tab")
    save(here)
    here.shows(desk.case(2))  # it was loaded ahead
    expect(here.page.locator("#banner")).to_contain_text("Sign in again in a new tab")
    with context.expect_page() as other:
        here.page.locator("#banner a").click()
    sign_in(other.value, "kim")
    expect(here.page.locator("#banner")).to_be_hidden()
    expect(here.said()).to_contain_text("revision 1")
    (decision,) = desk.decisions(1)
    assert (decision.reviewer, decision.extraction["stage"]) == ("kim", "IIIB")


def test_another_person_at_the_same_browser_saves_nothing_of_the_first(context: BrowserContext, desk: Desk) -> None:
    here = opened(context, desk)
    end_sign_ins(desk)
    save(here)
    here.shows(desk.case(2))
    expect(here.page.locator("#banner")).to_contain_text("NOT SAVED")
    other = opened(context, desk, "Ann Lee")
    expect(here.page.locator("#banner")).to_contain_text("kim opened this page, but Ann Lee is signed in")
    assert desk.decisions(1) == []
    here.page.reload()  # now it is Ann Lee's page, and what kim decided stays kim's
    here.ready()
    expect(here.page.locator("#reviewer-name")).to_have_text("Ann Lee")
    assert desk.decisions(1) == []
    with desk.store.reading() as session:
        assert draft_of(session, 1, "Ann Lee") is None
    other.page.get_by_role("button", name="Sign out").click()
    expect(other.page.get_by_role("button", name="Sign in")).to_be_visible()
    here.page.goto(f"{desk.url}/app/")
    sign_in(here.page, "kim")
    expect(here.said()).to_contain_text("revision 1")  # kept in this tab all the time
    assert [row.reviewer for row in desk.decisions(1)] == ["kim"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_to_sign_in_with_is_fit_for_a_screen_reader(browser: Browser, desk: Desk, theme: str) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 700}, color_scheme=theme)
    here = Tab(context.new_page())
    here.page.goto(f"{desk.url}/app/")
    here.page.get_by_label("Name").fill("kim")
    here.page.get_by_label("Password").fill("not the password")
    here.page.get_by_role("button", name="Sign in").click()
    expect(here.page.get_by_role("alert")).to_have_text("Wrong name or password.")
    expect(here.page.get_by_label("Password")).to_be_focused()
    answer = Axe().run(here.page).response
    assert [rule["id"] for rule in answer["violations"] if rule["impact"] in ("serious", "critical")] == []
    context.close()
