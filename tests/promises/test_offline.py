"""Offline: no process of the desk asks any other machine for anything, names included.

The loop at a terminal is watched in `test_privacy.py`, which goes through it anyway; here the desk is served.
"""

from __future__ import annotations

import http.client
import signal
import subprocess
import sys

import pytest

from tests.app.worker.test_supervisor import Served
from tests.kit.desk.witness import seen, started, watch
from tests.kit.homes import Home, wait_for, write_notes
from tests.kit.tiny import shared_tiny, tiny_rows


@pytest.fixture
def watched(tmp_path):
    """A home whose processes are watched."""
    tiny = shared_tiny()
    return Home(
        tmp_path / "home", {**watch(tmp_path), "CASELOOP_BASE": str(tiny.base), "CASELOOP_ADAPTER": str(tiny.adapter)}
    )


@pytest.mark.parametrize(
    "attempt",
    [
        "import socket; socket.create_connection(('192.0.2.1', 9), timeout=0.05)",
        "import socket; socket.getaddrinfo('caseloop.invalid', 80)",
        "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 9))",
        "import urllib.request; urllib.request.urlopen('http://caseloop.invalid/', timeout=0.05)",
    ],
)
def test_the_witness_sees_an_attempt(watched, attempt):
    subprocess.run([sys.executable, "-c", attempt], env=watched.environ, capture_output=True, check=False)
    assert seen(watched)


def test_serving_asks_nobody(watched, tmp_path):
    """Serve until the desk has shown its page and the worker has filled every note."""
    watched.ok("import", str(write_notes(tmp_path / "notes.jsonl", [row.text for row in tiny_rows(3, start=300)])))
    served = Served(watched)
    try:
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
        connection.request("GET", "/")
        place = connection.getresponse().getheader("location")
        connection.close()
        connection.request("GET", place)
        answer = connection.getresponse()
        page = answer.read().decode()
        connection.close()
        assert answer.status == 200, page[:200]
        wait_for(lambda: watched.json("status")["worker"]["state"] == "idle", "the worker")
    finally:
        served.process.send_signal(signal.SIGTERM)
        served.stop()
    ran = started(watched)
    assert "prefill" in ran
    assert "-m app.web" in ran
    assert seen(watched) == ""
