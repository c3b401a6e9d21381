"""A real browser, a real server process and a real store for the tests of the desk."""

from __future__ import annotations

import os
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from app.access.guard import LOCAL_REVIEWER
from db.review.decisions import Review, open_review
from db.review.reviewed import AnnotationRow, history
from db.store.store import Store
from tests.kit import chromium
from tests.kit.desk.desk_store import (
    BREAST,
    BREAST_VALUES,
    COLON,
    COLON_VALUES,
    MELANOMA,
    TASK,
    empty_values,
    make_store,
    put_notes,
)
from tests.kit.desk.servers import free_port
from tests.kit.desk.web_lives import starter

PATIENCE_MS = 20_000
expect.set_options(timeout=PATIENCE_MS)

Notes = Sequence[tuple[str, Mapping[str, str | None] | None]]
THREE: Notes = [(BREAST, BREAST_VALUES), (COLON, COLON_VALUES), (MELANOMA, empty_values())]


@dataclass
class Desk:
    """A server process on a store."""

    store: Store
    home: Path
    port: int
    first: int = 1
    number: int | None = None  # of the process
    lent: list[tuple[Browser, BrowserContext]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def case(self, number: int) -> str:
        """External id of this test's first, second, ... note."""
        return f"case-{self.first + number - 1}"

    def path(self, number: int) -> str:
        return f"/app/?note={self.first + number - 1}"

    def start(self) -> None:
        self.number = starter().start(self.home, self.port)
        while not starter().has_ended(self.number):
            try:
                urllib.request.urlopen(f"{self.url}/healthz", timeout=5).close()
            except (urllib.error.URLError, OSError):
                time.sleep(0.02)
                continue
            return
        raise AssertionError("the server ended at its start; it says why above")

    def kill(self) -> None:
        if self.number is not None:
            starter().kill(self.number)
            self.number = None

    def send(self, number: signal.Signals) -> None:
        """Send the server a signal."""
        assert self.number is not None
        os.kill(self.number, number)

    def profile(self, browser: Browser) -> BrowserContext:
        """A person's own browser, which knows nothing of the desk but its files; taken back when the desk ends."""
        context = _take(browser, self)
        self.lent.append((browser, context))
        return context

    def review(self, number: int) -> Review:
        with self.store.reading() as session:
            return open_review(session, self.first + number - 1, LOCAL_REVIEWER)

    def decisions(self, number: int) -> list[AnnotationRow]:
        with self.store.reading() as session:
            return history(session, self.first + number - 1)


_running: list[Browser] = []


@contextmanager
def launched() -> Iterator[Browser]:
    """A headless Chromium: the one that runs in this process, if any, because Playwright does not begin twice. While
    it runs, no test of this process may begin an event loop of its own."""
    if _running:
        yield _running[0]
        return
    path = chromium.find()
    if path is None:
        pytest.skip("no Chromium; run `python -m tests.kit.chromium --install`")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=chromium.ARGUMENTS)
        _running.append(opened)
        try:
            yield opened
        finally:
            _running.clear()
            opened.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for the tests of a file; those of `tests/browser` share theirs."""
    with launched() as opened:
        yield opened


_ports: list[int] = []
"""Those that served a desk: the next one is served there, where the browser has its files in its cache."""


@contextmanager
def serving(home: Path, notes: Notes) -> Iterator[Desk]:
    port = _ports.pop() if _ports else free_port()
    with make_store(home, notes) as store:
        desk = Desk(store, home, port)
        desk.start()
        try:
            yield desk
        finally:
            for browser, context in desk.lent:
                _give_back(browser, context)
            desk.kill()
            _ports.append(port)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with serving(tmp_path_factory.mktemp("home"), []) as running:
        yield running


@pytest.fixture
def desk(shared: Desk) -> Desk:
    """The shared server, with three notes of this test's own behind all others."""
    return replace(shared, first=put_notes(shared.store, THREE)[0])


@pytest.fixture
def own_desk(tmp_path: Path) -> Iterator[Desk]:
    """A server of this test's own, to be killed."""
    with serving(tmp_path, THREE) as running:
        yield running


@dataclass
class Tab:
    """A browser tab, with everything that it complained about and asked for."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._asked)
        self.page.on("requestfinished", lambda request: self.answered.append(urlsplit(request.url).path))

    def _asked(self, request: object) -> None:
        url = urlsplit(request.url)  # type: ignore[attr-defined]
        if url.scheme not in ("data", "blob") and url.hostname != "127.0.0.1":
            self.foreign.append(str(url.hostname))

    def box(self, key: str) -> Locator:
        return self.page.get_by_label(TASK.field(key).title, exact=True)

    def said(self) -> Locator:
        return self.page.locator("#saved")

    def shows(self, external_id: str) -> None:
        self._until("document.querySelector('#note-head h2')?.textContent === given", external_id)
        expect(self.page.locator("#note-head h2")).to_have_text(external_id)
        self.ready()

    def loaded_ahead(self) -> None:
        """Wait until the notes behind the first one are in the tab."""
        deadline = time.monotonic() + PATIENCE_MS / 1000
        while "/review/ahead" not in self.answered:
            assert time.monotonic() < deadline, "no note was loaded ahead"
            self.page.wait_for_timeout(20)

    def ready(self) -> None:
        self._until("document.body?.dataset.desk === 'ready'")
        expect(self.page.locator("body[data-desk=ready]")).to_have_count(1)

    def _until(self, what: str, given: str = "") -> None:
        """Look at every frame, where `expect` looks after half a second; it is asked next, and says what is wrong."""
        with suppress(PlaywrightError):
            self.page.wait_for_function(f"(given) => {what}", arg=given, timeout=PATIENCE_MS)

    def type_into(self, key: str, text: str) -> None:
        self.box(key).fill("")
        self.box(key).press_sequentially(text)


_kept: WeakKeyDictionary[Browser, list[BrowserContext]] = WeakKeyDictionary()
"""Of each browser the contexts that nobody uses: the desk's files are in their caches. The first page of each is empty
and stays, because a tab in a window that is there costs a third less than a new window."""


def _take(browser: Browser, desk: Desk) -> BrowserContext:
    """A context that knows nothing of the desk but its files."""
    kept = _kept.setdefault(browser, [])
    if kept:
        context = kept.pop()
    else:
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        context.new_page()
    context.clear_cookies()
    where = {"origin": desk.url, "storageTypes": "local_storage,indexeddb,cache_storage,service_workers"}
    context.new_cdp_session(context.pages[0]).send("Storage.clearDataForOrigin", where)
    return context


def _give_back(browser: Browser, context: BrowserContext) -> None:
    for page in context.pages[1:]:
        page.close()
    _kept.setdefault(browser, []).append(context)


@contextmanager
def tab(
    browser: Browser, desk: Desk, path: str = "/app/", *, quiet: bool = True, has_clock: bool = False
) -> Iterator[Tab]:
    """A new tab on the desk; quiet: it must not complain; has_clock: the test can move the page's clock on."""
    if has_clock:
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        context.clock.install()
    else:
        context = _take(browser, desk)
    opened = Tab(context.new_page())
    opened.page.goto(desk.url + path)
    yield opened
    assert opened.foreign == []
    if quiet:
        assert opened.complaints == []
    if has_clock:
        context.close()
    else:
        _give_back(browser, context)
