"""Notes shown otherwise than usual, and a seeded value that passes: told, never kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from app.access.guard import LOCAL_REVIEWER
from app.core.rules import change_rules
from data.suggestion import Grounding
from db.notes.suggestions import add_suggestion
from db.review.reviewed import history
from db.review.trials import trial_of, trial_outcomes
from db.store.store import Store
from tests.kit.desk.desk_store import BREAST, BREAST_VALUES, COLON, TASK, put_notes, suggestion
from tests.kit.desk.desk_web import HERE, _app, form, make_store
from tests.kit.desk.permits import person_in, program_in

__all__: list[str] = []
NOTE = 1


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with make_store(tmp_path, [(BREAST, None)]) as opened:
        yield opened


@pytest.fixture
def web(store: Store, tmp_path: Path) -> Any:
    with TestClient(_app(store, tmp_path), base_url=HERE) as client:
        yield client


def suggest(store: Store, **alternatives: str) -> None:
    made = suggestion(BREAST, BREAST_VALUES)
    made = dataclasses.replace(
        made,
        alternatives={key: (value,) for key, value in alternatives.items()},
        grounding=dict.fromkeys(TASK.keys, Grounding.EXACT),
    )
    with store.transaction() as session:
        add_suggestion(program_in(session), NOTE, made)


def rule(store: Store, **changes: Any) -> None:
    with store.transaction() as session:
        change_rules(person_in(session, "lead"), TASK, changes)


def shown(web: TestClient) -> Mapping[str, Any]:
    answer = web.get("/review", params={"note": NOTE})
    assert answer.status_code == 200
    found: Mapping[str, Any] = answer.json()
    return found


def decide(web: TestClient, page: Mapping[str, Any], token: str, **changes: str) -> Mapping[str, Any]:
    values = {key: field["value"] for key, field in page["fields"].items()}
    content = {
        "note": NOTE,
        "revision": page["revision"],
        "suggestion": page["suggestion"],
        "values": {**values, **changes},
        "settled": list(TASK.keys),
        "status": "submitted",
        "token": token,
    }
    answer = web.post("/decisions", json=content)
    assert answer.status_code == 200, answer.text
    found: Mapping[str, Any] = answer.json()
    return found


def test_a_blind_note_shows_nothing_of_what_the_model_said(store: Store, web: TestClient) -> None:
    suggest(store)
    rule(store, blind_share=0.5, seeded_share=0.5)  # with nothing to seed, a drawn note is blind or as usual
    with store.reading() as session:
        assert trial_of(session, NOTE, LOCAL_REVIEWER) is None
    page = shown(web)
    with store.reading() as session:
        trial = trial_of(session, NOTE, LOCAL_REVIEWER)
    assert trial is not None
    assert trial.kind in ("blind", "prefilled")
    if trial.kind == "blind":
        assert page["blind"] is True
        assert page["suggestion"] is None
        assert {field["value"] for field in page["fields"].values()} == {None}
        assert "without suggested values" in page["heading"]
    else:
        assert page["fields"]["stage"]["value"] == BREAST_VALUES["stage"]


def test_a_note_that_is_or_will_be_blind_is_told_of_nowhere(store: Store, web: TestClient) -> None:
    first, *rest = put_notes(store, [(COLON, None), *[(BREAST, BREAST_VALUES)] * 8])

    def looked() -> tuple[int, set[int]]:
        found = web.post("/offers/look", json={"note": first, "field": "stage", "old_value": "IV"}).json()
        return found["n"], {row["note"] for row in found["notes"]}

    def told(note: int) -> bool:
        steps = web.get(f"/review/history?note={note}").json()["steps"]
        return "suggested" in [step["what"] for step in steps]

    assert looked()[0] == 8
    assert all(told(note) for note in rest)
    rule(store, blind_share=0.5)
    n_named, named = looked()
    assert not any(told(note) for note in rest)
    blind = {note for note in rest if web.get("/review", params={"note": note}).json()["blind"]}
    assert 0 < len(blind) < 8
    assert (n_named, named & blind) == (8 - len(blind), set())
    rule(store, blind_share=0.0)
    assert looked() == (n_named, named)
    assert {note for note in rest if told(note)} == set(rest) - blind


def test_of_many_notes_the_asked_share_is_blind(store: Store, web: TestClient) -> None:
    numbers = put_notes(store, [(f"{BREAST} Number {n}.", BREAST_VALUES) for n in range(60)])
    rule(store, blind_share=0.3)
    kinds = [web.get("/review", params={"note": number}).json()["blind"] for number in numbers]
    assert 8 <= sum(kinds) <= 30
    assert kinds == [web.get("/review", params={"note": number}).json()["blind"] for number in numbers]


def seeded(store: Store, web: TestClient) -> Mapping[str, Any]:
    """The note with a wrong stage, drawn or, where chance says otherwise, put there."""
    from db.review.trials import begin_trial

    suggest(store, stage="IIIA")
    with store.transaction() as session:
        begin_trial(person_in(session, LOCAL_REVIEWER), note_id=NOTE, kind="seeded", field="stage", value="IIIA")
    page = shown(web)
    assert page["fields"]["stage"]["value"] == page["fields"]["stage"]["suggested"] == "IIIA"
    assert BREAST_VALUES["stage"] in page["fields"]["stage"]["alternatives"]
    return page


def test_a_seeded_value_that_passes_is_told_and_never_kept(store: Store, web: TestClient) -> None:
    answer = decide(web, seeded(store, web), "token-passed")
    assert answer["seeded"] == TASK.field("stage").title
    with store.reading() as session:
        assert [row.status for row in history(session, NOTE)] == ["reopened", "submitted"]
        assert [outcome.is_passed for outcome in trial_outcomes(session)] == [True]
    again = shown(web)
    assert again["state"] == "draft"
    assert again["fields"]["stage"]["value"] == BREAST_VALUES["stage"]
    assert "stage" not in again["settled"]
    assert "seeded" not in decide(web, again, "token-again", stage="IIIA")  # told once; who insists is believed
    assert web.get("/export/jsonl").text.count('"stage": "IIIA"') == 1


def test_a_seeded_value_that_is_caught_is_an_ordinary_correction(store: Store, web: TestClient) -> None:
    answer = decide(web, seeded(store, web), "token-caught", stage="IV")
    assert "seeded" not in answer
    with store.reading() as session:
        assert [row.status for row in history(session, NOTE)] == ["submitted"]
        assert [outcome.is_passed for outcome in trial_outcomes(session)] == [False]


def test_nobody_worked_on_is_changed(store: Store, web: TestClient) -> None:
    suggest(store)
    page = shown(web)
    draft = {key: value for key, value in form(store, stage="II").items() if key != "token"}
    assert web.post("/drafts", json=draft).status_code == 200
    rule(store, blind_share=0.5, seeded_share=0.5)
    assert shown(web)["fields"]["stage"]["value"] == "II"
    assert page["blind"] is False
    with store.reading() as session:
        assert trial_of(session, NOTE, LOCAL_REVIEWER) is None


def test_a_trial_that_cannot_be_kept_keeps_nobody_from_reading(store: Store, web: TestClient) -> None:
    suggest(store)
    rule(store, blind_share=0.5)
    with store.transaction() as session:
        session.execute(sa.text("CREATE TRIGGER full BEFORE INSERT ON trial BEGIN SELECT RAISE(ABORT, 'no room'); END"))
    page = shown(web)
    assert page["fields"]["stage"]["value"] == BREAST_VALUES["stage"]
    assert not page["blind"]
    with store.reading() as session:
        assert trial_of(session, NOTE, LOCAL_REVIEWER) is None
