"""What a page is told whose save came second: both versions, and what they merge to from where both began."""

from __future__ import annotations

from typing import Any

from fastapi.testclient import TestClient

from data.task import Extraction
from db.review.bulk import Many
from db.review.decisions import submit
from db.review.lifecycle.deletion import delete_notes
from db.store.store import Store
from tests.kit.desk.desk_store import BREAST_VALUES, TASK, empty_values
from tests.kit.desk.desk_web import NOTE, form, store, web
from tests.kit.desk.permits import person_in

__all__ = ["store", "web"]


def decided(store: Store, revision: int, note: int = NOTE, settled: Any = (), **values: str | None) -> None:
    with store.transaction() as session:
        submit(
            person_in(session, "ann"),
            note_id=note,
            status="submitted",
            extraction=Extraction(TASK, {**BREAST_VALUES, **values}),
            seen_revision=revision,
            settled=settled,
            token=f"ann {note} {revision}",
        )


def sent(web: TestClient, page: dict[str, Any], path: str = "/decisions", **changes: Any) -> dict[str, Any]:
    """What the page learns of a save that comes second."""
    decision = {"status": "submitted", "token": "mine, too late"} if path == "/decisions" else {}
    answer = web.post(path, json={**page, "settled": list(TASK.keys), **decision, **changes})
    assert answer.status_code == 409
    return dict(answer.json()["theirs"])


def test_before_any_decision_both_began_with_the_suggestion(web: TestClient, store: Store) -> None:
    page = form(store, stage="III")
    decided(store, 0, response="complete response", biomarker=None)
    theirs = sent(web, page, settled=["stage", "biomarker"])
    assert (theirs["who"], theirs["revision"], theirs["values"]["response"]) == ("ann", 1, "complete response")
    assert theirs["merge"] == {
        "base": BREAST_VALUES,
        "taken": ["response"],
        "kept": ["stage"],
        "both": ["biomarker"],  # one confirmed what the other cleared
    }
    assert sent(web, page, "/drafts", settled=[])["merge"]["taken"] == ["biomarker", "response"]


def test_after_a_decision_both_began_with_that_one(web: TestClient, store: Store) -> None:
    decided(store, 0, stage="II", settled=["stage", "response"])
    page = form(store, response="complete response")
    assert page["values"]["stage"] == "II"
    decided(store, 1, stage="I", settled=["stage", "response"])
    merge = sent(web, page, settled=["stage", "response"])["merge"]  # confirmed before that, by nobody since
    assert merge["base"] == {**BREAST_VALUES, "stage": "II"}
    assert (merge["taken"], merge["kept"], merge["both"]) == (["stage"], ["response"], [])


def test_a_note_without_a_suggestion_began_empty(web: TestClient, store: Store) -> None:
    page = form(store, 3, stage="II")
    decided(store, 0, 3)
    merge = sent(web, page, suggestion=1)["merge"]  # another note's suggestion says nothing
    assert merge["base"] == empty_values()
    assert set(merge["both"]) == {key for key, value in BREAST_VALUES.items() if value}
    taken = {key for key, value in BREAST_VALUES.items() if value} - {"stage"}
    assert set(sent(web, page, suggestion=None, settled=[])["merge"]["taken"]) == taken


def test_two_windows_of_one_person_are_not_merged(web: TestClient, store: Store) -> None:
    page = form(store, stage="III")
    assert web.post("/drafts", json=page).status_code == 200
    assert sent(web, page, "/drafts")["merge"] is None


def test_what_was_typed_before_a_reload_is_compared_too(web: TestClient, store: Store) -> None:
    page = form(store, stage="III")
    asked = {"note": NOTE, "revision": 0, "suggestion": 1, "values": page["values"], "settled": ["stage"]}
    assert web.post("/conflicts", json=asked).json() == {"theirs": None}
    decided(store, 0, response="complete response")
    found = web.post("/conflicts", json=asked).json()
    assert "Ann decided this note while you had it open" in found["detail"]
    assert (found["theirs"]["merge"]["taken"], found["theirs"]["merge"]["kept"]) == (["response"], ["stage"])
    assert web.post("/conflicts", json={**asked, "revision": 1}).json() == {"theirs": None}
    assert web.post("/conflicts", json={**asked, "note": 99}).status_code == 422


def test_a_save_about_a_note_that_was_deleted_meanwhile_is_refused_for_good(web: TestClient, store: Store) -> None:
    page = form(store, stage="III")
    with store.transaction() as session:
        delete_notes(person_in(session, "lea"), Many(ids=(NOTE,)), "consent withdrawn")
    for path, more in (("/drafts", {}), ("/decisions", {"status": "submitted", "token": "too late"})):
        answer = web.post(path, json={**page, "settled": list(TASK.keys), **more})
        # Any other status would be sent again for ever, and what was decided after it would wait behind it.
        assert (answer.status_code, answer.json()["detail"]) == (422, f"There is no note {NOTE}. Go back to the queue.")
