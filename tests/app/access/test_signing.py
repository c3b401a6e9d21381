"""Signing in: nobody gets anything without it, and nobody does more than the role allows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.access.guard import COOKIE, MOUNT, OPEN, SECURE_COOKIE
from app.access.login import NobodyCanSignIn, People, own_place
from app.access.throttle import Throttle
from app.core.settings import Settings, prepare_home
from app.processes.supervisor import is_private
from app.web.application import create_app
from db.notes.imports import begin_import
from db.notes.notes import get_note
from db.people.audit import entries
from db.people.reviewers import Role, change_reviewer
from db.people.sign_ins import IDLE, LONGEST
from db.schema import tables as t
from db.store.store import Store
from tests.app.access.test_guard import addresses
from tests.kit.desk.desk_web import HERE, NOTE, form, store
from tests.kit.desk.permits import person_in
from tests.kit.people import PASSWORD, add_people, kept

__all__ = ["store"]

PEOPLE: dict[str, Role] = {"Ann Lee": "admin", "bob": "lead", "kim": "reviewer"}


@pytest.fixture
def people(store: Store) -> None:
    add_people(store, PEOPLE)


@pytest.fixture
def desk(store: Store, people: None, tmp_path: Path) -> FastAPI:
    settings = Settings(home=tmp_path, base="embedded", adapter="embedded")
    prepare_home(settings)
    return create_app(store, settings)


@pytest.fixture
def stranger(desk: FastAPI) -> Iterator[TestClient]:
    with TestClient(desk, base_url=HERE, follow_redirects=False) as client:
        yield client


def sign_in(client: TestClient, name: str, password: str = PASSWORD, **more: str) -> Any:
    return client.post("/login", data={"name": name, "password": password, **more})


@pytest.fixture
def signed_in(stranger: TestClient) -> TestClient:
    assert sign_in(stranger, "kim").status_code == 303
    return stranger


def decision(store: Store) -> dict[str, Any]:
    sent = form(store)
    return {**sent, "settled": list(sent["values"]), "status": "submitted", "token": "a-token-of-this-test"}


# ---------------------------------------------------------------- without a session


def test_every_route_of_the_running_app_is_closed_without_a_session(desk: FastAPI, stranger: TestClient) -> None:
    n_tried, answered = 0, []
    mounted = next(route.app for route in desk.routes if getattr(route, "path", "") == MOUNT)  # type: ignore[attr-defined]
    inside = [(MOUNT + path, methods) for path, methods in addresses(mounted.routes)]
    for path, methods in [*addresses(desk.routes), *inside]:
        address = re.sub(r"\{[^}]+\}", "1", path)
        for method in {*methods, "GET", "POST", "HEAD", "PUT", "DELETE"} - {"OPTIONS"}:
            if address in OPEN:
                continue
            answer = stranger.request(method, address, json={})
            n_tried += 1
            # 404: a Gradio route that does not exist here for anybody.
            if answer.status_code not in (401, 404) or (answer.status_code == 404 and not address.startswith(MOUNT)):
                answered.append((method, address, answer.status_code))
    assert n_tried > 300
    assert answered == []


def test_a_file_of_the_desk_is_for_whoever_knows_its_fingerprint(stranger: TestClient) -> None:
    script, other = "/desk/page.js", "/desk/status.js"
    assert stranger.get(script).status_code == 401
    assert sign_in(stranger, "kim").status_code == 303
    addresses = dict(re.findall(r'"(/desk/[^"]+)\?([0-9a-f]+)"', stranger.get("/app/").text))
    stranger.cookies.clear()
    assert stranger.get(f"{script}?{addresses[script]}").status_code == 200
    for wrong in (addresses[other], "0" * 12, addresses[script] + "&", ""):
        assert stranger.get(f"{script}?{wrong}").status_code == 401, wrong
    for elsewhere in ("..%2Fconfig", "..", "a%2F..%2F..%2Fconfig", ".env"):
        assert stranger.get(f"/app/assets/{elsewhere}").status_code == 401, elsewhere


def test_a_page_leads_to_the_page_to_sign_in_with_and_back(stranger: TestClient) -> None:
    answer = stranger.get("/app/?note=2", headers={"accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?to=/app/%3Fnote%3D2")
    page = stranger.get(answer.headers["location"])
    assert page.status_code == 200
    assert 'value="/app/?note=2"' in page.text
    assert "no-store" in page.headers["cache-control"]
    there = sign_in(stranger, "kim", to="/app/?note=2")
    assert (there.status_code, there.headers["location"]) == (303, "/app/?note=2")


@pytest.mark.parametrize(
    "to", ["https://evil.example/app/", "//evil.example/app/", "/\\evil.example", "/export/jsonl", "javascript:x"]
)
def test_signing_in_leads_nowhere_else(to: str) -> None:
    assert own_place(to) == "/app/"


def test_the_cookie_is_for_the_server_alone(stranger: TestClient) -> None:
    cookie = sign_in(stranger, "kim").headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}


def test_behind_https_the_cookie_is_bound_to_the_host_and_to_https(store: Store, people: None, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, base="embedded", adapter="embedded", public_url="https://desk.example.org")
    prepare_home(settings)
    with TestClient(create_app(store, settings), base_url="https://desk.example.org", follow_redirects=False) as client:
        answer = sign_in(client, "kim")
        parts = {part.strip() for part in answer.headers["set-cookie"].split(";")}
        assert answer.headers["set-cookie"].startswith(f"{SECURE_COOKIE}=")
        assert {"Secure", "HttpOnly", "SameSite=strict", "Path=/"} <= parts
        assert not any(part.lower().startswith("domain") for part in parts)
        assert "max-age=31536000" in answer.headers["strict-transport-security"]
        assert client.get("/status").status_code == 200
        assert client.get("/status", headers={"host": "other.example.org"}).status_code == 400


# ---------------------------------------------------------------- passwords


def test_seven_wrong_passwords_are_refused_and_then_the_right_one_too(stranger: TestClient) -> None:
    found = [sign_in(stranger, "kim", "not the password").status_code for _ in range(7)]
    assert found == [401] * 5 + [429] * 2
    assert sign_in(stranger, "kim").status_code == 429
    assert "Try again in 5 minutes" in sign_in(stranger, "kim").text
    assert stranger.get("/status").status_code == 401


@pytest.mark.parametrize("name", ["nobody", "local", "", "' OR 1=1 --", "kim\0", "k" * 300])
def test_an_unknown_name_says_the_same_as_a_wrong_password(stranger: TestClient, name: str) -> None:
    wrong, unknown = sign_in(stranger, "kim", "not the password"), sign_in(stranger, name)
    assert (wrong.status_code, unknown.status_code) == (401, 401)
    said = re.compile(r'role="alert">([^<]*)<')
    assert said.findall(wrong.text) == said.findall(unknown.text)


def test_what_was_typed_is_shown_again_as_text_and_never_the_password(stranger: TestClient) -> None:
    page = sign_in(stranger, '"><script>alert(1)</script>$to{name}', "a secret of mine").text
    assert "<script>alert" not in page
    assert "a secret of mine" not in page


def test_failures_are_forgotten_after_a_while_and_memory_is_bounded() -> None:
    now = [0.0]
    throttle = Throttle(2, window_s=10.0, n_keys=3, clock=lambda: now[0])
    throttle.count_failure("a")
    now[0] = 4.0
    throttle.count_failure("a")
    assert throttle.wait_s("a") == 6.0
    assert throttle.wait_s("b") == 0.0
    now[0] = 10.0
    assert throttle.wait_s("a") == 0.0
    for key in "bcde":
        throttle.count_failure(key)
    assert len(throttle._failures) == 3


# ---------------------------------------------------------------- sessions


def test_signed_in_one_acts_under_the_own_name(signed_in: TestClient, store: Store) -> None:
    answer = signed_in.post("/decisions", json=decision(store))
    assert answer.status_code == 200, answer.text
    with store.reading() as session:
        saved = entries(session, subject=f"note {NOTE}")[0]
    assert (saved.who, saved.action, saved.detail) == ("kim", "submitted", {"revision": 1})
    assert "&#34;name&#34;: &#34;kim&#34;" in signed_in.get("/app/").text


def test_what_one_person_typed_is_not_saved_as_anothers(signed_in: TestClient, store: Store) -> None:
    answer = signed_in.post("/decisions", json=decision(store), headers={"x-reviewer": "Ann%20Lee"})
    assert answer.status_code == 401
    assert "Sign in as Ann Lee" in answer.json()["detail"]
    with store.reading() as session:
        assert get_note(session, NOTE).revision == 0


def test_after_signing_out_the_old_cookie_opens_nothing(signed_in: TestClient) -> None:
    token = signed_in.cookies[COOKIE]
    assert signed_in.get("/status").status_code == 200
    assert signed_in.post("/logout").status_code == 303
    signed_in.cookies.set(COOKIE, token)
    assert signed_in.get("/status").status_code == 401


def test_a_token_that_was_set_before_signing_in_is_not_taken_over(stranger: TestClient) -> None:
    stranger.cookies.set(COOKIE, "chosen-by-somebody-else")
    sign_in(stranger, "kim")
    assert all(cookie.value != "chosen-by-somebody-else" for cookie in stranger.cookies.jar if cookie.domain != "")
    with TestClient(stranger.app, base_url=HERE) as other:
        other.cookies.set(COOKIE, "chosen-by-somebody-else")
        assert other.get("/status").status_code == 401


@pytest.mark.parametrize(
    ("column", "ago", "is_in"),
    [
        ("seen_at", IDLE - timedelta(seconds=5), True),
        ("seen_at", IDLE + timedelta(seconds=5), False),
        ("begun_at", LONGEST - timedelta(seconds=5), True),
        ("begun_at", LONGEST + timedelta(seconds=5), False),
        ("seen_at", timedelta(hours=-2), False),  # the clock was set back
    ],
)
def test_a_sign_in_ends_by_itself(
    signed_in: TestClient, store: Store, column: str, ago: timedelta, is_in: bool
) -> None:
    with store.transaction() as session:
        session.execute(sa.update(t.sign_in).values({column: t.now() - ago}))
    assert (signed_in.get("/status").status_code == 200) is is_in


def test_a_page_that_is_only_open_does_not_stay_signed_in_and_one_in_use_does(
    signed_in: TestClient, store: Store
) -> None:
    def seen() -> Any:
        with store.reading() as session:
            return session.execute(sa.select(t.sign_in.c.seen_at)).scalar_one()

    before = t.now() - timedelta(minutes=10)
    with store.transaction() as session:
        session.execute(sa.update(t.sign_in).values(seen_at=before))
    signed_in.get("/status")
    assert seen() == before
    signed_in.get("/status?active=1")
    assert seen() > before + timedelta(minutes=9)


@pytest.mark.parametrize("change", [{"role": "lead"}, {"is_disabled": True}, {"password_hash": kept("bob")}])
def test_a_change_of_the_person_ends_every_sign_in(signed_in: TestClient, store: Store, change: dict[str, Any]) -> None:
    with store.transaction() as session:
        change_reviewer(person_in(session, "Ann Lee"), "kim", **change)
    assert signed_in.get("/status").status_code == 401


def test_no_token_is_in_the_store(signed_in: TestClient, store: Store) -> None:
    token = signed_in.cookies[COOKIE]
    for file in store.path.parent.glob("*.db*"):
        assert token.encode() not in file.read_bytes()


def test_a_desk_without_passwords_asks_nobody(store: Store, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, base="embedded", adapter="embedded")
    prepare_home(settings)
    with TestClient(create_app(store, settings), base_url=HERE) as client:
        assert client.get("/status").status_code == 200
        add_people(store, {"Ann Lee": "admin"})  # from now on it does
        assert client.get("/status").status_code == 401


def test_a_desk_that_others_reach_is_closed_while_nobody_can_sign_in(
    store: Store, people: None, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path, base="embedded", adapter="embedded")
    prepare_home(settings)
    with TestClient(create_app(store, settings, host="127.0.0.2"), base_url="http://127.0.0.2") as client:
        assert client.get("/status").status_code == 401
        with store.transaction() as session:
            session.execute(sa.update(t.reviewer).values(password_hash=None))
        for path in ("/status", "/export/jsonl", "/app/", "/"):
            assert client.get(path, follow_redirects=False).status_code == 503, path
        refused = client.post("/queue/filters", json={"name": "x", "filters": {}})
        assert refused.status_code == 503
        assert "reviewers add" in refused.json()["detail"]
        assert client.get("/login").status_code == 200
        assert client.get("/healthz").status_code == 200
        with store.transaction() as session:
            session.execute(sa.update(t.reviewer).where(t.reviewer.c.name == "kim").values(password_hash=kept("kim")))
        assert sign_in(client, "kim").status_code == 200  # at the desk, after the redirection
        store.path.unlink()
        assert client.get("/status").status_code == 503
        assert client.post("/tour", json={"ended": "skipped"}).status_code == 503
        assert client.get("/healthz").json()["ok"] is False


@pytest.mark.parametrize(
    ("host", "public_url", "is_open"),
    [("127.0.0.1", "", True), ("::1", "", True), ("10.0.0.5", "", False), ("127.0.0.1", "https://desk.example", False)],
)
def test_only_a_private_desk_lets_anybody_in(store: Store, host: str, public_url: str, is_open: bool) -> None:
    people = People(store, is_private=is_private(host, public_url))
    if is_open:
        assert people.identify(None, is_active=False) is not None
        return
    with pytest.raises(NobodyCanSignIn):
        people.identify(None, is_active=False)


# ---------------------------------------------------------------- roles


def test_a_reviewer_neither_exports_nor_imports_nor_works_on_many_notes(signed_in: TestClient, store: Store) -> None:
    with store.transaction() as session:
        begin_import(person_in(session, "bob"), files=["a.jsonl"], n_files=1)
    answers = {
        "export": signed_in.get("/export/jsonl"),
        "import": signed_in.post("/import", content=b'{"text": "A note."}\n', headers={"x-file-name": "a.jsonl"}),
        "many": signed_in.post("/queue/act", json={"action": "skip", "bulk": "abcdefghijkl"}),
        "look": signed_in.post("/import/preview", content=b'{"text": "A note."}\n', headers={"x-file-name": "a.jsonl"}),
        "decisions": signed_in.post(
            "/import",
            content=b'{"text": "A note."}\n',
            headers={"x-file-name": "a.jsonl", "x-columns": '{"decisions": true, "adjudicate": true}'},
        ),
        "plan": signed_in.post("/queue/delete/plan", json={"ids": [NOTE]}),
        "delete": signed_in.post("/queue/delete", json={"ids": [NOTE], "reason": "wrong", "expected": 1}),
        "imports": signed_in.post("/queue/imports"),
        "plan undo": signed_in.post("/queue/imports/plan", json={"number": 1, "force": True}),
        "undo": signed_in.post(
            "/queue/imports/undo", json={"number": 1, "force": True, "reason": "wrong", "expected": 1}
        ),
    }
    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(answers, 403)
    assert "Only leads may export; kim is a reviewer. Ask a lead." in answers["export"].json()["detail"]
    with store.reading() as session:
        assert get_note(session, NOTE).state == "todo"


def test_a_lead_does(stranger: TestClient, store: Store) -> None:
    sign_in(stranger, "bob")
    assert stranger.get("/export/jsonl").status_code == 200
    sent = stranger.post("/import", content=b'{"text": "A note."}\n', headers={"x-file-name": "a.jsonl"})
    assert sent.json()["n_added"] == 1
    assert stranger.post("/queue/act", json={"action": "skip", "bulk": "abcdefghijkl"}).json()["n_done"] > 0
    with store.reading() as session:
        done = {(entry.who, entry.action) for entry in entries(session)}
    assert {("bob", "exported"), ("bob", "imported"), ("bob", "signed in"), ("bob", "skipped")} <= done
