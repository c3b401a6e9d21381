"""The other screens in a real browser, hostile text, and the way through all of them."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, expect

from data.notes import make_note
from data.task import Extraction
from db.notes.notes import add_notes
from tests.kit.desk.desk_browser import Desk, desk, own_desk, serving, shared, tab
from tests.kit.desk.desk_store import COLON, COLON_VALUES, HOSTILE, TASK
from tests.kit.desk.permits import program_in

__all__ = ["desk", "own_desk", "shared"]


def test_hostile_text_is_shown_and_never_runs(browser: Browser, tmp_path: Path) -> None:
    text = " ".join(("Hostile note.", *HOSTILE[:6], "Metastases:", *HOSTILE[6:]))  # a site stands beside such a word
    values = dict(zip(TASK.keys, HOSTILE, strict=False))
    with serving(tmp_path, [(text, values)]) as desk, tab(browser, desk, "/") as here:
        here.shows(desk.case(1))
        assert here.page.locator("#note .note-text").evaluate("element => element.textContent") == text
        for key, value in values.items():
            expect(here.box(key)).to_have_value(value)
        here.page.keyboard.press("Alt+1")
        here.type_into("stage", HOSTILE[0])
        expect(here.said()).to_contain_text("draft saved")
        assert here.page.locator("#note .note-text").evaluate("element => element.textContent") == text
        here.page.get_by_role("tab", name="Queue").click()
        expect(here.page.locator("#queue-table .begins")).to_contain_text('<img src=x onerror="window.hurt=1">')
        here.page.get_by_role("tab", name="Review").click()
        here.page.keyboard.press("Control+Enter")
        expect(here.page.locator("#note .empty")).to_contain_text("Nothing left to review")
        for name in ("Export", "Progress", "Train"):
            here.page.get_by_role("tab", name=name).click()
            expect(here.page.locator("[role=tabpanel]:visible h3").first).to_be_visible()
        assert here.page.evaluate("window.hurt") is None
        assert here.page.locator("#note img, #note script, #note iframe, #note svg").count() == 0


def test_the_last_note_leads_to_a_page_that_says_what_next(browser: Browser, tmp_path: Path) -> None:
    with serving(tmp_path, [(COLON, COLON_VALUES)]) as desk, tab(browser, desk, "/") as here:
        here.shows(desk.case(1))
        here.page.keyboard.press("Control+Enter")
        expect(here.page.locator("#note .empty")).to_contain_text("Nothing left to review")
        expect(here.page.locator("#form")).to_be_hidden()
        here.page.get_by_role("button", name="Export").click()
        expect(here.page.get_by_role("link", name="Download JSON lines")).to_be_visible()
        with here.page.expect_download() as download:
            here.page.get_by_role("link", name="Download JSON lines").click()
        assert '"stage": "III"' in Path(download.value.path()).read_text(encoding="utf-8")


def test_a_change_on_the_progress_screen_opens_its_note(browser: Browser, own_desk: Desk) -> None:
    desk = own_desk
    with tab(browser, desk, "/") as here:
        here.shows(desk.case(1))
        here.type_into("stage", "IIIB")
        here.page.keyboard.press("Control+Enter")
        here.shows(desk.case(2))
        here.page.get_by_role("tab", name="Progress").click()
        row = here.page.locator(".confusions tbody tr")
        expect(row).to_contain_text("IIIB")
        expect(here.page.locator(".reliabilities figure")).to_have_count(len(TASK.keys) + 1)
        row.get_by_role("button", name="case-1").click()
        here.shows(desk.case(1))
        expect(here.box("stage")).to_have_value("IIIB")


def test_an_empty_card_leads_to_where_its_share_is_set(browser: Browser, desk: Desk) -> None:
    with tab(browser, desk, desk.path(1)) as here:
        here.shows(desk.case(1))
        here.page.keyboard.press("Control+Enter")
        here.shows(desk.case(2))
        expect(here.said()).to_contain_text("revision 1")
        for said, box in (
            ("No note is shown blind now", "Shown without the suggested values"),
            ("No note is given a wrong value now", "Shown with one wrong value"),
        ):
            here.page.get_by_role("tab", name="Progress").click()
            here.page.locator("p", has_text=said).get_by_role("link", name="Settings").press("Enter")
            expect(here.page.get_by_label(box)).to_be_visible()


def test_the_export_follows_its_choices(browser: Browser, own_desk: Desk) -> None:
    desk = own_desk
    with tab(browser, desk, "/") as here:
        here.shows(desk.case(1))
        here.page.keyboard.press("Control+Enter")
        here.shows(desk.case(2))
        here.page.get_by_role("tab", name="Export").click()
        said = here.page.locator("#export-summary")
        expect(said).to_contain_text("1 reviewed note")
        here.page.get_by_label("only notes in which a suggested value was changed").check()
        expect(said).to_contain_text("No note matches")
        here.page.get_by_label("only notes in which a suggested value was changed").uncheck()
        here.page.get_by_label("To the day").focus()
        here.page.keyboard.type("01312020")  # month, day and year, as this browser has them
        expect(said).to_contain_text("No note matches")
        here.page.get_by_label("From the day").fill("2020-02-01")
        expect(said).to_contain_text("found 2020-02-01 and 2020-01-31. Swap them.")
        here.page.get_by_label("From the day").fill("")
        expect(said).to_contain_text("No note matches")
        here.page.get_by_label("To the day").fill("")
        expect(said).to_contain_text("1 reviewed note")
        here.page.get_by_label("To the day").focus()
        here.page.keyboard.type("02312026")
        expect(said).to_contain_text("Expected a day such as 2026-01-31")  # instead of an export without the limit
        expect(said.get_by_role("link")).to_have_count(0)
        here.page.get_by_label("To the day").fill("")
        here.page.get_by_role("checkbox", name="Provenance").check()
        expect(said).to_contain_text('"states"')
        here.page.get_by_label("Label Studio").check()
        with here.page.expect_download() as download:
            here.page.get_by_role("link", name="Download Label Studio").click()
        assert '"model_version": "first"' in Path(download.value.path()).read_text(encoding="utf-8")


def test_a_run_is_asked_for_followed_and_stopped(browser: Browser, desk: Desk) -> None:
    with desk.store.transaction() as session:
        gold = Extraction(TASK, COLON_VALUES)
        labelled = [make_note(TASK, f"{COLON} Patient {number}.", gold=gold) for number in range(40)]
        add_notes(program_in(session), labelled)
    with tab(browser, desk, desk.path(1)) as here:
        here.shows(desk.case(1))
        here.page.get_by_role("tab", name="Train").click()
        expect(here.page.locator("#adapters")).to_contain_text("first ● active")
        here.page.get_by_label("Epochs").fill("many")
        here.page.get_by_role("button", name="Start training").click()
        expect(here.page.locator("#train-said")).to_contain_text("Expected a number of epochs")
        here.page.get_by_label("Epochs").fill("2")
        here.page.get_by_role("button", name="Start training").click()
        expect(here.page.locator("#train-said")).to_contain_text("run-0001 is waiting")
        expect(here.page.locator("#run-current")).to_contain_text("run-0001")
        expect(here.page.get_by_role("button", name="Start training")).to_be_disabled()
        here.page.get_by_role("button", name="Stop").click()
        expect(here.page.locator("#runs")).to_contain_text("interrupted")
        here.page.get_by_role("button", name="Roll back").click()
        expect(here.page.locator("#adapter-said")).to_contain_text("No adapter was active before")


def test_on_a_phone_every_screen_is_one_column_that_fits(browser: Browser, desk: Desk) -> None:
    with tab(browser, desk, desk.path(1)) as here:
        here.page.set_viewport_size({"width": 390, "height": 844})
        here.ready()
        for key in TASK.keys:
            box = here.box(key).bounding_box()
            assert box is not None
            assert box["width"] > 300
        for name in ("Queue", "Train", "Progress", "Export", "Settings", "Review"):
            here.page.get_by_role("tab", name=name).click()
            expect(here.page.locator("[role=tabpanel]:visible").first).to_be_visible()
            here.page.wait_for_timeout(400)
            assert here.page.evaluate("document.documentElement.scrollWidth") <= 390, name
        for name in ("save", "skip", "flag", "previous"):
            here.page.locator(f"#{name}").scroll_into_view_if_needed()
            box = here.page.locator(f"#{name}").bounding_box()
            assert box is not None
            assert box["x"] + box["width"] <= 390


PAINTS = """
localStorage.setItem('caseloop:theme', 'dark');
window.darkAt = null;
new MutationObserver(() => {
  if (document.documentElement.classList.contains('dark')) window.darkAt ??= performance.now();
}).observe(document, {attributes: true, subtree: true, attributeFilter: ['class']});
"""


def test_the_page_is_first_painted_in_the_colours_that_were_chosen_and_speaks_english(
    browser: Browser, desk: Desk
) -> None:
    context = browser.new_context(locale="de-DE", color_scheme="light")
    page = context.new_page()
    page.add_init_script(PAINTS)
    page.goto(desk.url + desk.path(1))
    expect(page.locator("#note-head h2")).to_have_text(desk.case(1))
    painted = page.evaluate("performance.getEntriesByName('first-paint')[0].startTime")
    assert page.evaluate("window.darkAt") <= painted
    assert page.evaluate("[document.documentElement.lang, navigator.language, document.body.className]") == [
        "en",
        "en",
        "dark",
    ]
    context.close()
