"""Claims as the page has them: what comes next for whom, the heartbeat, the line about others, and the way back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from app.core.settings import Settings, prepare_home
from app.screens.review.people import claims as claiming
from app.screens.review.people import tabs
from app.web.application import create_app
from db.notes.queue.claims import LEASE
from db.people.reviewers import Role
from db.schema import tables as t
from db.schema.errors import StoreFull
from db.store.store import Store
from tests.kit.desk.desk_store import COLON, COLON_VALUES, MELANOMA, TASK, empty_values, put_notes
from tests.kit.desk.desk_web import HERE, form, store, web
from tests.kit.people import PASSWORD, add_people

__all__ = ["store", "web"]

PEOPLE: dict[str, Role] = {"Ann <Lee>": "admin", "kim": "reviewer"}
ANN, KIM = PEOPLE

People = dict[str, TestClient]


@pytest.fixture
def people(store: Store, tmp_path: Path) -> Iterator[People]:
    """Two people who are signed in, and six notes that wait; 3 has no suggestion."""
    put_notes(store, [(COLON, COLON_VALUES), (MELANOMA, empty_values()), (COLON, COLON_VALUES)])
    add_people(store, PEOPLE)
    settings = Settings(home=tmp_path, base="embedded", adapter="embedded")
    prepare_home(settings)
    app = create_app(store, settings)
    with ExitStack() as stack:
        clients = {name: stack.enter_context(TestClient(app, base_url=HERE)) for name in PEOPLE}
        for name, client in clients.items():
            answer = client.post("/login", data={"name": name, "password": PASSWORD}, follow_redirects=False)
            assert answer.status_code == 303
        yield clients


def opened(client: TestClient, query: str = "") -> dict[str, Any]:
    answer = client.get(f"/review?{query}")
    assert answer.status_code == 200
    return dict(answer.json())


def ahead(client: TestClient, query: str) -> list[int]:
    return [one["note"] for one in client.get(f"/review/ahead?{query}").json()["notes"]]


def beat(client: TestClient, note: int | None = None, *, active: bool = True) -> dict[str, Any]:
    asked = {**({"note": note} if note else {}), **({"active": 1} if active else {})}
    return dict(client.get("/status", params=asked).json())


def claims(store: Store) -> dict[int, str]:
    query = sa.select(t.claim.c.note_id, t.reviewer.c.name).join_from(t.claim, t.reviewer)
    with store.reading() as session:
        return {row.note_id: row.name for row in session.execute(query)}


def pass_by(store: Store, time: timedelta) -> None:
    """Let time go by for the claims that stand."""
    with store.transaction() as session:
        for row in session.execute(sa.select(t.claim)).all():
            ends = {"until_at": row.until_at - time}
            session.execute(sa.update(t.claim).where(t.claim.c.note_id == row.note_id).values(**ends))


def decide(client: TestClient, store: Store, number: int) -> None:
    sent = {**form(store, number), "settled": list(TASK.keys), "status": "submitted", "token": f"token for {number}"}
    assert client.post("/decisions", json=sent).status_code == 200


def test_two_people_are_given_different_notes_all_the_way(people: People, store: Store) -> None:
    ann, kim = people[ANN], people[KIM]
    assert opened(ann)["note"] == 1
    assert ahead(ann, "after=1") == [2, 4]
    assert opened(kim)["note"] == 5
    assert ahead(kim, "after=5") == [6, 3]
    assert claims(store) == {1: ANN, 2: ANN, 4: ANN, 5: KIM, 6: KIM, 3: KIM}
    assert ahead(ann, "after=2&skip=1") == [4]  # 1 is decided on the page and on its way
    assert claims(store) == {1: ANN, 2: ANN, 4: ANN, 5: KIM, 6: KIM, 3: KIM}
    decide(ann, store, 1)
    assert 1 not in claims(store)
    decide(kim, store, 5)
    assert ahead(kim, "after=6") == [3]
    assert opened(ann, "after=4")["note"] == 2  # round to what is left
    assert claims(store) == {2: ANN, 6: KIM, 3: KIM}  # 4 was left
    assert ahead(kim, "after=6") == [4, 3]
    assert opened(ann, "order=doubt")["note"] == 2  # a walk too
    assert ahead(ann, "after=2&order=doubt") == []


def test_where_others_have_all_that_is_left_it_says_so(people: People, store: Store) -> None:
    ann, kim = people[ANN], people[KIM]
    for number in (1, 2, 4):
        decide(ann, store, number)
    opened(kim)
    ahead(kim, "after=5")
    page = opened(ann)
    assert page["note"] is None
    assert "Nothing left for you just now." in page["html"]
    assert "3 notes are open with another person; what they leave undecided comes back." in page["html"]
    ended = opened(ann, "order=newest")["html"]
    assert "The end of this list." in ended
    assert "3 notes are open with another person" in ended
    assert kim.post("/claims/give-back", json={"notes": [6, 3]}).json() == {"given_back": 2}
    assert opened(ann)["note"] == 6


def test_a_note_opened_by_hand_says_who_has_it(people: People, store: Store) -> None:
    ann, kim = people[ANN], people[KIM]
    assert opened(ann)["note"] == 1
    page = opened(kim, "note=1")
    assert page["note"] == 1
    assert "Ann <Lee> has this note open" in unescape(page["heading"])
    assert "<Lee>" not in page["heading"]
    assert (beat(kim, 1)["held_by"], beat(ann, 1)["held_by"]) == (ANN, None)
    decide(ann, store, 1)
    assert beat(kim, 1) | {"worker": 0} == beat(kim, 1) | {"worker": 0, "held_by": None, "claims": [1]}
    assert "has this note open" not in opened(kim, "note=1")["heading"]
    assert claims(store) == {1: KIM}


def test_a_page_keeps_its_notes_while_somebody_is_there(people: People, store: Store) -> None:
    ann, kim = people[ANN], people[KIM]
    opened(ann)
    ahead(ann, "after=1")
    for _ in range(3):
        pass_by(store, timedelta(minutes=9))
        assert beat(ann, 1)["claims"] == [1, 2, 4]
    assert opened(kim)["note"] == 5
    pass_by(store, LEASE + timedelta(seconds=1))
    assert beat(ann, 1, active=False)["claims"] == [1, 2, 4]  # nobody came by
    assert opened(kim, "after=9")["note"] == 1
    found = beat(ann, 1, active=True)
    assert (found["held_by"], found["claims"]) == (KIM, [])


def test_signing_out_gives_everything_back(people: People, store: Store) -> None:
    ann, kim = people[ANN], people[KIM]
    opened(ann)
    ahead(ann, "after=1")
    ann.post("/logout", follow_redirects=False)
    assert claims(store) == {}
    assert opened(kim)["note"] == 1


def test_only_the_own_claims_are_given_back(people: People, store: Store) -> None:
    opened(people[ANN])
    assert people[KIM].post("/claims/give-back", json={"notes": [1]}).status_code == 200
    assert claims(store) == {1: ANN}


def test_two_tabs_of_one_person_keep_their_notes(people: People, store: Store, monkeypatch) -> None:
    first, second = (dict(people[KIM].headers) | {"x-tab": tab} for tab in ("first", "second"))

    def get(path: str, tab: dict[str, str]) -> Any:
        return people[KIM].get(path, headers=tab).json()

    assert get("/review?note=1", first)["note"] == 1
    assert [one["note"] for one in get("/review/ahead?after=1", first)["notes"]] == [2, 4]
    get("/review?note=5", second)
    assert set(claims(store)) == {1, 2, 4, 5}
    get("/review?note=6", second)
    assert set(claims(store)) == {1, 2, 4, 6}, "a tab still gives back its own"
    get("/review?note=2", second)
    people[KIM].post("/claims/give-back", json={"notes": [1, 2, 4]}, headers=first)
    assert set(claims(store)) == {2}, "what another tab has is not given back"
    get("/review?note=1", first)
    monkeypatch.setattr(tabs, "HEARD_S", 0.0)
    get("/review?note=3", second)
    assert set(claims(store)) == {3}, "a tab that is not heard of any more has nothing"


def test_a_store_that_cannot_be_written_keeps_nobody_from_reading(
    people: People, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise StoreFull("full")

    for name in ("give", "hold", "renew"):
        monkeypatch.setattr(claiming, name, full)
    assert opened(people[ANN])["note"] == 1
    assert opened(people[KIM], "note=2")["note"] == 2
    assert beat(people[KIM], 2)["held_by"] is None


def test_a_desk_without_sign_in_claims_nothing(web: TestClient, store: Store) -> None:
    assert opened(web)["note"] == 1
    assert ahead(web, "after=1") == [2, 3]
    assert opened(web, "note=2")["note"] == 2
    assert not {"held_by", "claims"} & beat(web, 2).keys()
    assert web.post("/claims/give-back", json={"notes": [1]}).status_code == 200
    assert claims(store) == {}
