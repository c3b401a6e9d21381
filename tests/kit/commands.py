"""Commands in a tenth of a second: one process that has imported what they import forks for each of them.

`python -m tests.kit.commands SOCKET` listens there. Who connects sends one message, the module, its arguments,
environment and directory as JSON and three open files to be its standard ones, and gets the process's number, then its
exit code.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import logging
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO, NoReturn

from tests import STAND_IN
from tests.kit.forks import ONE_THREAD, n_threads, start

ROOT = Path(__file__).parents[2]
PATIENCE_S = 240
_MESSAGE = 1 << 18
_IMPORTED = (
    "app.cli.main",
    "app.worker.engines",
    "app.training.requests",
    "datasets",
    "db.migrations.applying",
    "pandas",
)
_IMPORTED += (
    "trainer.engine.local",
    "trainer.run.learning.loop",
    "trainer.model.loading",
    "transformers.models.llama.modeling_llama",
)
_THEIRS = ("HF_", "LC_", "LANG", "PYTHON", STAND_IN)
"""Variables that are read as Python starts or as a package is imported; a command with one of these starts anew."""


def can_be_forked(variables: Mapping[str, str]) -> bool:
    """Whether a command with these variables does in a fork what it does when it is started."""
    return not any(name.startswith(_THEIRS) for name in variables)


class Forked:
    """A command in a fork, as `subprocess.Popen` would show it; what it says is to be had once it has ended.

    Args:
        module: with a `main()`, such as `app.cli.main`.
        arguments: what follows on its command line.
        environ: its environment.
        given: what it reads from its standard input.
    """

    def __init__(
        self, module: str, arguments: Sequence[str], environ: Mapping[str, str], given: str | None = None
    ) -> None:
        self.returncode: int | None = None
        self._files = [TemporaryFile() for _ in range(3)]  # noqa: SIM115 - gone with this
        self._files[0].write((given or "").encode())
        self._files[0].seek(0)
        order = {"module": module, "arguments": arguments, "environ": dict(environ), "directory": str(Path.cwd())}
        self._starter = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._starter.connect(str(_listener()))
        files = [file.fileno() for file in self._files]
        socket.send_fds(self._starter, [json.dumps(order).encode()], files)
        self.pid = int(self._starter.recv(64))

    def wait(self, timeout: float | None = PATIENCE_S) -> int:
        """Its exit code, negative for the signal that ended it; `TimeoutError` if it takes longer."""
        if self.returncode is None:
            self._starter.settimeout(timeout)
            self.returncode = int(self._starter.recv(64))
            self._starter.close()
        return self.returncode

    def poll(self) -> int | None:
        """Its exit code, or None while it runs."""
        with suppress(BlockingIOError):
            return self.wait(0)
        return None

    def communicate(self, timeout: float = PATIENCE_S) -> tuple[str, str]:
        """Wait for its end; what it said on its standard output and error."""
        self.wait(timeout)
        said = []
        for file in self._files[1:]:
            file.seek(0)
            said.append(_lines(file.read()))
        return said[0], said[1]

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


def _lines(said: bytes) -> str:
    """As a pipe that is read as text gives it."""
    return said.decode().replace("\r\n", "\n").replace("\r", "\n")


@cache
def _listener() -> Path:
    """Where the one of this test process listens; it ends when this process does, since its stdin does."""
    folder = Path(tempfile.mkdtemp(prefix="caseloop-commands-"))
    place = folder / "socket"
    environ = os.environ | ONE_THREAD
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.kit.commands", str(place)],
        cwd=ROOT,
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"listening\n", "the starter of commands died"
    atexit.register(_end, process, folder)
    return place


def _end(process: subprocess.Popen[bytes], folder: Path) -> None:
    process.communicate()
    (folder / "socket").unlink(missing_ok=True)
    folder.rmdir()


def _import_everything() -> None:
    from app.core.settings import quiet_environment

    quiet_environment()
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # as `quiet_libraries` does before it is imported
    for name in _IMPORTED:
        importlib.import_module(name)
    _read_what_all_read()


def _read_what_all_read() -> None:
    """What is kept once it is read, and what SQLAlchemy makes at first use: a quarter of a short command's time."""
    from data.task import load_task
    from db.notes.queue.search import counts
    from tests.kit.desk.empty_stores import empty_store

    load_task()
    with (
        tempfile.TemporaryDirectory() as folder,
        empty_store(Path(folder) / "store.db") as store,
        store.reading() as session,
    ):
        counts(session)


class _Trainer:
    """What `subprocess.Popen` gives `app.processes.child.start_child`; `python -m trainer` runs in a fork of this
    process."""

    def __new__(cls, line: Sequence[str], **settings: Any) -> Any:
        if list(line[1:3]) != ["-m", "trainer"] or n_threads() > 1:
            return subprocess.Popen(line, **settings)
        return super().__new__(cls)

    def __init__(
        self,
        line: Sequence[str],
        *,
        stdin: int,
        stdout: BinaryIO,
        stderr: BinaryIO,
        env: Mapping[str, str],
        start_new_session: bool,
        pass_fds: Sequence[int],
        preexec_fn: Callable[[], None],
    ) -> None:
        assert (stdin, start_new_session) == (subprocess.DEVNULL, True)
        self.returncode: int | None = None

        def perform() -> None:
            os.setsid()
            preexec_fn()
            files = [os.open(os.devnull, os.O_RDONLY), stdout.fileno(), stderr.fileno()]
            _become("trainer.__main__", line[3:], env, files, pass_fds)

        self.pid = start(perform)

    def poll(self) -> int | None:
        return self.wait(os.WNOHANG)

    def wait(self, how: int = 0) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, how)
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode


class _Subprocess:
    """What `app.processes.child` finds as `subprocess` in a command that runs in a fork."""

    DEVNULL, Popen = subprocess.DEVNULL, _Trainer


def _become(
    module: str, arguments: Sequence[str], environ: Mapping[str, str], files: Sequence[int], kept: Sequence[int] = ()
) -> NoReturn:
    """Become what `python -m module` would be with these arguments, variables and standard files, and end."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, file in enumerate(files):
        os.dup2(file, number)
    for file in map(int, os.listdir("/proc/self/fd")):
        if file > 2 and file not in kept:
            with suppress(OSError):
                os.close(file)
    kinds = {"encoding": sys.stdout.encoding, "errors": sys.stdout.errors}
    sys.stdin, sys.stdout = os.fdopen(0, **kinds, closefd=False), os.fdopen(1, "w", **kinds, closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, encoding=sys.stdout.encoding, errors="backslashreplace", closefd=False)
    os.environ.clear()
    os.environ.update(environ)
    tempfile.tempdir = None  # chosen anew, as the environment says
    sys.argv = [module, *arguments]
    code = importlib.import_module(module).main()
    threading._shutdown()  # type: ignore[attr-defined] # as Python does at its end: waits, then tidies up
    atexit._run_exitfuncs()
    raise SystemExit(code)


def _fork(connection: socket.socket) -> int:
    """Start the command that a connection asks for; its number as a process."""
    message, files, _, _ = socket.recv_fds(connection, _MESSAGE, 3)
    import app.processes.child

    def perform() -> None:
        order = json.loads(message)
        os.chdir(order["directory"])
        app.processes.child.subprocess = _Subprocess  # type: ignore[assignment]
        _become(order["module"], order["arguments"], order["environ"], files)

    pid = start(perform)
    for file in files:
        os.close(file)
    connection.send(str(pid).encode())
    return pid


def main() -> int:
    """Fork as asked, until stdin ends."""
    _import_everything()
    gc.freeze()  # a child that collects garbage would copy all that its parent has imported
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(sys.argv[1])
    listener.listen()
    woken, wakes = socket.socketpair()
    for end in (woken, wakes):
        end.setblocking(False)
    signal.set_wakeup_fd(wakes.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)  # only with a handler does it wake
    running: dict[int, socket.socket] = {}
    events = selectors.DefaultSelector()
    for file in (0, listener, woken):
        events.register(file, selectors.EVENT_READ)
    os.write(1, b"listening\n")
    while True:
        for key, _ in events.select():
            if key.fd == 0:
                return 0
            if key.fd == listener.fileno():
                connection, _ = listener.accept()
                running[_fork(connection)] = connection
            else:
                woken.recv(_MESSAGE)
        for pid in list(running):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                with running.pop(pid) as connection, suppress(OSError):  # who asked may have had enough
                    connection.send(str(os.waitstatus_to_exitcode(status)).encode())


if __name__ == "__main__":
    raise SystemExit(main())
