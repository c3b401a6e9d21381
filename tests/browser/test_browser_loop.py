"""The whole loop by keyboard: no mouse touches the desk from the queue to the export."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.kit.desk.desk_browser import THREE, serving, tab


def tab_to(page: Page, name: str) -> None:
    """Open a screen as one does without a mouse: Tab to the row of tabs, then Enter."""
    page.keyboard.press("Escape")
    page.evaluate("document.activeElement?.blur()")
    for _ in range(60):
        page.keyboard.press("Tab")
        here = "document.activeElement?.matches('[role=tab]') ? document.activeElement.textContent.trim() : ''"
        if page.evaluate(here) == name:
            page.keyboard.press("Enter")
            return
    raise AssertionError(f"Tab never came to {name}")


def press_until(page: Page, selector: str, most: int = 80) -> None:
    """Tab until what has the focus fits."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement?.matches(selector)", selector):
            return
    raise AssertionError(f"Tab never came to {selector}")


def test_from_the_queue_to_the_export_without_a_mouse(browser: Browser, tmp_path: Path) -> None:
    with serving(tmp_path, THREE) as desk, tab(browser, desk) as here:
        page = here.page
        here.shows(desk.case(1))
        tab_to(page, "Queue")
        expect(page.locator("#queue-table tbody tr")).to_have_count(3)
        page.keyboard.press("/")
        page.keyboard.type("caecal")
        expect(page.locator("#queue-table tbody tr")).to_have_count(1)
        page.keyboard.press("Escape")
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        here.shows(desk.case(2))
        page.keyboard.press("Alt+2")
        page.keyboard.type("IIIB")
        page.keyboard.press("Control+Enter")
        expect(page.locator("#note .empty")).to_contain_text("The end of this list.")
        expect(here.said()).to_contain_text("revision 1")
        page.keyboard.press("Enter")  # on with all notes
        here.shows(desk.case(1))
        page.keyboard.press("Alt+c")
        page.keyboard.type("two primaries")
        page.keyboard.press("Alt+f")
        here.shows(desk.case(3))
        page.keyboard.press("Alt+s")
        expect(page.locator("#note .empty")).to_contain_text("Nothing left to review")
        page.keyboard.press("Alt+u")
        here.shows(desk.case(3))
        tab_to(page, "Progress")
        expect(page.locator("[role=tabpanel]:visible h3").first).to_be_visible()
        tab_to(page, "Train")
        press_until(page, "#train-start, button")
        tab_to(page, "Settings")
        press_until(page, "#settings-save", most=120)
        page.keyboard.press("Enter")
        expect(page.locator("#settings-said")).to_contain_text("Saved")
        tab_to(page, "Export")
        expect(page.locator("#export-summary")).to_contain_text("1 reviewed note")
        press_until(page, "#export-summary a", most=120)
        with page.expect_download() as download:
            page.keyboard.press("Enter")
        assert '"stage": "IIIB"' in Path(download.value.path()).read_text(encoding="utf-8")
