"""What may be sent: no more than a page sends, and to Gradio nothing that it would take for a file or an address."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.access import bodies
from app.access.bodies import MAX_FORM_BYTES, MAX_JSON_BYTES
from db.store.store import Store
from tests.app.access.test_guard import WRITES
from tests.kit.desk.desk_web import NOTE, app, form, quiet, quiet_store

__all__ = ["app", "quiet", "quiet_store"]

RUN = "/app/gradio_api/run/predict"
JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}


def file_data(place: str) -> dict[str, Any]:
    return {"path": place, "meta": {"_type": "gradio.FileData"}}


def run(client: TestClient, data: Any, **more: Any) -> Any:
    return client.post(RUN, json={"fn_index": 0, "data": data, "session_hash": "s", **more})


@pytest.fixture
def a_file(tmp_path: Path) -> Path:
    """Which nobody has sent to the desk; that it is read shows in the home."""
    place = tmp_path / "a-private-file.txt"
    place.write_text("nobody's business", encoding="utf-8")
    return place


@pytest.fixture
def copied(quiet_store: Store) -> Iterator[list[Path]]:
    """Filled after the test: what stands in the place where Gradio copies files to."""
    found: list[Path] = []
    yield found
    found += [path for path in (quiet_store.path.parent / "tmp").rglob("*") if path.is_file()]
    assert found == []


def test_a_file_is_refused_wherever_it_stands(quiet: TestClient, a_file: Path, copied: list[Path]) -> None:
    pipe = a_file.with_name("pipe")
    os.mkfifo(pipe)  # whoever opened it would wait for ever
    for place in (str(a_file), "/dev/zero", str(pipe), "http://127.0.0.1:9/x", f"file://{a_file}", "/nowhere"):
        one = file_data(place)
        placed = [[one], [[[one]]], [{"a": {"b": [one]}}], [{"value": one}], [None, "x", {"image": one}]]
        placed += [[{**one, "url": place}], [{"path": place}], [{"url": place}], [{"meta": one["meta"], "name": place}]]
        for data in placed:
            answer = run(quiet, data)
            assert answer.status_code == 422, data
            assert "Files cannot be sent here" in answer.json()["detail"]
            assert place not in answer.text
        assert run(quiet, [], event_data=one).status_code == 422
        assert run(quiet, [], trigger_id=one).status_code == 422


@pytest.mark.parametrize(
    "sent",
    [
        '{"fn_index":0,"data":[{"p\\u0061th":"%s","met\\u0061":{"_typ\\u0065":"gr\\u0061dio.FileD\\u0061ta"}}]}',
        '{"fn_index":0,"data":[],"data":[{"path":"%s","meta":{"_type":"gradio.FileData"}}]}',
        '{"fn_index":0,"data":[{"path":1,"path":"%s","meta":0,"meta":{"_type":"gradio.FileData"}}]}',
        '{"fn_index":0,"data":[{"x":NaN,"y":"%s"}]}',
        '{"fn_index":0,"data":[' + 5000 * "9" + ',"%s"]}',
        '{"fn_index":0,"data":' + 100 * "[" + '"%s"' + 100 * "]" + "}",
        '{"fn_index":0,"data":' + 100_000 * "[" + '"%s"' + 100_000 * "]" + "}",
        '\ufeff{"fn_index":0,"data":["%s"]}',
        '{"fn_index":0,"data":["%s"',
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(
    quiet: TestClient, a_file: Path, copied: list[Path], sent: str
) -> None:
    answer = quiet.post(RUN, content=(sent % a_file).encode(), headers=JSON)
    assert answer.status_code in (400, 422)
    assert answer.json()["detail"].startswith(("The request is not", "The JSON is nested", "Files cannot be sent"))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-16-le"])
def test_another_encoding_is_refused(quiet: TestClient, a_file: Path, copied: list[Path], encoding: str) -> None:
    sent = json.dumps({"fn_index": 0, "data": [file_data(str(a_file))]}).encode(encoding)
    assert quiet.post(RUN, content=sent, headers=JSON).status_code == 400


def test_gradio_itself_takes_no_file_that_nobody_sent(app: FastAPI, quiet: TestClient, monkeypatch: Any) -> None:
    """The second wall, for a form of file that the first does not know."""
    monkeypatch.setattr(bodies, "_OF_FILES", frozenset())
    for place in ("/dev/zero", __file__):
        assert run(quiet, [file_data(place)] * 3).status_code == 500


def test_what_the_page_sends_goes_through(quiet: TestClient) -> None:
    assert run(quiet, []).status_code != 422
    deep: Any = "x"
    for _ in range(20):
        deep = [deep]
    assert run(quiet, [deep, {"label": "path", "values": ["meta", "url"]}]).status_code not in (400, 422)


# ---------------------------------------------------------------- how much


def pieces(n_bytes: int, first: bytes = b"") -> Iterator[bytes]:
    """So many bytes of unknown length, as a stream."""
    yield first
    for _ in range(n_bytes >> 14):
        yield b" " * (1 << 14)


@pytest.mark.parametrize("path", [path for path in WRITES if "/import" not in path and "queue/join" not in path])
def test_more_than_a_page_sends_is_refused_on_every_route(quiet: TestClient, path: str) -> None:
    said = quiet.post(path, content=b" " * (MAX_JSON_BYTES + 1), headers=JSON)
    streamed = quiet.post(path, content=pieces(2 * MAX_JSON_BYTES), headers=JSON)
    assert (said.status_code, streamed.status_code) == (413, 413)
    assert "1,024 KiB" in said.json()["detail"]


def test_a_form_is_short_and_a_form(quiet: TestClient) -> None:
    for path in ("/login", "/password"):
        assert quiet.post(path, content=b"x" * (MAX_FORM_BYTES + 1), headers=FORM).status_code == 413
        assert quiet.post(path, content=pieces(4 * MAX_FORM_BYTES, b"name="), headers=FORM).status_code == 413
        assert quiet.post(path, files={"name": ("x", b"a spooled file")}).status_code == 415
        assert quiet.post(path, json={"name": "kim"}).status_code == 415


def asked(app: FastAPI, path: str, *parts: bytes, **headers: str) -> int:
    """The status that is answered to a request whose sender falls silent after some parts."""
    waiting, answers = list(parts), []

    async def receive() -> Any:
        if not waiting:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": waiting.pop(0), "more_body": True}

    async def send(message: Any) -> None:
        answers.append(message)

    named = {"host": "127.0.0.1", "content-type": "application/json", **headers}
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b""}
    scope |= {"headers": [(name.encode(), value.encode()) for name, value in named.items()], "scheme": "http"}
    asyncio.run(app({**scope, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 1)}, receive, send))
    return int(answers[0]["status"])


def test_nobody_is_waited_for_for_ever(app: FastAPI, quiet_store: Store, monkeypatch: Any) -> None:
    monkeypatch.setattr(bodies, "WHOLE_S", 0.01)
    monkeypatch.setattr(bodies, "SILENCE_S", 0.01)
    assert asked(app, "/drafts", b"{") == 408
    assert asked(app, "/login", **FORM) == 408
    assert asked(app, "/import", b'{"text":', **{"x-file-name": "a.jsonl"}) == 408
    assert list((quiet_store.path.parent / "tmp").glob("import-*")) == []


def test_a_body_of_the_usual_size_is_read_by_who_gets_it(quiet: TestClient, quiet_store: Store) -> None:
    answer = quiet.post("/drafts", json={**form(quiet_store, NOTE), "comment": "x" * 200_000})
    assert answer.status_code == 422  # by the route itself, which has read it
    assert "comment" in answer.json()["detail"]
