"""The verdict and the blind comparison in a real browser, by keyboard and by mouse."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from db.training.preferences import preferences
from tests.kit.desk.desk_browser import serving, tab
from tests.kit.desk.desk_store import BREAST, BREAST_VALUES
from tests.kit.desk_runs import ALIKE, GOT_BETTER, GOT_WORSE, put_finished_run

NAMES = ("run-0001", "first")


def count(page: Page, n_done: int) -> None:
    expect(page.locator("#blind-count")).to_have_text(f"{n_done} of 4 notes compared")


def open_blind(page: Page) -> None:
    page.get_by_role("tab", name="Train").click()
    page.get_by_role("button", name="Compare blind").click()
    expect(page.locator("#blind-answers table")).to_be_visible()
    expect(page.locator("#adapter-name")).to_have_text("names hidden")
    expect(page.locator("#verdict")).to_have_count(0)


def names_on(page: Page) -> list[str]:
    """Adapters named by the screen and the bar above it: in what is shown, hidden, typed or put into an attribute."""
    parts = [page.locator("[role=tabpanel]:visible"), page.locator("#top")]
    held = " ".join(part.evaluate("element => element.outerHTML") for part in parts)
    held += " ".join(parts[0].locator("input, textarea").evaluate_all("boxes => boxes.map(box => box.value)"))
    return [name for name in NAMES if re.search(rf"\b{name}\b", held)]


def test_a_blind_comparison_from_the_verdict_to_its_count(browser: Browser, tmp_path: Path) -> None:
    plan = [GOT_WORSE, GOT_BETTER, GOT_WORSE, GOT_BETTER, ALIKE]
    with serving(tmp_path, [(BREAST, BREAST_VALUES)]) as desk, tab(browser, desk, "/") as here:
        ids = put_finished_run(desk.store, tmp_path, plan)
        page = here.page
        here.shows(desk.case(1))
        page.get_by_role("tab", name="Train").click()
        expect(page.locator("#verdict-head")).to_contain_text("too few notes to tell")
        assert names_on(page) == list(NAMES)
        page.get_by_text("2 notes got worse").click()
        expect(page.locator("details[open] article")).to_have_count(2)

        open_blind(page)
        count(page, 0)
        assert names_on(page) == []
        page.keyboard.press("Alt+1")
        count(page, 1)
        first = page.locator("#blind-answers").inner_text()
        page.reload()
        here.shows(desk.case(1))
        open_blind(page)
        count(page, 1)
        assert page.locator("#blind-answers").inner_text() == first  # the same note, its sides as before
        page.keyboard.press("Alt+s")
        expect(page.locator("#blind-answers")).not_to_have_text(first)
        page.get_by_role("button", name="Right is better").focus()
        page.keyboard.press("Enter")
        count(page, 2)
        page.get_by_role("button", name="No difference").click()
        count(page, 3)
        assert names_on(page) == []
        page.keyboard.press("Alt+2")
        expect(page.locator("#blind-head")).to_contain_text("Of 4 notes that local compared without names")
        with desk.store.reading() as session:
            kept = preferences(session, 1, "local")
        assert sorted(row.note_id for row in kept) == sorted(ids[:4])
        assert [row.choice for row in kept].count("same") == 2
        page.get_by_role("button", name="Back to the verdict").click()
        expect(page.locator("#verdict-blind")).to_contain_text("no difference 2. Chance alone")
        expect(page.locator("#adapter-name")).to_have_text("first")
        page.get_by_text("2 notes got worse").click()
        page.locator(f'[data-note="{ids[0]}"]').click()
        expect(page.locator("#note .note-text")).to_contain_text("Caecal adenocarcinoma")
