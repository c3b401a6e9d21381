"""Offline: no process of the desk asks any other machine for anything, names included."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys

import pytest

from app.settings import EMBEDDED
from db.annotations import submit
from db.notes import next_note
from tests.homes import Home, wait_for, write_notes
from tests.test_supervisor import Served
from tests.tiny import tiny_rows, write_labelled

# Python imports this at every start. An audit hook sees each call, whichever library makes it and however it is named.
WITNESS = """
import os, sys

LOOPBACK = ("127.", "::1", "localhost")

def seen(event, arguments):
    if event in ("socket.getaddrinfo", "socket.gethostbyname"):
        place = str(arguments[0] or "localhost")
    elif event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        if not isinstance(address, tuple):
            return  # a Unix socket: this machine
        place = str(address[0])
    else:
        return
    if not place.startswith(LOOPBACK):
        line = f"{event} {place} {sys.argv[:3]}\\n"
        descriptor = os.open(os.environ["CASELOOP_WITNESS"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(descriptor, line.encode())
        os.close(descriptor)

sys.addaudithook(seen)
with open(os.environ["CASELOOP_WITNESS"] + ".started", "a") as file:
    file.write(" ".join(sys.orig_argv) + "\\n")
"""


@pytest.fixture
def watched(tmp_path):
    """A home whose processes are watched, with the embedded model where it is built."""
    (tmp_path / "witness").mkdir()
    (tmp_path / "witness" / "sitecustomize.py").write_text(WITNESS, encoding="utf-8")
    variables = {"PYTHONPATH": str(tmp_path / "witness"), "CASELOOP_WITNESS": str(tmp_path / "seen")}
    if not (EMBEDDED / "adapter" / "manifest.json").is_file():
        from tests.tiny import shared_tiny

        tiny = shared_tiny()
        variables |= {"CASELOOP_BASE": str(tiny.base), "CASELOOP_ADAPTER": str(tiny.adapter)}
    return Home(tmp_path / "home", variables)


def seen(home):
    path = home.path.parent / "seen"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def started(home):
    return (home.path.parent / "seen.started").read_text(encoding="utf-8")


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


def test_the_whole_loop_asks_nobody(watched, tmp_path):
    home = watched
    rows = tiny_rows(60)
    originals = write_labelled(tmp_path / "originals.jsonl", rows)
    home.ok("import", str(originals), "--original")
    home.ok("import", str(write_notes(tmp_path / "notes.jsonl", [row.text for row in tiny_rows(3, start=300)])))
    assert home.json("prefill")["n_done"] == 3
    with home.desk() as desk, desk.store.transaction() as session:
        note = next_note(session)
        submit(
            session,
            note_id=note,
            reviewer="ada",
            status="submitted",
            extraction=rows[0].extraction,
            seen_revision=0,
            token="token-1",
        )
    assert home.json("export", str(tmp_path / "out.jsonl"), "--with-provenance")["n_records"] == 1
    trained = home.run("train", "--max-steps", "2", "--activate-anyway", "a test", "--json")
    assert trained.returncode == 0, trained.stderr
    assert json.loads(home.ok("extract", "--json", given=rows[0].text))["adapter"] == "run-0001"
    home.ok("evaluate", "--data", str(originals), "--limit", "2")
    serve_once(home)
    ran = started(home)
    for part in ("prefill", "-m trainer train", "-m app.web", "export"):
        assert part in ran
    assert seen(home) == ""


def serve_once(home):
    """Serve until the desk has shown its page and the worker has loaded its model."""
    served = Served(home)
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
        wait_for(lambda: home.json("status")["worker"]["state"] == "idle", "the worker")
    finally:
        served.process.send_signal(signal.SIGTERM)
        served.stop()
