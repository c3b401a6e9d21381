"""A browser that reviewed notes keeps nothing of their text: not in its storages, its addresses or its history."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect

from tests.kit.desk.desk_browser import Desk, put_notes, shared, tab
from tests.kit.desk.desk_store import empty_values

__all__ = ["shared"]

CANARY = "Zyxwvut-7351"
NOTES = [(f"The canary {CANARY}-{number} sings of a lump in the left breast.", empty_values()) for number in range(3)]
KEPT = """async () => {
  const kept = [document.cookie, location.href, document.title, JSON.stringify(history.state), window.name];
  for (const storage of [localStorage, sessionStorage]) kept.push(JSON.stringify(Object.entries(storage)));
  for (const { name } of await indexedDB.databases()) {
    const open = indexedDB.open(name);
    const db = await new Promise((done) => { open.onsuccess = () => done(open.result); });
    for (const table of db.objectStoreNames) {
      const all = db.transaction(table).objectStore(table).getAll();
      kept.push(JSON.stringify(await new Promise((done) => { all.onsuccess = () => done(all.result); })));
    }
    db.close();
  }
  for (const name of await caches.keys()) for (const request of await (await caches.open(name)).keys()) {
    kept.push(request.url, await (await caches.match(request)).text());
  }
  return kept.join("\\n");
}"""


def kept_by(page: Page) -> str:
    return str(page.evaluate(KEPT))


def test_nothing_of_a_note_stays_in_the_browser(browser: Browser, shared: Desk) -> None:
    first = put_notes(shared.store, NOTES)[0]
    with tab(browser, shared, f"/app/?note={first}") as here:
        addresses: list[str] = []
        here.page.on("request", lambda request: addresses.append(request.url))
        expect(here.page.locator("#note")).to_contain_text(f"{CANARY}-0")
        here.type_into("stage", "IIIB")
        assert "IIIB" in kept_by(here.page)  # what one typed is kept until the desk has it
        expect(here.said()).to_contain_text("draft saved")
        here.page.keyboard.press("Alt+a")
        here.page.keyboard.press("Control+Enter")
        expect(here.page.locator("#note")).to_contain_text(f"{CANARY}-1")
        expect(here.said()).to_contain_text("revision 1")
        for screen in ("Queue", "Export", "Progress", "Review"):
            here.page.get_by_role("tab", name=screen).click()
            here.page.wait_for_timeout(300)
        here.page.keyboard.press("Alt+h")
        here.page.wait_for_timeout(300)
        assert CANARY not in kept_by(here.page)
        assert [url for url in addresses if CANARY in url] == []
        here.page.evaluate(f"sessionStorage.setItem('caseloop:x', '{CANARY}')")
        assert CANARY in kept_by(here.page)  # it would have been seen
