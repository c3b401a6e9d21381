"""Reviewing in a real browser, against a real server process and a real store.

Suggestions are put into the store with literal values; everything after that is what a reviewer does.
"""

from __future__ import annotations

from playwright.sync_api import Browser, Route, expect

from app.access.guard import LOCAL_REVIEWER
from data.task import Extraction
from db.review.decisions import submit
from tests.kit.desk.desk_browser import Desk, desk, own_desk, shared, tab
from tests.kit.desk.desk_store import BREAST, BREAST_VALUES, COLON_VALUES, TASK
from tests.kit.desk.permits import person_in

__all__ = ["desk", "own_desk", "shared"]


def test_a_note_is_prefilled_corrected_and_saved(browser: Browser, desk: Desk) -> None:
    with tab(browser, desk, desk.path(1)) as here:
        here.shows(desk.case(1))
        for key, value in BREAST_VALUES.items():
            expect(here.box(key)).to_have_value(value or "")
        expect(here.page.locator("#note .note-text")).to_contain_text(BREAST)
        expect(here.page.locator('#note mark[data-fields~="treatment"]').first).to_have_text("Letrozole")
        expect(here.page.locator('.side[data-field="stage"] .confidence .word')).to_have_text("sure")
        here.type_into("stage", "IIIC")
        expect(here.page.locator('.side[data-field="stage"] .said')).to_have_text("IV")
        here.box("response").fill("")
        here.page.keyboard.press("Control+Enter")
        here.shows(desk.case(2))
        expect(here.said()).to_contain_text("revision 1")
        for key, value in COLON_VALUES.items():
            expect(here.box(key)).to_have_value(value or "")
        (kept,) = desk.decisions(1)
        assert kept.extraction == {**BREAST_VALUES, "stage": "IIIC", "response": None}
        assert (kept.status, kept.revision, kept.reviewer) == ("submitted", 1, LOCAL_REVIEWER)
        assert len(kept.token) >= 30
        assert 300 <= kept.lead_time_ms < 120_000
        before = desk.review(1).suggestion
        assert before is not None
        assert kept.suggestion_id == before.id
        assert before.extraction == BREAST_VALUES
        assert desk.decisions(2) == []


def test_the_whole_screen_fits_without_scrolling(browser: Browser, desk: Desk) -> None:
    with tab(browser, desk, desk.path(1)) as here:
        here.shows(desk.case(1))
        for selector in ("#save", "#saved", "#note .note-text", "#comment"):
            frame = here.page.locator(selector).bounding_box()
            assert frame is not None
            assert frame["y"] >= 0, selector
            assert frame["y"] + frame["height"] <= 900, selector
        assert here.page.evaluate("document.scrollingElement.scrollHeight") <= 900
        here.page.set_viewport_size({"width": 900, "height": 1000})
        assert here.page.evaluate("document.scrollingElement.scrollWidth") <= 900


def test_keys_and_marks_lead_from_field_to_evidence_and_back(browser: Browser, desk: Desk) -> None:
    with tab(browser, desk, desk.path(1)) as here:
        here.shows(desk.case(1))
        here.page.keyboard.press("Alt+4")
        expect(here.box("biomarker")).to_be_focused()
        expect(here.page.locator("#note mark.strong")).to_have_text(["ER positive", "HER2 negative"])
        here.page.locator('#note mark[data-fields~="response"]').first.click()
        expect(here.box("response")).to_be_focused()
        expect(here.page.locator("#note mark.strong")).to_have_text(["partial response"])
        here.page.keyboard.press("Control+a")
        here.page.keyboard.type("stable disease")
        here.page.get_by_role("button", name="Use the model's Response").click()
        expect(here.box("response")).to_have_value("partial response")


def test_a_draft_survives_a_reload(browser: Browser, desk: Desk) -> None:
    with tab(browser, desk, desk.path(1)) as here:
        here.shows(desk.case(1))
        here.type_into("gene_mutation", "BRCA2 c.5946delT")
        here.page.get_by_label("Comment").fill("asked the lab")
        expect(here.said()).to_contain_text("draft saved")
        here.page.reload()
        here.shows(desk.case(1))
        expect(here.box("gene_mutation")).to_have_value("BRCA2 c.5946delT")
        expect(here.page.get_by_label("Comment")).to_have_value("asked the lab")
        draft = desk.review(1).draft
        assert draft is not None
        assert draft.extraction["gene_mutation"] == "BRCA2 c.5946delT"
        assert desk.decisions(1) == []


def test_two_windows_on_one_note_are_shown_both_versions(browser: Browser, desk: Desk) -> None:
    with tab(browser, desk, desk.path(1), quiet=False) as mine:
        mine.shows(desk.case(1))
        with desk.store.transaction() as session:
            submit(
                person_in(session, "ann"),
                note_id=desk.first,
                status="submitted",
                extraction=Extraction(TASK, {**BREAST_VALUES, "stage": "III"}),
                seen_revision=0,
                token="ann-was-quicker",
            )
        mine.box("stage").fill("II")
        mine.page.keyboard.press("Control+Enter")
        notice = mine.page.locator("#notice")
        expect(notice).to_contain_text("NOT SAVED")
        notice.get_by_role("button", name="Open it").click()
        mine.shows(desk.case(1))
        panel = mine.page.locator("#conflict")
        expect(panel).to_contain_text("Ann decided this note")
        expect(panel.get_by_role("row").filter(has_text="Stage")).to_contain_text("III")
        expect(mine.box("stage")).to_have_value("II")
        assert [kept.extraction["stage"] for kept in desk.decisions(1)] == ["III"]
        panel.get_by_role("button", name="Keep mine").click()
        mine.page.keyboard.press("Control+Enter")
        mine.shows(desk.case(2))
        expect(mine.said()).to_contain_text("revision 2")
        assert [(kept.revision, kept.extraction["stage"]) for kept in desk.decisions(1)] == [(2, "II"), (1, "III")]


def test_the_others_version_can_be_taken(browser: Browser, desk: Desk) -> None:
    with tab(browser, desk, desk.path(1), quiet=False) as mine, tab(browser, desk, desk.path(1)) as theirs:
        mine.shows(desk.case(1))
        theirs.shows(desk.case(1))
        theirs.box("stage").fill("III")
        theirs.page.keyboard.press("Control+Enter")
        theirs.shows(desk.case(2))
        expect(theirs.said()).to_contain_text("revision 1")
        mine.box("stage").fill("II")
        panel = mine.page.locator("#conflict")
        expect(panel).to_be_visible()
        panel.get_by_role("button", name="Take theirs").click()
        expect(mine.box("stage")).to_have_value("III")
        expect(panel).to_be_hidden()
        assert [kept.extraction["stage"] for kept in desk.decisions(1)] == ["III"]


def test_skip_flag_and_previous(browser: Browser, desk: Desk) -> None:
    with tab(browser, desk, desk.path(1)) as here:
        here.shows(desk.case(1))
        here.page.keyboard.press("Alt+s")
        here.shows(desk.case(2))
        here.page.keyboard.press("Alt+f")
        expect(here.said()).to_contain_text("what is wrong")
        expect(here.page.get_by_label("Comment")).to_be_focused()
        here.page.keyboard.type("two primaries in one note")
        here.page.keyboard.press("Alt+f")
        here.shows(desk.case(3))
        expect(here.said()).to_contain_text(f"{desk.case(2)} flagged")
        here.page.get_by_role("button", name="Previous").click()
        here.shows(desk.case(2))
        expect(here.page.get_by_label("Comment")).to_have_value("two primaries in one note")
        (skipped,), (flagged,) = desk.decisions(1), desk.decisions(2)
        assert skipped.status == "skipped"
        assert (flagged.status, flagged.comment) == ("flagged", "two primaries in one note")


def test_the_next_note_shows_before_the_save_is_answered_and_takes_no_stray_key(browser: Browser, desk: Desk) -> None:
    with tab(browser, desk, desk.path(1)) as here:
        here.shows(desk.case(1))
        held: list[Route] = []

        def hold(route: Route) -> None:
            held.append(route)

        here.page.route("**/decisions", hold)
        here.box("stage").click()
        with here.page.expect_request("**/decisions"):
            here.page.keyboard.press("Control+Enter")
        here.page.keyboard.type("LATE")
        here.shows(desk.case(2))
        assert desk.decisions(1) == []
        held[0].continue_()
        expect(here.said()).to_contain_text("revision 1")
        (decided,) = desk.decisions(1)
        assert decided.extraction == BREAST_VALUES
        expect(here.box("stage")).to_have_value("III")


def test_the_back_button_and_a_link_show_their_note(browser: Browser, desk: Desk) -> None:
    with tab(browser, desk, desk.path(2)) as here:
        here.shows(desk.case(2))
        here.page.get_by_role("tab", name="Queue").click()
        here.page.locator(f'#queue-table tr[data-note="{desk.first + 2}"]').click()
        here.shows(desk.case(3))
        assert here.page.url.endswith(desk.path(3))
        here.page.go_back()
        here.shows(desk.case(2))
        here.page.goto(f"{desk.url}/app/?note=999999")
        expect(here.page.locator("#note .empty")).to_contain_text("There is no note 999999.")
