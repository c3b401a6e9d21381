"""A person changes their own password on the desk: checked, counted, and every other sign-in ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.access.guard import MOUNT
from db.people.audit import entries
from db.store.store import Store
from tests.app.access.test_signing import desk, people, sign_in, signed_in, stranger
from tests.kit.desk.desk_web import HERE, store, web
from tests.kit.people import PASSWORD

__all__ = ["desk", "people", "sign_in", "signed_in", "store", "stranger", "web"]

NEW = "a new long pass phrase"


def change(client: TestClient, now: str = PASSWORD, new: str = NEW, again: str | None = None):
    return client.post("/password", data={"now": now, "new": new, "again": new if again is None else again})


@pytest.fixture
def elsewhere(desk: FastAPI) -> Iterator[TestClient]:
    """The same person at another browser."""
    with TestClient(desk, base_url=HERE, follow_redirects=False) as client:
        assert sign_in(client, "kim").status_code == 303
        yield client


def test_it_is_changed_and_every_other_sign_in_ends(
    signed_in: TestClient, elsewhere: TestClient, stranger: TestClient, store: Store
) -> None:
    page = signed_in.get("/password")
    assert page.status_code == 200
    assert "/desk/" not in page.text  # nothing of the desk's own scripts
    changed = change(signed_in)
    assert (changed.status_code, changed.headers["location"]) == (303, f"{MOUNT}/")
    assert signed_in.get("/status").status_code == 200
    assert elsewhere.get("/status").status_code == 401
    elsewhere.cookies.clear()
    assert sign_in(elsewhere, "kim").status_code == 401
    assert sign_in(elsewhere, "kim", NEW).status_code == 303
    with store.reading() as session:
        last = [row for row in entries(session, subject="kim") if row.action == "changed a reviewer"]
    assert (last[0].who, last[0].detail) == ("kim", {"password": "changed"})


@pytest.mark.parametrize(
    ("sent", "status", "said"),
    [
        ({"now": "wrong"}, 401, "The current password is wrong."),
        ({"new": "short"}, 422, "at least 12 characters"),
        ({"again": "something else"}, 422, "do not match"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(
    signed_in: TestClient, sent: dict[str, str], status: int, said: str
) -> None:
    answer = change(signed_in, **sent)
    assert answer.status_code == status
    assert said in answer.text
    assert NEW not in answer.text
    assert change(signed_in).status_code == 303  # nothing was changed


def test_guessing_it_is_held_up_as_signing_in_is(signed_in: TestClient) -> None:
    assert [change(signed_in, now="wrong").status_code for _ in range(6)] == [401] * 5 + [429]
    assert change(signed_in).status_code == 429


def test_nobody_else_reaches_it(stranger: TestClient) -> None:
    assert change(stranger).status_code == 401
    assert stranger.get("/password", headers={"accept": "text/html"}).status_code == 303


def test_a_desk_without_sign_in_has_none(web: TestClient) -> None:
    answer = web.get("/password", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{MOUNT}/")
