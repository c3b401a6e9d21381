"""Two reviewers a note and a lead who decides, each in a real browser: nobody sees the others' values too early."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from db.notes.notes import get_note
from db.notes.queue.overlap import Overlap
from db.review.overlap_changes import set_overlap
from tests.browser.people.test_browser_claims import entered
from tests.browser.test_browser_access import found as found_by_axe
from tests.kit.desk.desk_browser import Desk, Tab, serving
from tests.kit.desk.desk_store import BREAST, BREAST_VALUES
from tests.kit.desk.permits import person_in
from tests.kit.people import add_people


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Two notes, two reviewers for each of them."""
    with serving(tmp_path, [(BREAST, BREAST_VALUES), (f"{BREAST} Seen again.", BREAST_VALUES)]) as running:
        add_people(running.store, {"ann": "admin", "kim": "reviewer", "lea": "lead", "max": "reviewer"})
        with running.store.transaction() as session:
            set_overlap(person_in(session, "ann"), Overlap(1.0, 2))
        yield running


def sees_the_queue_of_a_reviewer(here: Tab) -> None:
    here.page.get_by_role("tab", name="Queue").click()
    expect(here.page.locator("#queue-found")).to_have_text("2 notes")
    expect(here.page.get_by_role("button", name="Review these 1")).to_be_enabled()
    for hidden in ("[data-queue-act]", "#queue-table .tick", "#queue-import"):  # what is a lead's
        expect(here.page.locator(hidden).first).to_be_hidden()


def test_two_opinions_that_differ_are_adjudicated(browser: Browser, desk: Desk) -> None:
    kim = entered(browser, desk, "kim")
    expect(kim.page.locator("#note-head .by")).to_have_text(
        "2 reviewers are asked, each without seeing what the others say"
    )
    for key in ("Alt+a", "Control+Enter"):
        kim.page.keyboard.press(key)
    kim.shows("case-2")
    expect(kim.said()).to_contain_text("as your opinion")
    kim.page.get_by_role("button", name="Undo").click()
    kim.shows("case-1")
    expect(kim.said()).to_contain_text("undone")
    kim.type_into("stage", "IIIB")
    for key in ("Alt+a", "Control+Enter"):
        kim.page.keyboard.press(key)
    kim.shows("case-2")
    expect(kim.said()).to_contain_text("as your opinion")
    sees_the_queue_of_a_reviewer(kim)

    theirs = entered(browser, desk, "max")
    theirs.shows("case-1")
    expect(theirs.box("stage")).to_have_value(str(BREAST_VALUES["stage"]))
    expect(theirs.page.locator("#opinions")).to_be_hidden()
    for key in ("Alt+a", "Control+Enter"):
        theirs.page.keyboard.press(key)
    expect(theirs.page.locator("#note-place")).to_contain_text("Nothing left for you just now")
    expect(theirs.page.locator("#note-place")).to_contain_text("1 note waits for a lead")
    assert desk.decisions(1) == []
    theirs.page.goto(f"{desk.url}/app/?note=1")
    expect(theirs.page.locator("#note-head .by")).to_contain_text("others differ, and a lead decides")

    lea = entered(browser, desk, "lea", "/app/?tab=queue", has_next=False)
    lea.page.get_by_role("tab", name="Queue").click()
    lea.page.get_by_text("to adjudicate", exact=True).click()
    expect(lea.page.locator("#queue-found")).to_contain_text("1 note")
    lea.page.get_by_role("link", name="case-1").click()
    lea.shows("case-1")
    expect(lea.page.locator("#note-head .by")).to_contain_text("2 reviewers differ in 1 field")
    panel = lea.page.locator("#opinions")
    expect(panel.get_by_role("row").filter(has_text="Stage")).to_contain_text("IIIB")
    assert found_by_axe(lea.page, "Adjudication") == []
    lea.page.keyboard.press("Control+Enter")  # stops at what differs
    expect(lea.box("stage")).to_be_focused()
    panel.get_by_role("button", name="Stage, as kim says: IIIB").click()
    expect(lea.box("stage")).to_have_value("IIIB")
    lea.page.keyboard.press("Control+Enter")
    expect(lea.page.locator("#note-place")).to_contain_text("The end of this list")
    expect(lea.said()).to_contain_text("revision 1")
    (decision,) = desk.decisions(1)
    assert (decision.reviewer, decision.extraction["stage"]) == ("lea", "IIIB")
    lea.page.get_by_role("tab", name="Progress").click()
    card = lea.page.locator(".card").filter(has_text="How far reviewers agree").last
    expect(card).to_contain_text("1 note, 2 reviewers")
    expect(card.get_by_role("button", name="case-1")).to_be_visible()
    for here in (kim, theirs, lea):
        assert [said for said in here.complaints if "401" not in said] == []


def test_two_windows_of_one_reviewer_give_one_opinion(browser: Browser, desk: Desk) -> None:
    kim = entered(browser, desk, "kim", "/app/?note=1")
    other = kim.page.context.new_page()
    other.goto(f"{desk.url}/app/?note=1")
    expect(other.locator("body[data-desk=ready]")).to_have_count(1)
    for key in ("Alt+a", "Control+Enter"):
        kim.page.keyboard.press(key)
    expect(kim.said()).to_contain_text("as your opinion")
    other.get_by_label("Stage", exact=True).fill("IIIA")
    other.keyboard.press("Alt+a")
    other.keyboard.press("Control+Enter")
    expect(other.locator("#notice")).to_contain_text("NOT SAVED")
    other.get_by_role("button", name="Open it").click()
    expect(other.locator("#conflict")).to_contain_text("Another window of yours has given your opinion")
    other.get_by_role("button", name="Stage: mine").click()
    other.wait_for_timeout(600)
    other.keyboard.press("Control+Enter")
    expect(other.locator("#saved")).to_contain_text("as your opinion")
    with desk.store.reading() as session:
        assert get_note(session, 1).n_opinions == 1
