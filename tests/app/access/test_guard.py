"""Who may ask the desk, and what for: names, origins, headers, and the routes that are not there."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from anyio import to_thread
from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from fastapi.testclient import TestClient

from app.access.guard import MOUNT
from app.web.application import FILES
from db.notes.notes import get_note
from db.store.store import Store
from tests.kit.desk.desk_store import BREAST
from tests.kit.desk.desk_web import NOTE, app, form, quiet, quiet_store

__all__ = ["app", "quiet", "quiet_store"]


def test_the_root_leads_to_the_desk_and_the_desk_is_a_page(quiet: TestClient) -> None:
    answer = quiet.get("/", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, "/app/")
    page = quiet.get("/app/")
    assert page.status_code == 200
    assert "/desk/review/review.js" in page.text
    assert "/desk/desk.css" in page.text


def test_every_answer_carries_the_security_headers(quiet: TestClient) -> None:
    for path in ("/", "/app/", "/healthz", "/status", "/nothing", "/app/gradio_api/upload", "/desk/review/review.js"):
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
    files = re.findall(r'"(/desk/[^"]+\?[^"]+)"', page.text)
    bundles = [f"/app{address}" for address in re.findall(r'"\.?(/assets/[^"]+-[\w-]+\.(?:js|css))"', page.text)]
    assert len(files) > 10
    assert bundles
    for address in files + bundles:
        answer = quiet.get(address)
        assert answer.status_code == 200, address
        assert "immutable" in answer.headers["cache-control"]
    # Without its fingerprint an address stays the same when the file changes.
    for address in ("/desk/page.js", "/desk/page.js?", "/desk/page.js?v=1"):
        assert quiet.get(address).headers["cache-control"] == "no-store", address
    for address in ("/desk/nothing.js?0123456789ab", "/app/assets/nothing-DiEEvXS6.js"):
        answer = quiet.get(address)
        assert (answer.status_code, "immutable" in answer.headers.get("cache-control", "")) == (404, False)


def test_the_import_map_comes_before_every_module_and_leads_each_import_to_a_fingerprint(quiet: TestClient) -> None:
    page = quiet.get("/app/").text
    scripts = re.findall(r"<(script nonce=\S+ type=\"(?:importmap|module)\"|link rel=\"modulepreload\")", page)
    assert "importmap" in scripts[0]
    led = json.loads(re.findall(r'type="importmap">([^<]*)<', page)[0])["imports"]
    names = {path.relative_to(FILES).as_posix() for path in FILES.rglob("*.js")}
    assert set(led) == {f"/desk/{name}" for name in names}
    assert all(re.fullmatch(re.escape(address) + r"\?[0-9a-f]{12}", to) for address, to in led.items())
    assert set(re.findall(r'"modulepreload" href="([^"]+)"', page)) == set(led.values())
    # Gradio's own script asks the browser for its language, so it runs after the one that answers English.
    starts = re.findall(r'type="module"[^>]* src="([^"]+)"', page)
    assert [re.split(r"[-?]", one)[0] for one in starts] == [
        "/desk/theme/appearance.js",
        "./assets/index",
        "/desk/page.js",
    ]


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


def test_health_is_told_while_every_thread_waits_for_something_else(app: FastAPI) -> None:
    async def ask() -> int:
        limit, stop = to_thread.current_default_thread_limiter(), threading.Event()
        waiting = [asyncio.ensure_future(run_in_threadpool(stop.wait, 60)) for _ in range(int(limit.total_tokens))]
        try:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
                return (await client.get("/healthz")).status_code
        finally:
            stop.set()
            await asyncio.gather(*waiting)

    assert asyncio.run(ask()) == 200


WRITES = (
    "/drafts",
    "/decisions",
    "/drafts/discard",
    "/import",
    "/import/preview",
    "/queue/plan",
    "/queue/act",
    "/queue/undo",
    "/queue/filters",
    "/queue/filters/drop",
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


def addresses(routes: Any) -> Iterator[tuple[str, set[str]]]:
    for route in routes:
        path = getattr(route, "path", None)
        if path is not None:
            yield path, getattr(route, "methods", None) or {"GET"}
        inner = getattr(route, "routes", None) or getattr(getattr(route, "original_router", None), "routes", None)
        if inner and path is None:
            yield from addresses(inner)


NEEDED = re.compile(
    r"/app/?$|/app/config/?$|/app/theme\.css$|/app/(assets|static|svelte)/|/app/gradio_api/(run/|info$|app_id$|login_check$)"
)


def test_of_gradios_routes_only_the_needed_ones_are_there(app: FastAPI, quiet: TestClient) -> None:
    mounted = next(route.app for route in app.routes if getattr(route, "path", "") == MOUNT)  # type: ignore[attr-defined]
    n_seen, open_ones = 0, []
    for path, methods in addresses(mounted.routes):
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
