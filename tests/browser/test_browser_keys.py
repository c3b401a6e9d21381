"""The review screen by keyboard: what asks, what is confirmed, other values, undo, the sheet, a key of one's own."""

from __future__ import annotations

from dataclasses import replace

from playwright.sync_api import Browser, expect

from data.notes import make_note
from db.notes.notes import add_notes
from db.notes.queue.search import counts
from db.notes.suggestions import add_suggestion
from tests.kit.desk.desk_browser import Desk, Tab, desk, own_desk, shared, tab
from tests.kit.desk.desk_store import BREAST, BREAST_VALUES, TASK, suggestion
from tests.kit.desk.permits import program_in

__all__ = ["desk", "own_desk", "shared"]


def word(here: Tab, key: str) -> None:
    return here.page.locator(f'.side[data-field="{key}"] .confidence .word')  # type: ignore[return-value]


def doubtful(desk: Desk) -> Desk:
    """A note of which the model doubts the stage and the response, and another one behind it."""
    with desk.store.transaction() as session:
        first = counts(session).n_notes + 1
        texts = [f"{BREAST} Number {first + n}." for n in range(2)]
        notes = [make_note(TASK, text, external_id=f"case-{first + n}") for n, text in enumerate(texts)]
        for number, text in zip(add_notes(program_in(session), notes).note_ids, texts, strict=True):
            made = suggestion(text, BREAST_VALUES)
            doubts = {**made.confidence, "stage": 0.5, "response": 0.6}
            add_suggestion(
                program_in(session), number, replace(made, confidence=doubts, alternatives={"stage": ("IIIC", None)})
            )
    return replace(desk, first=first)


def test_save_stops_at_each_value_that_asks_and_the_same_key_goes_on(browser: Browser, shared: Desk) -> None:
    desk = doubtful(shared)
    with tab(browser, desk, desk.path(1)) as here:
        here.shows(desk.case(1))
        expect(word(here, "stage")).to_have_text("look")
        here.page.keyboard.press("Control+Enter")
        expect(here.said()).to_contain_text(
            "Stage and Response ask to be looked at first: the same key confirms them together"
        )
        expect(here.box("stage")).to_be_focused()
        here.page.keyboard.press("Enter")
        expect(word(here, "stage")).to_have_text("confirmed")
        expect(here.box("response")).to_be_focused()
        here.page.keyboard.press("Control+Enter")
        here.shows(desk.case(2))
        expect(here.said()).to_contain_text("revision 1")
        (kept,) = desk.decisions(1)
        assert kept.settled == ["stage", "response"]
        assert kept.extraction == BREAST_VALUES


def test_other_values_clearing_and_taking_a_save_back(browser: Browser, shared: Desk) -> None:
    desk = doubtful(shared)
    with tab(browser, desk, desk.path(1)) as here:
        here.shows(desk.case(1))
        here.page.keyboard.press("Alt+2")
        here.page.keyboard.press("Alt+q")
        expect(here.box("stage")).to_have_value("IIIC")
        expect(word(here, "stage")).to_have_text("yours")
        here.page.keyboard.press("Alt+6")
        here.page.keyboard.press("Alt+x")
        expect(here.box("response")).to_have_value("")
        expect(word(here, "response")).to_have_text("cleared")
        here.page.keyboard.press("Control+Enter")
        here.shows(desk.case(2))
        expect(here.said()).to_contain_text("revision 1")
        here.page.keyboard.press("Alt+u")
        here.shows(desk.case(1))
        expect(here.box("stage")).to_have_value("IIIC")
        expect(here.box("response")).to_have_value("")
        expect(word(here, "stage")).to_have_text("yours")
        assert [kept.status for kept in desk.decisions(1)] == ["reopened", "submitted"]
        assert desk.review(1).note.state == "draft"


def test_no_key_alone_does_anything_while_one_types(browser: Browser, desk: Desk) -> None:
    typed = "abcdefghijklmnopqrstuvwxyz 0123456789 ABCDEFGHIJKLMNOPQRSTUVWXYZ ?/+-,.;"
    with tab(browser, desk, desk.path(1)) as here:
        here.shows(desk.case(1))
        here.type_into("treatment", typed)
        expect(here.box("treatment")).to_have_value(typed)
        expect(here.box("treatment")).to_be_focused()
        here.page.get_by_label("Comment").press_sequentially(typed)
        expect(here.page.get_by_label("Comment")).to_have_value(typed)
        expect(here.page.locator("dialog[open]")).to_have_count(0)
        here.shows(desk.case(1))
        assert desk.decisions(1) == []


def test_text_of_the_note_is_put_into_a_field_by_its_key(browser: Browser, desk: Desk) -> None:
    select = """([from, to]) => {
        const text = document.querySelector('#note .note-text'), walk = document.createTreeWalker(text, 4);
        for (let node; (node = walk.nextNode());) {
            const at = node.data.indexOf(from);
            if (at >= 0) { getSelection().setBaseAndExtent(node, at, node, at + to); return true; }
        }
    }"""
    with tab(browser, desk, desk.path(1)) as here:
        here.shows(desk.case(1))
        assert here.page.evaluate(select, ["left breast", 11])
        here.page.keyboard.press("Alt+7")
        expect(here.box("metastasis_site")).to_have_value("left breast")
        assert here.page.evaluate(select, ["lesion", 6])
        here.page.keyboard.press("Alt+Shift+7")
        expect(here.box("metastasis_site")).to_have_value(f"left breast{TASK.field('metastasis_site').separator}lesion")
        here.type_into("treatment", "let")
        others = here.page.locator('.side[data-field="treatment"] .others')
        expect(others.get_by_role("button", name="Letrozole", exact=True)).to_be_visible()  # as the note has it


def test_the_sheet_shows_the_keys_and_gives_an_action_another(browser: Browser, own_desk: Desk) -> None:
    with tab(browser, own_desk, own_desk.path(1)) as here:
        here.shows(own_desk.case(1))
        here.page.keyboard.press("?")
        sheet = here.page.get_by_role("dialog", name="Keys")
        expect(sheet).to_contain_text("Skip the note")
        sheet.get_by_role("button", name="Change the key of: Skip the note").click()
        here.page.keyboard.press("s")
        expect(sheet).to_contain_text("alone it would be typed")
        sheet.get_by_role("button", name="Change the key of: Skip the note").click()
        here.page.keyboard.press("Alt+f")
        expect(sheet).to_contain_text("is taken")
        sheet.get_by_role("button", name="Change the key of: Skip the note").click()
        here.page.keyboard.press("Alt+j")
        expect(sheet.get_by_role("row").filter(has_text="Skip the note")).to_contain_text("Alt J")
        here.page.keyboard.press("Escape")
        here.page.reload()
        here.shows(own_desk.case(1))
        expect(here.page.locator("#skip")).to_have_attribute("data-key", "Alt J")
        here.page.keyboard.press("Alt+j")
        here.shows(own_desk.case(2))
        expect(here.said()).to_contain_text("skipped")


def test_a_correction_is_offered_where_the_model_said_the_same(browser: Browser, shared: Desk) -> None:
    desk = doubtful(shared)
    with tab(browser, desk, desk.path(1)) as here:
        here.shows(desk.case(1))
        here.type_into("cancer_type", "lobular carcinoma")
        here.page.keyboard.press("Alt+a")
        here.page.keyboard.press("Control+Enter")
        here.shows(desk.case(2))
        bar = here.page.locator("#elsewhere")
        expect(bar).to_contain_text("lobular carcinoma")
        here.page.keyboard.press("Alt+o")
        expect(bar).to_contain_text("each still waits for a person")
        here.page.reload()
        here.shows(desk.case(2))
        expect(here.box("cancer_type")).to_have_value("lobular carcinoma")
        expect(word(here, "cancer_type")).to_have_text("offered")
        assert desk.decisions(2) == []


def test_what_became_of_a_save_is_told_where_no_note_was_loaded_ahead(browser: Browser, shared: Desk) -> None:
    desk = doubtful(shared)
    with tab(browser, desk, desk.path(1), quiet=False) as here:
        here.page.route("**/review/ahead*", lambda route: route.abort())
        here.page.reload()
        here.shows(desk.case(1))
        here.page.keyboard.press("Alt+a")
        here.page.keyboard.press("Control+Enter")
        here.shows(desk.case(2))
        expect(here.said()).to_contain_text("revision 1")
