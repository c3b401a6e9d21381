"""In a real browser: a hundred texts that would run a script, wherever text gets into the desk; none runs.

And the desk's own pages break none of the rules that they are sent with.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from app.screens.markup import call_script
from data.grounding.evidence import ground
from data.notes import make_note
from data.task import MAX_VALUE_CHARACTERS, Extraction
from db.notes.notes import add_notes
from db.notes.queue.saved_filters import save_filter
from db.notes.queue.search import ALL
from db.notes.suggestions import add_suggestion
from db.review.decisions import submit
from tests.browser.test_browser_signing import sign_in
from tests.kit.desk.desk_browser import Desk, serving
from tests.kit.desk.desk_store import TASK, suggestion
from tests.kit.desk.permits import person_in, program_in
from tests.kit.payloads import PAYLOADS
from tests.kit.people import add_people

N_KEYS = len(TASK.keys)
WATCH = """
window.broken = [];
document.addEventListener('securitypolicyviolation', (event) => {
  window.broken.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
});
"""
NAMES = [text for text in PAYLOADS if len(text) <= 60 and text.isprintable()]


def values_of(place: int) -> dict[str, str | None]:
    """Another payload in each field."""
    return {key: PAYLOADS[(place + at) % len(PAYLOADS)][:MAX_VALUE_CHARACTERS] for at, key in enumerate(TASK.keys)}


def fill(desk: Desk) -> None:
    """Every payload as a note, as an external id, as the model's values and alternatives, as a person's and comment."""
    with desk.store.transaction() as session:
        for place, text in enumerate(PAYLOADS):
            note = make_note(
                TASK, f"{text} A note. {text}", external_id=" ".join(text.split())[:150], metadata={text[:50]: text}
            )
            (number,) = add_notes(program_in(session), [note]).note_ids
            values = values_of(place)
            made = replace(
                suggestion(note.text, values, adapter=NAMES[place % len(NAMES)]),
                raw_reply=json.dumps(values),
                evidence={key: one.spans for key, one in ground(TASK, note.text, Extraction(TASK, values)).items()},
                alternatives=dict.fromkeys(TASK.keys, (PAYLOADS[-place], None)),
            )
            shown = add_suggestion(program_in(session), number, made)
            if place % 4 == 0:
                submit(
                    person_in(session, NAMES[place % len(NAMES)]),
                    note_id=number,
                    status="submitted" if place % 8 else "flagged",
                    extraction=Extraction(TASK, values_of(place + 1)),
                    seen_revision=0,
                    token=f"hostile-{place}",
                    suggestion_id=shown,
                    comment=text,
                )
    add_people(desk.store, {f"{NAMES[0]} Ann": "admin"})
    with desk.store.transaction() as session:
        save_filter(person_in(session, f"{NAMES[0]} Ann"), name=NAMES[1], filters=replace(ALL, text=NAMES[2]))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with serving(tmp_path_factory.mktemp("home"), []) as running:
        fill(running)
        yield running


@pytest.fixture(scope="module")
def page(browser: Browser, desk: Desk) -> Page:
    """One page for all screens: whatever a payload does on one of them stays to be seen."""
    opened = desk.profile(browser).new_page()
    opened.add_init_script(WATCH)
    opened.goto(f"{desk.url}/app/")
    sign_in(opened, f"{NAMES[0]} Ann")
    expect(opened.locator("body[data-desk=ready]")).to_have_count(1)
    return opened


def unhurt(page: Page, where: str) -> None:
    page.wait_for_timeout(300)
    assert page.evaluate("window.hurt") is None, where
    # A payload that was taken for markup would load its image, and the policy would have to stop its script.
    assert page.evaluate("window.broken") == [], where
    assert page.locator("img[src=x], [onerror], iframe[srcdoc], svg[onload]").count() == 0, where


def test_there_are_a_hundred_and_each_is_another() -> None:
    assert len(PAYLOADS) >= 100
    assert len(set(PAYLOADS)) == len(PAYLOADS)


def test_no_note_value_name_or_comment_runs_on_the_review_screen(page: Page) -> None:
    for number, text in enumerate(PAYLOADS, 1):
        page.evaluate(call_script("review/note/note.js", "open", number))
        assert page.evaluate(call_script("review/note/note.js", "noteOnScreen")) == number
        assert text.split("\n")[0][:20] in page.locator("#note .note-text").inner_text()
        if number % 10 == 0:
            unhurt(page, f"note {number}")
    page.keyboard.press("Alt+5")
    page.keyboard.press("Alt+q")
    page.keyboard.type(PAYLOADS[0])
    unhurt(page, "typed")


@pytest.mark.parametrize("screen", ["Queue", "Progress", "Train", "Export", "Settings"])
def test_nothing_runs_on_the_other_screens(page: Page, screen: str) -> None:
    page.get_by_role("tab", name=screen).click()
    expect(page.locator("[role=tabpanel]:visible").first).to_be_visible()
    page.wait_for_timeout(1500)
    unhurt(page, screen)
    if screen == "Queue":
        assert page.locator("#queue-table tbody tr").count() > 10
        page.get_by_label("Search the notes").fill(PAYLOADS[0])
        page.wait_for_timeout(800)
        unhurt(page, "search")


def test_no_file_name_and_no_column_runs_in_the_preview_of_an_import(page: Page) -> None:
    page.get_by_role("tab", name="Queue").click()
    for text in NAMES[:6]:
        record: dict[str, Any] = {"text": f"{text} A note with {text}.", text: text, "id": text}
        page.locator("#import-file").set_input_files(
            {"name": f"{text.replace('/', '')}.jsonl", "mimeType": "text/plain", "buffer": json.dumps(record).encode()}
        )
        expect(page.locator("#import-preview")).to_be_visible()
        unhurt(page, f"import of {text}")
        page.keyboard.press("Escape")


def test_what_runs_is_seen(browser: Browser) -> None:
    """The check itself: a page that takes the first of them for markup is found out."""
    page = browser.new_page()
    page.add_init_script(WATCH)
    page.goto("about:blank")
    page.set_content(PAYLOADS[0])
    page.wait_for_timeout(300)
    with pytest.raises(AssertionError):
        unhurt(page, "a page that runs it")


def test_the_page_to_sign_in_with_runs_nothing(browser: Browser, desk: Desk) -> None:
    page = browser.new_page()
    page.add_init_script(WATCH)
    for text in NAMES[:5]:
        page.goto(f"{desk.url}/login")
        page.get_by_label("Name").fill(text)
        page.get_by_label("Password").fill("not the password")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_be_visible()
        unhurt(page, text)
    page.close()
