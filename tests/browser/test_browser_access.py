"""Every screen with axe-core, light and dark, full and empty: nothing serious is wrong for a screen reader."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.kit.desk.desk_browser import THREE, Desk, serving, tab

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}
SCREENS = ("Queue", "Review", "Train", "Progress", "Export", "Settings")


def found(page: Page, where: str) -> list[str]:
    """What axe-core holds to be serious or critical, a line each."""
    answer = Axe().run(page, options=RULES).response
    return [
        f"{where}: {rule['id']}: {node['target']} {node['failureSummary'].splitlines()[-1].strip()}"
        for rule in answer["violations"]
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with serving(tmp_path_factory.mktemp("home"), THREE) as running:
        yield running


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Without a note."""
    with serving(tmp_path_factory.mktemp("home"), []) as running:
        yield running


@pytest.mark.parametrize(
    ("which", "theme"),
    [
        ("full", "light"),
        ("full", "dark"),
        pytest.param("bare", "light", marks=pytest.mark.long),
        pytest.param("bare", "dark", marks=pytest.mark.long),
    ],
)
def test_nothing_serious_is_wrong_for_a_screen_reader(
    browser: Browser, request: pytest.FixtureRequest, which: str, theme: str
) -> None:
    desk: Desk = request.getfixturevalue(which)
    with tab(browser, desk) as here:
        session = here.page.context.new_cdp_session(here.page)
        german = {"userAgent": here.page.evaluate("navigator.userAgent"), "acceptLanguage": "de-DE"}
        session.send("Emulation.setUserAgentOverride", german)
        here.page.evaluate(f"localStorage.setItem('caseloop:theme', '{theme}')")
        here.page.reload()
        here.ready()
        wrong = []
        for name in SCREENS:
            here.page.get_by_role("tab", name=name).click()
            expect(here.page.locator("[role=tabpanel]:visible").first).to_be_visible()
            here.page.wait_for_timeout(700)
            wrong += found(here.page, name)
        assert here.page.evaluate("document.documentElement.lang") == "en"  # in a browser that speaks German
        here.page.get_by_role("tab", name="Review").click()
        here.page.keyboard.press("Alt+k")
        if which == "full":
            expect(here.page.get_by_role("dialog", name="Keys")).to_be_visible()
            wrong += found(here.page, "Keys")
            for where, walk in (("A walk", "note=2&order=doubt"), ("Its end", "text=nowhere&order=doubt")):
                here.page.goto(f"{desk.url}/app/?{walk}")
                expect(here.page.locator("#all-notes")).to_be_visible()
                here.ready()
                wrong += found(here.page, where)
            assert here.page.url.endswith("?words=0&order=doubt"), "words that were searched for are in no address"
        assert wrong == []


def test_what_is_wrong_is_seen(browser: Browser, full: Desk) -> None:
    with tab(browser, full) as here:
        here.ready()
        here.page.evaluate(
            "document.querySelector('#note-head .place').style.setProperty('color', '#ddd', 'important')"
        )
        assert "color-contrast" in "".join(found(here.page, "Review"))
