"""Real web processes that start in a second: one process imports the desk and forks a server for every life.

`python -m tests.kit.desk.web_lives` reads orders from stdin, one a line, and answers each on stdout:

    program HOME PORT  starts `python -m app.web.application`, as the supervisor does, and gives its number
    fork HOME PORT     runs `app.web.application.main` in a fork, all of it; what it saves is importing everything anew
    bare HOME PORT     the same without Gradio's screens: the same `create_app`, but for the one call that mounts them
    kill NUMBER        sends SIGKILL and gives the code with which the server ended
    ended NUMBER       gives that code if it has ended by itself, or "no"
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import tempfile
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace

from app.core.settings import quiet_environment
from app.web import application as web
from tests.kit.forks import ONE_THREAD, Child, fork

ROOT = Path(__file__).parents[3]
Server = Child | subprocess.Popen[bytes]


class Starter:
    """The starter, seen from outside. It does what it is told before it answers, and takes its servers with it."""

    def __init__(self) -> None:
        """Start it; it has imported everything once the first order is answered."""
        environ = os.environ | ONE_THREAD
        line = [sys.executable, "-m", "tests.kit.desk.web_lives"]
        self._process = subprocess.Popen(
            line, cwd=ROOT, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(self, home: Path, port: int, how: str = "fork") -> int:
        """Start a server, `program`, `fork` or `bare`; its number as a process."""
        return int(self._order(f"{how} {home.absolute()} {port}"))

    def kill(self, number: int) -> int:
        """SIGKILL a server; the exit code with which it ended, -9 unless it had ended before."""
        return int(self._order(f"kill {number}"))

    def has_ended(self, number: int) -> bool:
        """Whether a server has ended by itself."""
        return self._order(f"ended {number}") != "no"

    def close(self) -> None:
        """End the starter and the servers that are left."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _order(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the starter of servers died"
        return answer.strip()


@cache
def starter() -> Starter:
    """The one of this test process; it ends when this process does, since its stdin does."""
    return Starter()


def _import_everything() -> None:
    """Make a desk once, which imports what is imported late; forks that import nothing start in a fifth of the time."""
    import uvicorn

    from app.core.desk import open_desk

    kept = os.environ.get("CASELOOP_HOME")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CASELOOP_HOME"] = folder
        with open_desk("web", may_begin=True) as desk:
            uvicorn.Config(web.create_app(desk.store, desk.settings), log_config=None).load()
    logging.getLogger().handlers.clear()
    if kept is None:
        del os.environ["CASELOOP_HOME"]
    else:
        os.environ["CASELOOP_HOME"] = kept


def _be_server(arguments: list[str], _: int, *, is_bare: bool) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)  # or a server would hold the pipes by which its starter is told to end
    os.dup2(nothing, 1)
    if is_bare:
        import gradio

        import app.screens.page

        gradio.mount_gradio_app = lambda *_, **__: None  # type: ignore[assignment]
        app.screens.page.build_desk = lambda *_: SimpleNamespace()  # type: ignore[assignment,return-value]
    code = web.main(arguments)
    assert code == 0, f"the server ended with {code}"


def main() -> int:
    """Start and kill servers as told."""
    quiet_environment()
    _import_everything()
    servers: dict[int, Server] = {}
    for order in sys.stdin:
        word, *rest = order.strip().split(" ", 1)
        if word in ("kill", "ended"):
            print(_end(servers, int(rest[0]), by_force=word == "kill"), flush=True)
            continue
        home, port = rest[0].rsplit(" ", 1)
        server = _start(word, ["--home", home, "--port", port])
        servers[server.pid] = server
        print(server.pid, flush=True)
    for number in list(servers):
        _end(servers, number, by_force=True)
    return 0


def _start(how: str, arguments: list[str]) -> Server:
    if how == "program":
        return subprocess.Popen([sys.executable, "-m", "app.web.application", *arguments], stdout=subprocess.DEVNULL)
    return fork(partial(_be_server, arguments, is_bare=how == "bare"))


def _end(servers: dict[int, Server], number: int, *, by_force: bool) -> int | str:
    """The exit code of a server that has ended or is killed; "no" for one that goes on."""
    server = servers[number]
    has_ended = server.has_ended() if isinstance(server, Child) else server.poll() is not None
    if not has_ended and not by_force:
        return "no"
    if not has_ended:
        server.kill()
    del servers[number]
    return server.end().code if isinstance(server, Child) else server.wait()


if __name__ == "__main__":
    raise SystemExit(main())
