"""Connections that ask for nothing: they are closed in time, and make room for those that do."""

from __future__ import annotations

import resource
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest
import uvicorn

from app.web import connections
from app.web.connections import Connection, allow_files
from tests.kit.desk.servers import free_port
from tests.kit.homes import wait_for


async def answer(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Of a server whose connections get half a second, and of which there may be four."""
    monkeypatch.setattr(connections, "HEAD_S", 0.5)
    monkeypatch.setattr(Connection, "most", 4)
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(answer, host="127.0.0.1", port=port, http=Connection, lifespan="off", log_config=None)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_for(lambda: server.started, "the server")
    yield port
    server.should_exit = True
    thread.join(10)


def begun(port: int, sent: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.sendall(sent)
    return connection


def until_closed(connection: socket.socket) -> bytes:
    """What came until the other side closed; a timeout fails."""
    said = b""
    try:
        while part := connection.recv(4096):
            said += part
    except ConnectionResetError:
        pass
    return said


@pytest.mark.parametrize("half", [b"", b"GET /login HT", b"GET / HTTP/1.1\r\nHost: here\r\nX-Slow: "])
def test_half_a_request_is_not_waited_for(port: int, half: bytes) -> None:
    with closing(begun(port, half)) as connection:
        assert until_closed(connection) == b""


def test_neither_is_the_half_of_a_second_request(port: int) -> None:
    whole = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
    with closing(begun(port, whole + whole + b"GET /")) as connection:
        assert until_closed(connection).count(b"200 OK") == 2


def test_nor_is_a_body_that_goes_on_after_the_answer(port: int) -> None:
    with closing(begun(port, b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 900\r\n\r\nx")) as connection:
        assert b"200 OK" in until_closed(connection)


def test_who_asks_is_answered_however_many_say_nothing(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_S", 60.0)
    silent = [begun(port, b"GET /login HT") for _ in range(12)]
    try:
        assert httpx.get(f"http://127.0.0.1:{port}/", timeout=30).text == "ok"
        until_closed(silent[0])  # the one that has waited longest
    finally:
        for connection in silent:
            connection.close()


def test_the_web_process_may_open_more_files_than_it_has_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {"now": (1024, 4096)}
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits["now"])
    monkeypatch.setattr(resource, "setrlimit", lambda _, wanted: limits.update(now=wanted))
    for before, after, most in [
        ((1024, 4096), (4096, 4096), 3584),
        ((1024, resource.RLIM_INFINITY), (16_384, resource.RLIM_INFINITY), 4096),
        ((256, 256), (256, 256), 128),
    ]:
        limits["now"] = before
        assert allow_files() == most
        assert limits["now"] == after
