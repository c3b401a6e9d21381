"""`make screenshots`: pictures of the running desk, taken as a user sees it.

Serves a new home with the samples and the model that come with caseloop, waits until the first notes are pre-filled,
corrects one, and takes every screen at two widths, light and dark. `--readme` writes only those that the README
shows: a note with a correction, and the queue and the progress of a desk where some notes are reviewed.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from app.screens.markup import call_script
from tests import SHIPPED, STAND_IN
from tests.app.worker.test_supervisor import Served
from tests.kit import chromium
from tests.kit.homes import Home, wait_for

PICTURES = Path(__file__).parent
SCREENS = ("Review", "Queue", "Train", "Progress", "Export", "Settings")
SIZES = ((1440, 900), (900, 1200))
N_PREFILLED, N_REVIEWED = 12, 36


def open_desk(browser: Browser, served: Served, size: tuple[int, int], scheme: str) -> Page:
    page = browser.new_page(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
    address = f"http://127.0.0.1:{served.port}"
    page.request.post(f"{address}/tour", data={"ended": "skipped"})  # as who has been here before
    page.goto(f"{address}/app/")
    expect(page.locator("body[data-desk=ready]")).to_have_count(1, timeout=60_000)
    return page


def take(
    browser: Browser, served: Served, out: Path, size: tuple[int, int], scheme: str, screens: Sequence[str]
) -> None:
    page = open_desk(browser, served, size, scheme)
    for screen in screens:
        page.get_by_role("tab", name=screen).click()
        page.wait_for_timeout(1500)  # fonts, charts and the tab's own handler settle
        page.screenshot(path=out / f"{screen.lower()}-{size[0]}-{scheme}.png")
    page.close()


def take_corrected(browser: Browser, served: Served, out: Path) -> None:
    """The first note with one value changed, as it looks before it is saved."""
    page = open_desk(browser, served, SIZES[0], "light")
    page.keyboard.press("Alt+2")
    page.get_by_label("Stage", exact=True).fill("IVB")
    expect(page.locator("#saved")).to_contain_text("draft saved", timeout=60_000)
    page.evaluate("document.activeElement.blur()")
    page.evaluate(call_script("review/note/evidence.js", "strengthen", None))  # every mark in its colour
    page.screenshot(path=out / "review-1440-light.png")
    page.close()


def review_some(page: Page, n: int) -> None:
    """Decide about the first notes as the page would, a field of every third one changed."""
    for number in range(1, n + 1):
        shown = page.request.get("/review").json()
        values = {key: one["value"] for key, one in shown["fields"].items()}
        if number % 3 == 0:
            key = list(values)[number // 3 % len(values)]
            values[key] = next(iter(shown["fields"][key]["alternatives"]), None) if values[key] else "not reported"
        sent = {name: shown[name] for name in ("note", "revision", "draft", "suggestion", "comment")}
        sent |= {"values": values, "settled": list(values), "lead_time_ms": 18_000 + 900 * (number * 7 % 23)}
        status = "skipped" if number % 17 == 0 else "submitted"
        answer = page.request.post("/decisions", data={**sent, "status": status, "token": f"picture-{number}"})
        assert answer.ok, answer.text()


def take_reviewed(browser: Browser, served: Served, out: Path) -> None:
    """The queue and the progress of a desk at work."""
    address = f"http://127.0.0.1:{served.port}"
    context = browser.new_context(viewport={"width": 1440, "height": 900}, base_url=address)
    page = context.new_page()
    page.goto("/app/")
    review_some(page, N_REVIEWED)
    page.reload()
    expect(page.locator("body[data-desk=ready]")).to_have_count(1, timeout=60_000)
    for screen in ("Queue", "Progress"):
        page.get_by_role("tab", name=screen).click()
        page.wait_for_timeout(2500)
        page.screenshot(path=out / f"{screen.lower()}-1440-light.png")
    context.close()


def correct_one(browser: Browser, served: Served) -> None:
    page = open_desk(browser, served, SIZES[0], "light")
    page.get_by_label("Stage", exact=True).fill("IIIB")
    page.keyboard.press("Alt+a")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#saved")).to_contain_text("revision 1", timeout=60_000)
    page.close()


def main() -> None:
    """Serve, wait, take the pictures."""
    parser = argparse.ArgumentParser(prog="python -m tests.pictures.screenshots", description=__doc__)
    parser.add_argument("--out", type=Path, default=PICTURES)
    parser.add_argument("--readme", action="store_true")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        home = Home(Path(folder) / "home", {STAND_IN: str(SHIPPED)})
        served = Served(home)
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=chromium.ARGUMENTS)
        try:
            n_wanted = N_REVIEWED + 4 if chosen.readme else N_PREFILLED
            wait_for(lambda: home.json("status")["counts"]["n_prefilled"] >= n_wanted, "the first suggestions")
            if chosen.readme:
                take_corrected(browser, served, chosen.out)
                take_reviewed(browser, served, chosen.out)
                return
            correct_one(browser, served)
            for size in SIZES:
                for scheme in ("light", "dark"):
                    take(browser, served, chosen.out, size, scheme, SCREENS)
        finally:
            browser.close()
            served.stop()


if __name__ == "__main__":
    main()
