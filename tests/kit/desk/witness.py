"""A witness of every connection and every name looked up by the processes of a home."""

from __future__ import annotations

from pathlib import Path

from tests.kit.homes import Home

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


def watch(place: Path) -> dict[str, str]:
    """Variables under which every Python process writes down whom it asks, in files of `place`."""
    (place / "witness").mkdir()
    (place / "witness" / "sitecustomize.py").write_text(WITNESS, encoding="utf-8")
    return {"PYTHONPATH": str(place / "witness"), "CASELOOP_WITNESS": str(place / "seen")}


def seen(home: Home) -> str:
    """What was asked of other machines, a line each; the home lies beside the witness."""
    path = home.path.parent / "seen"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def started(home: Home) -> str:
    """The command lines that were watched."""
    return (home.path.parent / "seen.started").read_text(encoding="utf-8")
