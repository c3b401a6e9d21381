"""A note's history: all that happened to it, in order, and nothing that would give a test away."""

from __future__ import annotations

from typing import Any

from fastapi.testclient import TestClient
from playwright.sync_api import Browser, expect

from app.access.guard import LOCAL_REVIEWER
from db.review.trials import begin_trial
from db.store.store import Store
from tests.kit.desk.desk_browser import Desk, browser, desk, shared, tab
from tests.kit.desk.desk_web import NOTE, form, store, web
from tests.kit.desk.permits import person_in

__all__ = ["browser", "desk", "shared", "store", "web"]


def steps(web: TestClient) -> list[dict[str, Any]]:
    return web.get(f"/review/history?note={NOTE}").json()["steps"]


def decide(web: TestClient, store: Store, token: str, **values: str | None) -> None:
    sent = form(store, **values)
    answer = web.post(
        "/decisions", json={**sent, "settled": list(sent["values"]), "status": "submitted", "token": token}
    )
    assert answer.status_code == 200, answer.text


def test_who_did_what_and_what_it_changed(web: TestClient, store: Store) -> None:
    decide(web, store, "first-save", stage="IIIB")
    decide(web, store, "second-save", stage=None, response="stable disease")
    web.post("/decisions/undo", json={"note": NOTE, "revision": 2, "token": "taken-back"})
    told = steps(web)
    assert [(step["who"], step["what"]) for step in told] == [
        ("", "imported"),
        ("first", "suggested"),
        (LOCAL_REVIEWER, "saved, revision 1"),
        (LOCAL_REVIEWER, "saved, revision 2"),
        (LOCAL_REVIEWER, "reopened, revision 3"),
    ]
    assert told[2]["changes"] == [{"field": "Stage", "old": "IV", "new": "IIIB"}]
    assert told[3]["changes"] == [
        {"field": "Stage", "old": "IIIB", "new": None},
        {"field": "Response", "old": "partial response", "new": "stable disease"},
    ]
    assert told[4]["changes"] == []
    assert [step["at"] for step in told] == sorted(step["at"] for step in told)


def test_a_note_that_nobody_has_gets_a_sentence(web: TestClient) -> None:
    answer = web.get("/review/history?note=999")
    assert answer.status_code == 422
    assert "999" in answer.json()["detail"]


def test_the_history_of_a_blind_note_does_not_show_the_suggestion_before_the_decision(
    web: TestClient, store: Store
) -> None:
    with store.transaction() as session:
        begin_trial(person_in(session, LOCAL_REVIEWER), note_id=NOTE, kind="blind")
    assert [step["what"] for step in steps(web)] == ["imported"]
    decide(web, store, "blind-save", stage="IV")
    assert [step["what"] for step in steps(web)] == ["imported", "suggested", "saved, revision 1"]


def test_the_history_opens_and_closes_by_its_key(browser: Browser, desk: Desk) -> None:
    with tab(browser, desk, desk.path(1)) as here:
        here.ready()
        here.page.keyboard.press("Alt+h")
        dialog = here.page.get_by_role("dialog", name=f"History of {desk.case(1)}")
        expect(dialog).to_contain_text("first suggested")
        expect(dialog.get_by_role("button", name="Close")).to_be_focused()
        here.page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        here.page.get_by_role("button", name="History").click()
        expect(dialog).to_be_visible()
