"""Two people at one desk in a real browser: different notes, a line about the other, and merging what both did."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect

from data.task import Extraction
from db.review.decisions import submit
from tests.browser.test_browser_signing import sign_in
from tests.kit.desk.desk_browser import Desk, Tab, serving
from tests.kit.desk.desk_store import BREAST, BREAST_VALUES, COLON, COLON_VALUES, TASK
from tests.kit.desk.permits import person_in
from tests.kit.people import add_people

NOTES = [
    (f"{text} Seen {n}.", values) for n in range(4) for text, values in ((BREAST, BREAST_VALUES), (COLON, COLON_VALUES))
]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Eight notes that wait, and two people who can sign in."""
    with serving(tmp_path, NOTES) as running:
        add_people(running.store, {"ann": "admin", "kim": "reviewer"})
        yield running


def entered(browser: Browser, desk: Desk, name: str, path: str = "/app/", *, has_next: bool = True) -> Tab:
    here = Tab(desk.profile(browser).new_page())
    here.page.goto(desk.url + path)
    sign_in(here.page, name)
    here.ready()
    if has_next:
        here.loaded_ahead()
    return here


def decided(desk: Desk, number: int, **changes: str | None) -> None:
    """By ann, from the page that everybody saw."""
    with desk.store.transaction() as session:
        submit(
            person_in(session, "ann"),
            note_id=number,
            status="submitted",
            extraction=Extraction(TASK, {**BREAST_VALUES, **changes}),
            seen_revision=0,
            token=f"ann decided {number}",
        )


def title(here: Tab) -> Locator:
    return here.page.locator("#note-head h2")


def test_two_people_never_get_the_same_note_and_see_who_has_one(browser: Browser, desk: Desk) -> None:
    ann = entered(browser, desk, "ann")
    kim = entered(browser, desk, "kim")
    expect(title(ann)).to_have_text("case-1")
    expect(title(kim)).to_have_text("case-4")  # 2 and 3 are loaded ahead for ann
    kim.page.keyboard.press("Alt+s")
    kim.shows("case-5")
    kim.page.goto(f"{desk.url}/app/?note=1")
    kim.shows("case-1")
    expect(kim.page.locator("#held")).to_have_text("ann has this note open")
    expect(ann.page.locator("#held")).to_be_hidden()
    ann.page.keyboard.press("Alt+s")
    ann.shows("case-2")
    expect(ann.said()).to_contain_text("case-1 skipped")
    kim.page.mouse.wheel(0, 10)  # somebody is there
    expect(kim.page.locator("#held")).to_be_hidden()
    ann.page.get_by_role("button", name="Sign out").click()
    expect(ann.page.get_by_role("button", name="Sign in")).to_be_visible()
    kim.page.goto(f"{desk.url}/app/")
    kim.shows("case-2")  # what ann had
    for here in (ann, kim):
        assert [said for said in here.complaints if "401" not in said] == []  # before signing in and after


def test_what_only_one_touched_is_merged_and_saved_with_one_key(browser: Browser, desk: Desk) -> None:
    kim = entered(browser, desk, "kim", "/app/?note=1")
    decided(desk, 1, response="complete response")
    kim.type_into("stage", "IIIB")
    panel = kim.page.locator("#conflict")
    expect(panel).to_contain_text("Ann decided this note while you had it open")
    expect(panel.get_by_role("row").filter(has_text="Stage")).to_contain_text("IIIB (yours; ann had left it)")
    expect(panel.get_by_role("row").filter(has_text="Response")).to_contain_text(
        "complete response (by ann; you had left it)"
    )
    expect(panel).to_contain_text("Merged in the form")
    expect(kim.box("response")).to_have_value("complete response")
    expect(kim.box("stage")).to_have_value("IIIB")
    kim.page.keyboard.press("Control+Enter")
    kim.shows("case-2")
    expect(kim.said()).to_contain_text("revision 2")
    assert [(one.reviewer, one.extraction["stage"], one.extraction["response"]) for one in desk.decisions(1)] == [
        ("kim", "IIIB", "complete response"),
        ("ann", "IV", "complete response"),
    ]


def test_what_both_touched_keeps_the_save_back_until_it_is_chosen(browser: Browser, desk: Desk) -> None:
    kim = entered(browser, desk, "kim", "/app/?note=1")
    decided(desk, 1, stage="II", metastasis_site="liver")
    kim.box("stage").fill("IIIB")
    kim.page.keyboard.press("Control+Enter")
    notice = kim.page.locator("#notice")
    expect(notice).to_contain_text("NOT SAVED")
    notice.get_by_role("button", name="Open it").click()
    kim.shows("case-1")
    panel = kim.page.locator("#conflict")
    expect(panel).to_contain_text("You both changed Stage: choose, then save.")
    expect(kim.box("metastasis_site")).to_have_value("liver")
    kim.box("stage").press("Control+Enter")
    expect(kim.said()).to_contain_text("Choose first for Stage")
    assert [one.reviewer for one in desk.decisions(1)] == ["ann"]
    expect(panel.get_by_role("button", name="Stage: mine")).to_be_focused()
    panel.get_by_role("button", name="Stage: theirs").press("Enter")
    expect(panel).to_contain_text("Merged in the form")
    expect(kim.box("stage")).to_have_value("II")
    kim.page.keyboard.press("Control+Enter")
    kim.shows("case-2")
    expect(kim.said()).to_contain_text("revision 2")
    assert [
        (one.reviewer, one.extraction["stage"], one.extraction["metastasis_site"]) for one in desk.decisions(1)
    ] == [
        ("kim", "II", "liver"),
        ("ann", "II", "liver"),
    ]


def test_a_reload_in_between_changes_nothing_about_it(browser: Browser, desk: Desk) -> None:
    kim = entered(browser, desk, "kim", "/app/?note=1")
    kim.page.route("**/drafts", lambda route: route.abort())  # what is typed stays in this tab
    kim.box("stage").fill("IIIB")
    expect(kim.said()).to_contain_text("not saved")
    decided(desk, 1, stage="II", response="complete response")
    kim.page.unroute("**/drafts")
    kim.page.reload()
    kim.shows("case-1")
    panel = kim.page.locator("#conflict")
    expect(panel).to_contain_text("You both changed Stage: choose, then save.")
    expect(kim.box("response")).to_have_value("complete response")
    kim.page.keyboard.press("Control+Enter")
    expect(kim.said()).to_contain_text("Choose first for Stage")
    panel.get_by_role("button", name="Stage: mine").click()
    kim.page.keyboard.press("Control+Enter")
    kim.shows("case-2")
    expect(kim.said()).to_contain_text("revision 2")
    newest, _ = desk.decisions(1)
    assert (newest.extraction["stage"], newest.extraction["response"]) == ("IIIB", "complete response")
