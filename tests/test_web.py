"""The web process without a browser: headers, what is refused, saving, exports and imports."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.guard import LOCAL_REVIEWER, MOUNT
from app.settings import Settings, prepare_home
from app.web import create_app
from data.corrections import compare
from data.task import Extraction
from db.annotations import history, open_review
from db.notes import get_note
from db.session import Store
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
)

HERE = "http://127.0.0.1"
NOTE = 1


def _app(store: Store, home: Path) -> FastAPI:
    settings = Settings(home=home, base="embedded", adapter="embedded")
    prepare_home(settings)
    return create_app(store, settings)


NOTES = [(BREAST, BREAST_VALUES), (COLON, COLON_VALUES), (MELANOMA, None)]


@pytest.fixture(scope="module")
def quiet_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """For tests that write nothing."""
    with make_store(tmp_path_factory.mktemp("home"), NOTES) as opened:
        yield opened


@pytest.fixture(scope="module")
def app(quiet_store: Store) -> FastAPI:
    return _app(quiet_store, quiet_store.path.parent)


@pytest.fixture(scope="module")
def quiet(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url=HERE) as client:
        yield client


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with make_store(tmp_path, NOTES) as opened:
        yield opened


@pytest.fixture
def web(store: Store, tmp_path: Path) -> Iterator[TestClient]:
    with TestClient(_app(store, tmp_path), base_url=HERE) as client:
        yield client


def form(store: Store, note_id: int = NOTE, **changes: str | None) -> dict[str, Any]:
    """What the page would send for a note that it shows now."""
    with store.reading() as session:
        review = open_review(session, note_id, LOCAL_REVIEWER)
    return {
        "note": note_id,
        "revision": review.revision,
        "draft": review.draft.version if review.draft else 0,
        "suggestion": review.suggestion.id if review.suggestion else None,
        "values": {**(review.values or empty_values()), **changes},
        "comment": "",
        "lead_time_ms": 1234,
    }


# ---------------------------------------------------------------- who may ask, and what for


def test_the_root_leads_to_the_desk_and_the_desk_is_a_page(quiet: TestClient) -> None:
    answer = quiet.get("/", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, "/app/")
    page = quiet.get("/app/")
    assert page.status_code == 200
    assert "/desk/desk.js" in page.text
    assert "/desk/desk.css" in page.text


def test_every_answer_carries_the_security_headers(quiet: TestClient) -> None:
    for path in ("/", "/app/", "/healthz", "/status", "/nothing", "/app/gradio_api/upload", "/desk/desk.js"):
        headers = quiet.get(path, follow_redirects=False).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["x-frame-options"] == "DENY", path
        assert headers["referrer-policy"] == "no-referrer", path
        assert headers["cross-origin-opener-policy"] == "same-origin", path
        policy = headers["content-security-policy"]
        assert "default-src 'self'" in policy, path
        assert "frame-ancestors 'none'" in policy, path
        assert "connect-src 'self'" in policy, path
        assert "server" not in headers, path


def test_scripts_need_the_nonce_of_their_own_answer(quiet: TestClient) -> None:
    nonces = set()
    for _ in range(2):
        page = quiet.get("/app/")
        scripts = re.search(r"script-src ([^;]*)", page.headers["content-security-policy"])
        assert scripts is not None
        assert "'unsafe-inline'" not in scripts[1]
        nonce = re.search(r"'nonce-([^']+)'", scripts[1])
        assert nonce is not None
        assert set(re.findall(r"<script nonce=\"([^\"]+)\"", page.text)) == {nonce[1]}
        assert not re.search(r"<script(?! nonce=)", page.text)
        assert int(page.headers["content-length"]) == len(page.content)
        nonces.add(nonce[1])
    assert len(nonces) == 2


def test_the_page_names_no_foreign_host(quiet: TestClient) -> None:
    page = quiet.get("/app/").text
    assert set(re.findall(r"""(?:src|href|content)=["']?(https?://[^/"']+)""", page)) == set()


def test_pages_are_not_kept_and_files_are(quiet: TestClient) -> None:
    page = quiet.get("/app/")
    assert page.headers["cache-control"] == "no-store"
    for address in re.findall(r'"(/desk/[^"]+)"', page.text):
        answer = quiet.get(address)
        assert answer.status_code == 200, address
        assert "immutable" in answer.headers["cache-control"]
    assert quiet.get("/desk/nothing.js").status_code == 404


def test_no_note_is_in_the_page_before_it_asks(quiet: TestClient) -> None:
    page = quiet.get("/app/?note=1").text
    assert BREAST[:40] not in page
    assert "case-1" not in page


@pytest.mark.parametrize("host", ["evil.example", "evil.example:7860", "127.0.0.1.evil.example", "", "localhost@evil"])
def test_a_foreign_host_name_is_refused(quiet: TestClient, host: str) -> None:
    answer = quiet.get("/status", headers={"host": host})
    assert answer.status_code == 400
    assert "detail" in answer.json()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:7860", "localhost:7860", "LOCALHOST", "[::1]:7860"])
def test_this_machines_own_names_are_answered(quiet: TestClient, host: str) -> None:
    assert quiet.get("/healthz", headers={"host": host}).status_code == 200


WRITES = (
    "/drafts",
    "/decisions",
    "/drafts/discard",
    "/import",
    "/app/gradio_api/run/predict",
    "/app/gradio_api/queue/join",
)


@pytest.mark.parametrize("path", WRITES)
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_a_write_from_another_site_is_refused(
    quiet: TestClient, quiet_store: Store, path: str, headers: dict[str, str]
) -> None:
    answer = quiet.post(
        path, json={**form(quiet_store), "status": "submitted", "token": "from-elsewhere"}, headers=headers
    )
    assert answer.status_code == 403
    with quiet_store.reading() as session:
        assert get_note(session, NOTE).state == "todo"


def test_a_read_from_another_site_is_refused(quiet: TestClient) -> None:
    assert quiet.get("/export/jsonl", headers={"origin": "https://evil.example"}).status_code == 403
    assert "access-control-allow-origin" not in quiet.get("/status").headers


def test_gradio_takes_json_only(quiet: TestClient) -> None:
    answer = quiet.post("/app/gradio_api/run/predict", content="{}", headers={"content-type": "text/plain"})
    assert answer.status_code == 415


def test_a_forwarded_host_does_not_choose_where_the_page_sends_its_data(quiet: TestClient) -> None:
    headers = {"x-forwarded-host": "evil.example", "x-forwarded-proto": "https", "forwarded": "host=evil.example"}
    assert "evil.example" not in quiet.get("/app/", headers=headers).text


def _addresses(routes: Any) -> Iterator[tuple[str, set[str]]]:
    for route in routes:
        path = getattr(route, "path", None)
        if path is not None:
            yield path, getattr(route, "methods", None) or {"GET"}
        inner = getattr(route, "routes", None) or getattr(getattr(route, "original_router", None), "routes", None)
        if inner and path is None:
            yield from _addresses(inner)


NEEDED = re.compile(
    r"/app/?$|/app/config/?$|/app/theme\.css$|/app/(assets|static|svelte)/|/app/gradio_api/(run/|info$|app_id$|login_check$)"
)


def test_of_gradios_routes_only_the_needed_ones_are_there(app: FastAPI, quiet: TestClient) -> None:
    mounted = next(route.app for route in app.routes if getattr(route, "path", "") == MOUNT)  # type: ignore[attr-defined]
    n_seen, open_ones = 0, []
    for path, methods in _addresses(mounted.routes):
        address = MOUNT + re.sub(r"\{[^}]+\}", "x", path)
        if NEEDED.match(address):
            continue
        for method in methods - {"HEAD", "OPTIONS"}:
            answer = quiet.request(method, address, json={} if method != "GET" else None, follow_redirects=False)
            n_seen += 1
            if answer.status_code != 404:
                open_ones.append((method, address, answer.status_code))
    assert n_seen > 30
    assert open_ones == []


@pytest.mark.parametrize(
    "path",
    [
        "/app/gradio_api/upload",
        "/app/gradio_api/mcp/sse",
        "/app/gradio_api/token",
        "/app/gradio_api/queue/join",
        "/app/gradio_api/run/../upload",
        "/app/gradio_api/file=/etc/passwd",
        "/app/gradio_api/file=http://169.254.169.254/",
        "/app/gradio_api/proxy=http://example.org/",
        "/app/gradio_api/deep_link",
        "/app/gradio_api/component_server",
        "/app/monitoring",
        "/app/login",
    ],
)
def test_dangerous_routes_are_not_there(quiet: TestClient, path: str) -> None:
    for method in ("GET", "POST"):
        assert quiet.request(method, path, json={} if method == "POST" else None).status_code == 404


# ---------------------------------------------------------------- health


def test_health_and_status(web: TestClient, store: Store) -> None:
    assert web.get("/healthz").json() == {"ok": True}
    status = web.get("/status", params={"note": NOTE}).json()
    assert status["adapter"] == "first"
    assert status["has_suggestion"] is True
    assert status["worker"]["state"] == "absent"
    store.close()
    answer = web.get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["ok"] is False


# ---------------------------------------------------------------- saving


def test_a_draft_is_kept_and_answers_with_the_evidence(web: TestClient, store: Store) -> None:
    answer = web.post("/drafts", json=form(store, stage="I <b>"))
    assert answer.status_code == 200
    assert answer.json()["draft"] == 1
    assert "<mark" in answer.json()["html"]
    assert re.sub(r"<[^>]+>", "", answer.json()["html"]) == BREAST
    with store.reading() as session:
        review = open_review(session, NOTE, LOCAL_REVIEWER)
    assert review.draft is not None
    assert review.draft.extraction["stage"] == "I <b>"
    assert review.annotation is None
    assert web.post("/drafts/discard", json={"note": NOTE}).json() == {"discarded": True}


def test_a_decision_is_kept_once_however_often_it_is_sent(web: TestClient, store: Store) -> None:
    sent = {**form(store, stage="IIIB", response=None), "status": "submitted", "token": "one-save-0001"}
    first, second = web.post("/decisions", json=sent), web.post("/decisions", json=sent)
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == {**second.json(), "repeated": False}
    assert second.json()["repeated"] is True
    assert first.json()["next"] == 2
    with store.reading() as session:
        (kept,) = history(session, NOTE)
        review = open_review(session, NOTE, LOCAL_REVIEWER)
    assert (kept.extraction["stage"], kept.extraction["response"]) == ("IIIB", None)
    assert (kept.reviewer, kept.status, kept.lead_time_ms) == (LOCAL_REVIEWER, "submitted", 1234)
    assert review.suggestion is not None
    assert kept.suggestion_id == review.suggestion.id
    kinds = compare(TASK, Extraction(TASK, review.suggestion.extraction), Extraction(TASK, kept.extraction))
    assert (kinds["stage"], kinds["response"], kinds["treatment"]) == ("edited", "cleared", "accepted")


def test_who_comes_second_is_shown_both_versions_and_nothing_is_overwritten(web: TestClient, store: Store) -> None:
    mine, theirs = form(store, stage="II"), form(store, stage="III")
    assert web.post("/decisions", json={**theirs, "status": "submitted", "token": "token-theirs"}).status_code == 200
    for path, sent in (("/decisions", {**mine, "status": "submitted", "token": "token-mine"}), ("/drafts", mine)):
        answer = web.post(path, json=sent)
        assert answer.status_code == 409
        assert "Nothing was overwritten" in answer.json()["detail"]
        assert answer.json()["theirs"]["values"]["stage"] == "III"
        assert answer.json()["theirs"]["revision"] == 1
    with store.reading() as session:
        assert [kept.extraction["stage"] for kept in history(session, NOTE)] == ["III"]


def test_an_older_window_does_not_overwrite_a_newer_draft(web: TestClient, store: Store) -> None:
    old, new = form(store, stage="I"), form(store, stage="II")
    assert web.post("/drafts", json=new).status_code == 200
    answer = web.post("/drafts", json=old)
    assert answer.status_code == 409
    assert answer.json()["theirs"]["values"]["stage"] == "II"
    assert answer.json()["theirs"]["draft"] == 1


@pytest.mark.parametrize(
    "change",
    [
        {"values": {"stage": "I"}},
        {"values": {**BREAST_VALUES, "unknown_field": "x"}},
        {"values": {**BREAST_VALUES, "stage": "x" * 2001}},
        {"values": {**BREAST_VALUES, "stage": "a\u0000b"}},
        {"values": {**BREAST_VALUES, "stage": 4}},
        {"note": 0},
        {"note": 999_999},
        {"revision": -1},
        {"status": "published"},
        {"token": ""},
        {"extra": 1},
    ],
)
def test_a_malformed_decision_gets_a_sentence_without_what_was_sent(
    quiet: TestClient, quiet_store: Store, change: dict[str, Any]
) -> None:
    sent = {
        **form(quiet_store),
        "status": "submitted",
        "token": "a-token-of-its-own",
        "comment": "SECRET-WORDS",
        **change,
    }
    answer = quiet.post("/decisions", json=sent)
    assert answer.status_code in (422, 503)
    assert answer.json()["detail"].startswith("Expected")
    assert "SECRET-WORDS" not in answer.text
    with quiet_store.reading() as session:
        assert history(session, NOTE) == []


# ---------------------------------------------------------------- files


def test_exports_hold_what_people_decided_and_nothing_else(web: TestClient, store: Store) -> None:
    assert web.get("/export/jsonl").text == ""
    web.post("/drafts", json=form(store, 2, stage="II"))
    web.post("/decisions", json={**form(store, stage="IIIB"), "status": "submitted", "token": "token-export-1"})
    answer = web.get("/export/jsonl")
    assert answer.headers["content-disposition"].startswith("attachment")
    (record,) = map(json.loads, answer.text.splitlines())
    assert record["input"] == BREAST
    assert record["output"] == {**BREAST_VALUES, "stage": "IIIB"}
    assert "provenance" not in record
    (told,) = map(json.loads, web.get("/export/jsonl?with_provenance=1").text.splitlines())
    assert told["provenance"]["corrections"]["stage"] == "edited"
    assert json.loads(web.get("/export/json").text) == [record]
    assert "IIIB" in web.get("/export/csv").text
    assert web.get("/export/exe").status_code == 404


def test_a_file_is_imported_once_and_leaves_nothing_behind(web: TestClient, store: Store, tmp_path: Path) -> None:
    lines = "\n".join(json.dumps({"id": f"new-{number}", "text": text}) for number, text in enumerate(HOSTILE, 1))
    sent = {"content": lines + "\nnot json\n", "headers": {"x-file-name": "..%2F..%2Fmy notes.jsonl"}}
    for n_added in (len(HOSTILE), 0):
        answer = web.post("/import", **sent)  # type: ignore[arg-type]
        assert answer.status_code == 200
        assert answer.json()["n_added"] == n_added
        assert answer.json()["n_refused"] == 1
        assert answer.json()["sentences"][0].startswith("my-notes.jsonl:")
        assert str(tmp_path) not in answer.text
    assert [path for path in (tmp_path / "tmp").rglob("*") if path.is_file()] == []
    assert web.post("/import", content="x", headers={"x-file-name": "notes.exe"}).status_code == 422


def test_an_oversized_import_is_refused(web: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.ui.downloads.MAX_IMPORT_BYTES", 1000)
    answer = web.post("/import", content="x" * 2000, headers={"x-file-name": "notes.txt"})
    assert answer.status_code == 422
    assert "at most" in answer.json()["detail"]


# ---------------------------------------------------------------- the process


def test_the_web_process_never_imports_torch() -> None:
    program = (
        "import sys, app.web, app.ui.desk, app.ui.downloads; print('torch' in sys.modules, 'gradio' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "True"]


def test_a_home_that_cannot_be_used_gets_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    arguments = [sys.executable, "-m", "app.web", "--home", str(tmp_path / "file"), "--port", "0"]
    done = subprocess.run(arguments, check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("Expected")
    assert len(done.stderr.strip().splitlines()) == 1
