"""In a real browser: how each value rests on its note, and other values at hand."""

from __future__ import annotations

import re
from dataclasses import replace

from playwright.sync_api import Browser, Locator, expect

from data.grounding.evidence import ground
from db.notes.suggestions import add_suggestion
from tests.kit.desk.desk_browser import Desk, Tab, shared, tab
from tests.kit.desk.desk_store import BREAST, BREAST_VALUES, HOSTILE, TASK, put_notes, suggestion
from tests.kit.desk.permits import program_in

__all__ = ["shared"]

TEXT = f"{BREAST} Hepatic metastases were seen. A CT shows no new lesions."
RULE = "A tumour that is unchanged is stable disease."
VALUES = {
    **BREAST_VALUES,
    "cancer_type": "ductal invasive carcinoma",
    "gene_mutation": "PIK3CA H1047R",
    "treatment": "letrozole; palbociclib; cisplatin",
    "response": "stable disease",
    "metastasis_site": "liver",
}
KINDS = {
    "cancer_type": ("≈", "similar wording"),
    "stage": ("●", "in the note"),
    "metastasis_site": ("⇄", "synonym"),
}
WITHHELD = ("gene_mutation", "treatment")
OTHERS: dict[str, tuple[str | None, ...]] = {
    "stage": ("IIIC", "III"),
    "gene_mutation": (None, "PIK3CA E545K"),
    "response": HOSTILE[:2],
}


def put(desk: Desk) -> Desk:
    """The desk with one more note and a suggestion for it that has everything."""
    (number,) = put_notes(desk.store, [(TEXT, None)])
    with desk.store.transaction() as session:
        text = session.connection().exec_driver_sql(f"SELECT text FROM note_text WHERE note_id = {number}").scalar_one()
        suggested = suggestion(text, VALUES)
        found = ground(TASK, text, suggested.extraction)
        kept = replace(
            suggested,
            evidence={key: one.spans for key, one in found.items()},
            grounding={key: one.grounding for key, one in found.items()},
            alternatives=OTHERS,
            confidence={**suggested.confidence, "response": 0.5},
        )
        add_suggestion(program_in(session), number, kept)
    return replace(desk, first=number)


def side(here: Tab, key: str, part: str) -> Locator:
    return here.page.locator(f'.side[data-field="{key}"] {part}')


def others(here: Tab, key: str) -> Locator:
    return side(here, key, ".others button")


def test_each_value_says_in_word_and_shape_how_it_rests_on_the_note(browser: Browser, shared: Desk) -> None:
    desk = put(shared)
    with tab(browser, desk, desk.path(1)) as here:
        here.shows(desk.case(1))
        for key, (shape, word) in KINDS.items():
            expect(side(here, key, ".grounding .word")).to_have_text(word)
            expect(side(here, key, ".grounding .shape")).to_have_text(shape)
            expect(here.box(key)).to_have_attribute("aria-describedby", f"grounding-{key}")
        # What is typed is looked for as well: the beginning of a word of the note is no alarm until it is left.
        gene = here.box("gene_mutation")
        here.type_into("gene_mutation", "HER3")
        expect(side(here, "gene_mutation", ".grounding .word")).to_have_text("NOT FOUND IN THE NOTE")
        expect(here.page.locator("#field-gene_mutation")).to_have_class(re.compile(r"\bunfounded\b"))
        gene.fill("palboc")
        expect(here.said()).to_contain_text("draft saved")
        expect(side(here, "gene_mutation", ".grounding .word")).to_have_text("")
        gene.blur()
        expect(side(here, "gene_mutation", ".grounding .word")).to_have_text("NOT FOUND IN THE NOTE")
        here.type_into("gene_mutation", "HER2")  # which the note calls negative
        gene.blur()
        expect(side(here, "gene_mutation", ".grounding .word")).to_have_text("ONLY DENIED IN THE NOTE")
        here.type_into("gene_mutation", "palbociclib")
        expect(side(here, "gene_mutation", ".grounding .word")).to_have_text("in the note")
        gene.fill("")
        expect(here.page.locator("#field-gene_mutation")).not_to_have_class(re.compile(r"\bunfounded\b"))


def test_a_value_that_the_note_does_not_hold_is_offered_beside_an_empty_field(browser: Browser, shared: Desk) -> None:
    desk = put(shared)
    with tab(browser, desk, desk.path(1)) as here:
        here.shows(desk.case(1))
        for key in (*WITHHELD, "response"):
            why, tag = ("not found in the note", "not found") if key in WITHHELD else ("too unsure to put in", "unsure")
            expect(here.box(key)).to_have_value("")
            expect(side(here, key, ".confidence .word")).to_have_text("left empty")
            expect(side(here, key, ".grounding .word")).to_have_text(f"the model’s value is {why}")
            expect(here.page.locator(f"#field-{key}")).not_to_have_class(re.compile(r"\bunfounded\b"))
            expect(others(here, key).first).to_contain_text(VALUES[key] or "")
            expect(others(here, key).first.locator("small")).to_have_text(f" {tag}")
        rule = side(here, "response", ".rule")
        expect(rule).to_have_text(f"∴ The model’s value is inferred: {RULE}")
        expect(side(here, "treatment", ".rule")).to_be_hidden()
        # What begins empty does not ask: what else does is confirmed by one press.
        here.page.keyboard.press("Alt+6")
        here.page.keyboard.press("Alt+q")
        expect(here.box("response")).to_have_value("stable disease")
        expect(side(here, "response", ".grounding .word")).to_have_text("inferred")
        expect(rule).to_have_text(f"∴ {RULE}")
        expect(here.box("response")).to_have_attribute("aria-describedby", "grounding-response rule-response")
        here.page.keyboard.press("Control+Enter")
        expect(here.said()).to_contain_text("revision 1")
        (kept,) = desk.decisions(1)
        assert kept.extraction == {**VALUES, "gene_mutation": None, "treatment": None}
        assert kept.settled == ["response"]


def test_another_value_is_put_in_by_a_click_and_taken_back_by_undo(browser: Browser, shared: Desk) -> None:
    desk = put(shared)
    with tab(browser, desk, desk.path(1)) as here:
        here.shows(desk.case(1))
        expect(others(here, "stage")).to_have_text(["IIIC", "III"])
        expect(others(here, "cancer_type")).to_have_count(0)
        others(here, "stage").first.click()
        expect(here.box("stage")).to_have_value("IIIC")
        expect(here.box("stage")).to_be_focused()
        expect(others(here, "stage")).to_have_text(["III"])
        expect(side(here, "stage", ".said")).to_have_text("IV")
        here.page.keyboard.press("Control+z")
        expect(here.box("stage")).to_have_value("IV")
        expect(side(here, "stage", ".confidence .word")).to_have_text("confirmed")
        expect(others(here, "stage")).to_have_text(["IIIC", "III"])
        # Whatever it holds, it is text.
        expect(others(here, "response").nth(1)).to_have_text(HOSTILE[0])
        others(here, "response").nth(1).click()
        expect(here.box("response")).to_have_value(HOSTILE[0])
        here.page.keyboard.press("Alt+a")
        here.page.keyboard.press("Control+Enter")
        expect(here.said()).to_contain_text("revision 1")
        assert here.page.evaluate("window.hurt") is None
        (kept,) = desk.decisions(1)
        assert kept.extraction == {**VALUES, "gene_mutation": None, "treatment": None, "response": HOSTILE[0]}


def test_one_undo_takes_back_one_run_of_typing_or_one_choice(browser: Browser, shared: Desk) -> None:
    desk = put(shared)
    with tab(browser, desk, desk.path(1)) as here:
        here.shows(desk.case(1))
        box, press = here.box("stage"), here.page.keyboard.press
        box.focus()
        press("End")
        here.page.keyboard.type("; letroz")
        expect(here.said()).to_contain_text("draft saved")  # which marks the note anew
        here.page.keyboard.type("ole")
        press("Alt+q")
        expect(box).to_have_value("IV; Letrozole with palbociclib led to a partial response")
        for chord, value in (
            ("Control+z", "IV; letrozole"),
            ("Control+z", "IV"),
            ("Control+Shift+z", "IV; letrozole"),
            ("Alt+x", ""),
            ("Control+z", "IV; letrozole"),
        ):
            press(chord)
            expect(box).to_have_value(value)


def test_other_values_are_reached_with_the_keyboard(browser: Browser, shared: Desk) -> None:
    desk = put(shared)
    with tab(browser, desk, desk.path(1)) as here:
        here.shows(desk.case(1))
        here.page.keyboard.press("Alt+2")
        here.page.keyboard.press("Alt+ArrowDown")
        expect(others(here, "stage").nth(0)).to_be_focused()
        here.page.keyboard.press("ArrowRight")
        expect(others(here, "stage").nth(1)).to_be_focused()
        here.page.keyboard.press("Enter")
        expect(here.box("stage")).to_have_value("III")
        expect(here.box("stage")).to_be_focused()
        here.page.keyboard.press("Tab")  # past "use it", which is there once a value differs
        here.page.keyboard.press("Tab")
        expect(others(here, "stage").first).to_be_focused()
        here.page.keyboard.press("Escape")
        expect(here.box("stage")).to_be_focused()
        expect(here.page.get_by_role("toolbar", name="Other values for Stage")).to_be_visible()
