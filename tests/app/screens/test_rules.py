"""What a lead decides on the settings screen, and that it holds where a note is opened and saved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.access.guard import LOCAL_REVIEWER
from app.core.desk import Desk
from app.core.errors import DeskError
from app.core.rules import Rules, read_guidelines, read_keys, read_rules, read_tour, write_guideline, write_keys
from app.core.settings import Settings
from app.screens import settings
from db.notes.queue.overlap import Overlap, read_overlap
from db.people.settings import put_setting
from db.review.reviewed import history
from db.store.store import Store
from tests.kit.desk.desk_store import BREAST, BREAST_VALUES, TASK, make_store
from tests.kit.desk.desk_web import form, store, web
from tests.kit.desk.permits import person_in

__all__ = ["store", "web"]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with make_store(tmp_path, [(BREAST, BREAST_VALUES)]) as opened:
        yield Desk(Settings(home=tmp_path, base="embedded", adapter="embedded"), TASK, opened)


def test_what_is_kept_is_what_is_shown_again(desk: Desk) -> None:
    values = settings.show(desk)
    assert values[0] == "asked"
    values[:3], values[9], values[-4:] = ["all", 20, 40], "Site and histology.", [2, 1.5, 12.5, 3]
    assert "Saved" in settings.keep(desk, "ada", values)
    assert settings.show(desk) == values
    with desk.store.reading() as session:
        rules = read_rules(session)
        assert (rules.confirm, rules.look_share, rules.blind_share) == ("all", 0.2, 0.02)
        assert rules.look_below == {TASK.keys[0]: 0.4}
        assert read_overlap(session) == Overlap(0.125, 3)
        assert read_guidelines(session, TASK)[TASK.keys[0]] == "Site and histology."
        assert read_guidelines(session, TASK)[TASK.keys[1]] == TASK.fields[1].description


def test_the_columns_beside_a_note_are_kept_in_their_order(desk: Desk) -> None:
    for mode, chosen, kept in (
        ("chosen", ["ward", "mrn"], ("ward", "mrn")),
        ("none", ["ward"], ()),
        ("first", [], None),
    ):
        values = settings.show(desk)
        values[-6:-4] = mode, chosen
        settings.keep(desk, "ada", values)
        with desk.store.reading() as session:
            assert read_rules(session).metadata_shown == kept
        assert settings.show(desk)[-6] == mode


def test_a_bad_setting_keeps_none_of_them(desk: Desk) -> None:
    values = settings.show(desk)
    before = list(values)
    values[0], values[9], values[-3] = "none", "other", 80
    with pytest.raises(DeskError, match="0 to 50 %"):
        settings.keep(desk, "ada", values)
    assert settings.show(desk) == before


def test_a_guideline_taken_away_is_the_tasks_own_again(desk: Desk) -> None:
    with desk.store.transaction() as session:
        write_guideline(person_in(session, "ada"), TASK, TASK.keys[0], "mine")
        write_guideline(person_in(session, "ada"), TASK, TASK.keys[0], "  ")
        assert read_guidelines(session, TASK)[TASK.keys[0]] == TASK.fields[0].description
        with pytest.raises(DeskError, match="at most 2,000"):
            write_guideline(person_in(session, "ada"), TASK, TASK.keys[0], "x" * 2001)


def test_settings_of_another_version_are_left_alone(desk: Desk) -> None:
    with desk.store.transaction() as session:
        put_setting(person_in(session, "ada"), "rules", {"confirm": "sometimes", "new": 1})
        assert read_rules(session) == Rules()


def test_keys_are_each_reviewers_own(desk: Desk) -> None:
    with desk.store.transaction() as session:
        write_keys(person_in(session, "ada"), {"skip": "Alt+J"})
        assert (read_keys(session, "ada"), read_keys(session, "ad")) == ({"skip": "Alt+J"}, {})
        write_keys(person_in(session, "ada"), {})
        assert read_keys(session, "ada") == {}


def test_how_the_tour_ended_is_each_reviewers_own(web: TestClient, store: Store) -> None:
    assert web.get("/review/values").json()["tour"] is None
    assert web.post("/tour", json={"ended": "never"}).status_code == 422
    assert web.post("/tour", json={"ended": "skipped"}).json() == {"ended": "skipped"}
    assert web.get("/review/values").json()["tour"] == "skipped"
    with store.reading() as session:
        assert read_tour(session, LOCAL_REVIEWER) == "skipped"
        assert read_tour(session, LOCAL_REVIEWER[:-1]) is None


def test_the_server_too_asks_for_a_look(store: Store, web: TestClient) -> None:
    decision = {**form(store), "status": "submitted", "token": "token-rule"}
    with store.transaction() as session:
        put_setting(person_in(session, "ada"), "rules", {"confirm": "all"})
    refused = web.post("/decisions", json=decision)
    assert refused.status_code == 422
    assert "asks to be looked at" in refused.json()["detail"]
    assert web.post("/decisions", json={**decision, "settled": list(TASK.keys)}).status_code == 200


def test_by_default_the_server_asks_for_a_look_at_what_the_model_doubts(store: Store, web: TestClient) -> None:
    with store.transaction() as session:
        put_setting(person_in(session, "ada"), "rules", {"look_below": {"stage": 0.99}})  # the other values are sure
    decision = {**form(store), "status": "submitted", "token": "token-rule"}
    refused = web.post("/decisions", json=decision)
    assert refused.status_code == 422
    assert refused.json()["detail"].startswith("Stage asks to be looked at")
    with store.reading() as session:
        assert history(session, 1) == []
    assert web.post("/decisions", json={**decision, "settled": ["stage"]}).status_code == 200


def test_rules_from_before_there_was_a_budget_keep_what_somebody_chose(desk: Desk) -> None:
    with desk.store.transaction() as session:
        put_setting(
            person_in(session, "ada"), "rules", {"confirm": "asked", "look_below": {"stage": 0.9, "response": 0.4}}
        )
        rules = read_rules(session)
    assert (rules.look_share, rules.look_below) == (0.15, {"response": 0.4})  # 90 % was what nobody had chosen
