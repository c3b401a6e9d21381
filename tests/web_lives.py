"""Real web processes that start in a second: one process imports the desk and forks a server for every life.

`python -m tests.web_lives HOME PORT` reads orders from stdin, one a line, and answers each on stdout:

    program  starts `python -m app.web`, as the supervisor does
    fork     runs `app.web.main` in a fork, all of it; what it saves is importing everything anew
    bare     the same without Gradio's screens: the same `create_app`, but for the one call that mounts them
    kill     sends SIGKILL and says with which code the server ended
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from app import web
from app.settings import quiet_environment
from tests.forks import ONE_THREAD, Child, fork

ROOT = Path(__file__).parent.parent


class Lives:
    """The starter, seen from outside. It does what it is told before it answers."""

    def __init__(self, home: Path, port: int) -> None:
        """Start it; it has imported everything once the first order is answered."""
        environ = os.environ | ONE_THREAD
        line = [sys.executable, "-m", "tests.web_lives", str(home), str(port)]
        self._process = subprocess.Popen(
            line, cwd=ROOT, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(self, how: str = "fork") -> None:
        """Start a server: `program`, `fork` or `bare`."""
        self._order(how)

    def kill(self) -> int:
        """SIGKILL the server; the exit code with which it ended, -9 unless it had ended before."""
        return int(self._order("kill"))

    def close(self) -> None:
        """End the starter and a server that is left."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _order(self, word: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the starter of servers died"
        return answer.strip()


def _import_everything() -> None:
    """Make a desk once, which imports what is imported late; forks that import nothing start in a fifth of the time."""
    import uvicorn

    from app.desk import open_desk

    kept = os.environ.get("CASELOOP_HOME")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CASELOOP_HOME"] = folder
        with open_desk("web") as desk:
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

        import app.ui.desk

        app.ui.desk.build_desk = gradio.mount_gradio_app = lambda *_, **__: None  # type: ignore[assignment]
    code = web.main(arguments)
    assert code == 0, f"the server ended with {code}"


def main() -> int:
    """Start and kill servers as told."""
    home, port = sys.argv[1:]
    arguments = ["--home", home, "--port", port]
    quiet_environment()
    _import_everything()
    server: Child | subprocess.Popen[bytes] | None = None
    for order in sys.stdin:
        code = 0
        word = order.strip()
        if word in ("fork", "bare"):
            server = fork(partial(_be_server, arguments, is_bare=word == "bare"))
        elif word == "program":
            server = subprocess.Popen([sys.executable, "-m", "app.web", *arguments], stdout=subprocess.DEVNULL)
        elif server is not None:
            code, server = _kill(server), None
        print(code, flush=True)
    if server is not None:
        _kill(server)
    return 0


def _kill(server: Child | subprocess.Popen[bytes]) -> int:
    server.kill()
    return server.end().code if isinstance(server, Child) else server.wait()


if __name__ == "__main__":
    raise SystemExit(main())
