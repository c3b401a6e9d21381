"""The desk in a real browser, against a real server process and a real store.

Suggestions are put into the store with literal values; everything after that is what a reviewer does.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect, sync_playwright

from app.guard import LOCAL_REVIEWER
from data.notes import make_note
from data.task import Extraction
from db.annotations import AnnotationRow, Review, history, open_review, submit
from db.notes import add_notes, counts
from db.session import Store
from db.suggestions import add_suggestion
from tests import chromium
from tests.desk_store import (
    BREAST,
    BREAST_VALUES,
    COLON,
    COLON_VALUES,
    HOSTILE,
    MELANOMA,
    TASK,
    empty_values,
    make_store,
    put_notes,
    suggestion,
)

ROOT = Path(__file__).parent.parent
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
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def case(self, number: int) -> str:
        """External id of this test's first, second, ... note."""
        return f"case-{self.first + number - 1}"

    def path(self, number: int) -> str:
        return f"/app/?note={self.first + number - 1}"

    def start(self) -> None:
        arguments = [sys.executable, "-m", "app.web", "--home", str(self.home), "--port", str(self.port)]
        self.process = subprocess.Popen(arguments, cwd=ROOT, stderr=subprocess.PIPE)
        while self.process.poll() is None:
            try:
                urllib.request.urlopen(f"{self.url}/healthz", timeout=5).close()
            except (urllib.error.URLError, OSError):
                continue
            return
        raise AssertionError(self.process.communicate()[1].decode())

    def kill(self) -> None:
        if self.process is not None:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def review(self, number: int) -> Review:
        with self.store.reading() as session:
            return open_review(session, self.first + number - 1, LOCAL_REVIEWER)

    def decisions(self, number: int) -> list[AnnotationRow]:
        with self.store.reading() as session:
            return history(session, self.first + number - 1)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = chromium.find()
    if path is None:
        pytest.skip("no Chromium; run `python -m tests.chromium --install`")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=chromium.ARGUMENTS)
        yield opened
        opened.close()


@contextmanager
def serving(home: Path, notes: Notes) -> Iterator[Desk]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with make_store(home, notes) as store:
        desk = Desk(store, home, port)
        desk.start()
        try:
            yield desk
        finally:
            desk.kill()


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

    def __post_init__(self) -> None:
        self.page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._asked)

    def _asked(self, request: object) -> None:
        url = urlsplit(request.url)  # type: ignore[attr-defined]
        if url.scheme not in ("data", "blob") and url.hostname != "127.0.0.1":
            self.foreign.append(str(url.hostname))

    def box(self, key: str) -> Locator:
        return self.page.get_by_label(TASK.field(key).title, exact=True)

    def said(self) -> Locator:
        return self.page.locator("#saved")

    def shows(self, external_id: str) -> None:
        expect(self.page.locator("#note-head h2")).to_have_text(external_id)
        self.ready()

    def ready(self) -> None:
        expect(self.page.locator("body[data-desk=ready]")).to_have_count(1)

    def type_into(self, key: str, text: str) -> None:
        self.box(key).fill("")
        self.box(key).press_sequentially(text)


@contextmanager
def tab(browser: Browser, desk: Desk, path: str = "/app/", *, quiet: bool = True) -> Iterator[Tab]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    opened = Tab(context.new_page())
    opened.page.goto(desk.url + path)
    yield opened
    assert opened.foreign == []
    if quiet:
        assert opened.complaints == []
    context.close()


def test_a_note_is_prefilled_corrected_and_saved(browser: Browser, desk: Desk) -> None:
    with tab(browser, desk, desk.path(1)) as here:
        here.shows(desk.case(1))
        for key, value in BREAST_VALUES.items():
            expect(here.box(key)).to_have_value(value or "")
        expect(here.page.locator("#note .note-text")).to_contain_text(BREAST)
        expect(here.page.locator('#note mark[data-fields~="treatment"]').first).to_have_text("Letrozole")
        expect(here.page.locator('.side[data-field="stage"] .word')).to_have_text("sure")
        here.type_into("stage", "IIIC")
        expect(here.page.locator('.side[data-field="stage"] .said')).to_have_text("IV")
        here.box("response").fill("")
        here.page.keyboard.press("Control+Enter")
        here.shows(desk.case(2))
        expect(here.said()).to_contain_text("saved")
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


def test_nothing_typed_is_lost_when_the_server_is_killed(browser: Browser, own_desk: Desk) -> None:
    desk = own_desk
    with tab(browser, desk, "/", quiet=False) as here:
        here.shows(desk.case(1))
        here.type_into("stage", "II")
        expect(here.said()).to_contain_text("draft saved")
        desk.kill()
        here.type_into("stage", "IIIA")
        here.type_into("treatment", "letrozole then exemestane")
        expect(here.said()).to_contain_text("not saved")
        here.page.keyboard.press("Control+Enter")
        expect(here.page.get_by_role("alert").filter(has_text="NOT SAVED")).to_be_visible()
        kept = here.page.evaluate("JSON.stringify({...sessionStorage, ...localStorage})")
        assert "IIIA" in kept
        assert "noticed a lump" not in kept  # values only, never the note
        desk.start()
        expect(here.box("stage")).to_have_value("IIIA")
        expect(here.box("treatment")).to_have_value("letrozole then exemestane")
        here.page.reload()
        here.shows(desk.case(1))
        expect(here.box("stage")).to_have_value("IIIA")
        expect(here.box("treatment")).to_have_value("letrozole then exemestane")
        here.page.keyboard.press("Control+Enter")
        here.shows(desk.case(2))
        (decided,) = desk.decisions(1)
        assert decided.extraction["stage"] == "IIIA"
        assert decided.extraction["treatment"] == "letrozole then exemestane"


def test_a_page_goes_on_when_its_server_comes_back(browser: Browser, own_desk: Desk) -> None:
    desk = own_desk
    with tab(browser, desk, "/", quiet=False) as here:
        here.shows(desk.case(1))
        desk.kill()
        here.type_into("stage", "IIIA")
        expect(here.said()).to_contain_text("not saved")
        desk.start()
        expect(here.said()).to_contain_text("draft saved")
        here.ready()
        here.page.keyboard.press("Control+Enter")
        here.shows(desk.case(2))
        (decided,) = desk.decisions(1)
        assert decided.extraction["stage"] == "IIIA"


def test_two_windows_on_one_note_are_shown_both_versions(browser: Browser, desk: Desk) -> None:
    with tab(browser, desk, desk.path(1), quiet=False) as mine:
        mine.shows(desk.case(1))
        with desk.store.transaction() as session:
            submit(
                session,
                note_id=desk.first,
                reviewer="ann",
                status="submitted",
                extraction=Extraction(TASK, {**BREAST_VALUES, "stage": "III"}),
                seen_revision=0,
                token="ann-was-quicker",
            )
        mine.box("stage").fill("II")
        mine.page.keyboard.press("Control+Enter")
        panel = mine.page.locator("#conflict")
        expect(panel).to_contain_text("Ann decided this note")
        expect(panel.get_by_role("row").filter(has_text="Stage")).to_contain_text("III")
        expect(mine.box("stage")).to_have_value("II")
        assert [kept.extraction["stage"] for kept in desk.decisions(1)] == ["III"]
        panel.get_by_role("button", name="Keep mine").click()
        mine.page.keyboard.press("Control+Enter")
        mine.shows(desk.case(2))
        assert [(kept.revision, kept.extraction["stage"]) for kept in desk.decisions(1)] == [(2, "II"), (1, "III")]


def test_the_others_version_can_be_taken(browser: Browser, desk: Desk) -> None:
    with tab(browser, desk, desk.path(1), quiet=False) as mine, tab(browser, desk, desk.path(1)) as theirs:
        mine.shows(desk.case(1))
        theirs.shows(desk.case(1))
        theirs.box("stage").fill("III")
        theirs.page.keyboard.press("Control+Enter")
        theirs.shows(desk.case(2))
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
        here.page.get_by_role("button", name="Previous").click()
        here.shows(desk.case(2))
        expect(here.page.get_by_label("Comment")).to_have_value("two primaries in one note")
        (skipped,), (flagged,) = desk.decisions(1), desk.decisions(2)
        assert skipped.status == "skipped"
        assert (flagged.status, flagged.comment) == ("flagged", "two primaries in one note")


def test_pressing_save_twice_saves_once(browser: Browser, desk: Desk) -> None:
    with tab(browser, desk, desk.path(1)) as here:
        here.shows(desk.case(1))
        here.page.keyboard.press("Control+Enter")
        here.page.keyboard.press("Control+Enter")
        here.shows(desk.case(2))
        assert len(desk.decisions(1)) == 1
        assert desk.decisions(2) == []
        here.page.evaluate("document.getElementById('save').click(); document.getElementById('save').click()")
        here.shows(desk.case(3))
        assert len(desk.decisions(2)) == 1
        assert desk.decisions(3) == []


def test_a_note_that_nobody_has_seen_cannot_be_saved(browser: Browser, desk: Desk) -> None:
    with tab(browser, desk, desk.path(1)) as here:
        here.shows(desk.case(1))
        here.page.evaluate(
            """new MutationObserver(() => document.body.dataset.desk !== 'ready' && document.dispatchEvent(
                   new KeyboardEvent('keydown', {key: 'Enter', code: 'Enter', ctrlKey: true, bubbles: true})
               )).observe(document.body, {childList: true, subtree: true, attributes: true})"""
        )
        here.page.keyboard.press("Control+Enter")
        here.shows(desk.case(2))
        assert desk.decisions(2) == []


def test_nothing_can_be_typed_while_a_save_is_on_its_way(browser: Browser, desk: Desk) -> None:
    with tab(browser, desk, desk.path(1)) as here:
        here.shows(desk.case(1))
        held: list[Route] = []

        def hold(route: Route) -> None:
            held.append(route)

        here.page.route("**/decisions", hold)
        here.box("stage").click()
        with here.page.expect_request("**/decisions"):
            here.page.keyboard.press("Control+Enter")
        expect(here.page.locator("#form[inert]")).to_have_count(1)
        here.page.keyboard.type("LATE")
        held[0].continue_()
        here.shows(desk.case(2))
        expect(here.page.locator("#form[inert]")).to_have_count(0)
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


def test_a_late_suggestion_is_offered_and_overwrites_nothing(browser: Browser, shared: Desk) -> None:
    desk = replace(shared, first=put_notes(shared.store, [(MELANOMA, None)])[0])
    with tab(browser, desk, desk.path(1)) as here:
        here.shows(desk.case(1))
        expect(here.page.locator("#note-head")).to_contain_text("no suggestion yet")
        here.type_into("stage", "IIIC")
        expect(here.said()).to_contain_text("draft saved")
        proposed = {**empty_values(), "stage": "II", "gene_mutation": "NRAS Q61R"}
        with desk.store.transaction() as session:
            add_suggestion(session, desk.first, suggestion(MELANOMA, proposed))
        offer = here.page.get_by_role("button", name="A suggestion has arrived")
        expect(offer).to_be_visible()
        expect(here.box("gene_mutation")).to_have_value("")
        offer.click()
        expect(here.box("gene_mutation")).to_have_value("NRAS Q61R")
        expect(here.box("stage")).to_have_value("IIIC")
        expect(here.page.locator('.side[data-field="stage"] .said')).to_have_text("II")


def test_hostile_text_is_shown_and_never_runs(browser: Browser, tmp_path: Path) -> None:
    text = "Hostile note. " + " ".join(HOSTILE)
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
        expect(here.page.get_by_role("link", name="Download jsonl")).to_be_visible()
        with here.page.expect_download() as download:
            here.page.get_by_role("link", name="Download jsonl").click()
        assert '"stage": "III"' in Path(download.value.path()).read_text(encoding="utf-8")


def test_the_queue_searches_filters_and_imports(browser: Browser, own_desk: Desk, tmp_path: Path) -> None:
    desk = own_desk
    with tab(browser, desk, "/") as here:
        here.shows(desk.case(1))
        here.page.get_by_role("tab", name="Queue").click()
        rows = here.page.locator("#queue-table tbody tr")
        expect(rows).to_have_count(3)
        here.page.get_by_placeholder("Search the notes").press_sequentially("caecal")
        expect(rows).to_have_count(1)
        expect(rows.first).to_contain_text("case-2")
        here.page.get_by_placeholder("Search the notes").fill("")
        expect(rows).to_have_count(3)
        file = tmp_path / "more.jsonl"
        file.write_text('{"id": "late-1", "text": "Renal cell carcinoma, clear cell, nivolumab."}\n', encoding="utf-8")
        here.page.locator("#import-file").set_input_files(file)
        expect(here.page.locator("#import-report")).to_contain_text("1 note added")
        expect(rows).to_have_count(4)
        with desk.store.reading() as session:
            assert counts(session).n_notes == 4


def test_a_run_is_asked_for_followed_and_stopped(browser: Browser, desk: Desk) -> None:
    with desk.store.transaction() as session:
        gold = Extraction(TASK, COLON_VALUES)
        labelled = [make_note(TASK, f"{COLON} Patient {number}.", gold=gold) for number in range(40)]
        add_notes(session, labelled)
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
        expect(here.page.locator("#adapter-said")).to_contain_text("Expected an adapter that was active before")
