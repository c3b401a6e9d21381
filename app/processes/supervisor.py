"""`caseloop serve`: keeps the web process, the pre-fill worker and, while one is asked for, a training run going.

The supervisor holds no request and no model. It starts children, restarts those that die, and stops all of them when
it is told to; they meet in the store only, so each may be killed at any moment.
"""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import logging
import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen

from app.core.errors import DeskError, InputError
from app.core.settings import Settings
from app.core.vanished import EXPECTED, LOCK
from app.processes.child import start_child, stop_child
from app.processes.pulse import Pulse, Silence, is_suspended, reachable_host
from db.schema.errors import StoreError, StoreGone
from db.store.store import Store

LOOPBACK = ("127.0.0.1", "localhost", "::1")
TRAINING_NICENESS = 10
WORKER_NICENESS = 5
SAVING_S = 30.0
"""What a training run gets to save a checkpoint; the worker and the web process have nothing to save."""
TICK_S = 0.25
LOOK_FOR_RUNS_S = 1.0
LOOK_FOR_STORE_S = 2.0
LONGEST_START_S = 300.0
"""What the web process may take until it answers first, on a busy machine or with a large store."""
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
STEADY_S = 20.0
MAX_STARTS = 3
"""A run that still waits after so many starts ends before it can say why; its log knows."""

_log = logging.getLogger(__name__)


@dataclass
class Child:
    """A process that is kept alive.

    Attributes:
        name: of its log file.
        module: what `python -m` runs.
        arguments: what follows.
        niceness: added to the supervisor's.
        environ: what is added to the supervisor's.
        popen: the running process, None between two of them.
        n_deaths: deaths in a row, each within `STEADY_S` of its start.
    """

    name: str
    module: str
    arguments: Sequence[str]
    log: Path
    niceness: int = 0
    popen: Popen[bytes] | None = field(default=None, init=False)
    n_deaths: int = field(default=0, init=False)
    environ: Mapping[str, str] = field(default_factory=dict)
    started: float = field(default=0.0, init=False)
    not_before: float = field(default=0.0, init=False)

    def keep_alive(self) -> None:
        """Start the process if it is not running and its pause is over."""
        if self.popen is not None and self.popen.poll() is not None:
            self._note_death(self.popen)
        if self.popen is None and time.monotonic() >= self.not_before:
            environ = {**os.environ, **self.environ}
            self.popen = start_child(self.module, self.arguments, log=self.log, niceness=self.niceness, environ=environ)
            self.started = time.monotonic()
            _log.info("started %s as %d", self.name, self.popen.pid)

    def stop(self, grace_s: float = 10.0) -> None:
        """End the process and its group."""
        if self.popen is not None:
            code = stop_child(self.popen, grace_s=grace_s)
            _log.info("stopped %s, exit code %d", self.name, code)
            self.popen = None
        self.n_deaths, self.not_before = 0, 0.0

    def give_up(self) -> None:
        """End a process that does nothing any more, not even end when it is asked to; it is started again."""
        if self.popen is not None:
            self._note_death(self.popen)

    def _note_death(self, popen: Popen[bytes]) -> None:
        stop_child(popen, grace_s=0)  # what is left of its group
        lived_s = time.monotonic() - self.started
        self.n_deaths = 1 if lived_s >= STEADY_S else self.n_deaths + 1
        # The first restart is at once: a reviewer is waiting. A process that dies at every start must not spin.
        pause_s = 0.0 if self.n_deaths == 1 else min(FIRST_PAUSE_S * 2 ** (self.n_deaths - 2), LONGEST_PAUSE_S)
        self.not_before = time.monotonic() + pause_s
        self.popen = None
        _log.warning("%s ended with %d after %.0f s, again in %.1f s", self.name, popen.returncode, lived_s, pause_s)


def is_private(host: str, public_url: str = "") -> bool:
    """Whether only this machine reaches a desk that listens on `host`; a proxy leads others to it."""
    return host in LOOPBACK and not public_url


def check_host(host: str, *, has_sign_in: bool, public_url: str = "") -> None:
    """Refuse an address that other machines could reach as long as nobody has to sign in.

    Raises:
        InputError: `host` is not this machine's own, or none at all, or a proxy leads to it.
    """
    if not host:
        raise InputError(f"The address to listen on is empty. For this machine alone: {LOOPBACK[0]}.")
    if not has_sign_in and not is_private(host, public_url):
        place = f"listens on {host}" if host not in LOOPBACK else f"is reached at {public_url}"
        raise InputError(
            f"The desk {place}, but nobody can sign in yet: anyone who reached it "
            "could read and change every note. Add an admin: caseloop reviewers add NAME --role admin. Or listen on "
            f"{LOOPBACK[0]} and use a tunnel: ssh -L 7860:127.0.0.1:7860 user@this-machine."
        )


def check_port(host: str, port: int) -> None:
    """Refuse a port that something else uses, before anything is started.

    Raises:
        InputError: the port cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            found = getattr(error, "strerror", None) or "no such port"
            raise InputError(
                f"Cannot listen on port {port} of {host}: {found}. "
                f"Stop what uses it, or choose another: caseloop serve --port {min(port + 1, 65535)}."
            ) from error


@contextlib.contextmanager
def serving_lock(home: Path) -> Iterator[None]:
    """Hold the right to serve `home`; it ends with this process, however that ends.

    Raises:
        DeskError: another `caseloop serve` holds it.
    """
    with (home / LOCK).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DeskError(
                f"{home} is already served by another caseloop serve. "
                "Stop that one, or set CASELOOP_HOME to another directory."
            ) from error
        yield


class Supervisor:
    """The children of one desk."""

    def __init__(
        self,
        settings: Settings,
        *,
        host: str,
        port: int,
        next_run: Callable[[], int | None],
        has_gpu: bool = False,
        store: Store | None = None,
        report: Callable[[str], None] = lambda what: None,
    ) -> None:
        """Plan the children; nothing is started yet.

        Args:
            settings: of the desk.
            host: address that the web process listens on; see `check_host`.
            port: its port.
            next_run: the id of a training run that waits to be performed, or None.
            has_gpu: one GPU cannot hold the model of the worker and a training at once: the worker pauses meanwhile.
            store: which has to stay where it is, for all of them; None where nobody looks.
            report: told the name of a process that was started again because it did nothing any more.
        """
        logs = settings.logs
        web = ("--home", str(settings.home), "--host", host, "--port", str(port))
        self.host, self.port, self.has_gpu = host, port, has_gpu
        self.web = Child("web", "app.web.application", web, logs / "web.out")
        self.worker = Child("worker", "app.cli.main", ("prefill", "--watch"), logs / "worker.out", WORKER_NICENESS)
        self.training: Child | None = None
        self._logs = logs
        self._next_run = next_run
        self._store = store
        for child in (self.web, self.worker):
            child.environ = self._environ
        self._report = report
        self._hang_s = settings.hang_s
        self._pulse, self._rest = Pulse(host, port), Silence()
        self._watched: Popen[bytes] | None = None
        self._looked = self._looked_for_store = 0.0
        self._is_store_away = False
        self._n_starts: Counter[int] = Counter()
        self._stop = threading.Event()

    def stop(self) -> None:
        """Make `run` return; safe to call from a signal handler."""
        self._stop.set()

    def run(self, on_ready: Callable[[], None]) -> None:
        """Keep the children going until `stop`; then end them all.

        Args:
            on_ready: called once, when the web process answers.

        Raises:
            DeskError: the web process does not start.
            StoreGone: the store was taken away.
        """
        is_ready = False
        try:
            while not self._stop.is_set():
                self.tick()
                if not is_ready and self._pulse.is_well:
                    is_ready = True
                    on_ready()
                if not is_ready and self.web.n_deaths >= MAX_STARTS:
                    raise DeskError(f"The desk failed to start {self.web.n_deaths} times. {self.web.log} says why.")
                self._stop.wait(TICK_S)
        finally:
            self.stop_children()

    def tick(self) -> None:
        """Look at the store and at every child once.

        Raises:
            StoreGone: the store was taken away.
        """
        self._look_for_store()
        self._replace_hung()
        self.web.keep_alive()
        self._tend_training()
        if self.training is not None and self.has_gpu:
            self.worker.stop()
        else:
            self.worker.keep_alive()

    def stop_children(self) -> None:
        """End every child, the one that takes longest to save its work first."""
        if self.training is not None:
            self.training.stop(grace_s=SAVING_S)
        self.worker.stop()
        self.web.stop()
        self.training = None

    @property
    def _environ(self) -> dict[str, str]:
        """What tells a child which store it has to find."""
        return {EXPECTED: self._store.identity} if self._store else {}

    def _look_for_store(self) -> None:
        if self._store is None or time.monotonic() - self._looked_for_store < LOOK_FOR_STORE_S:
            return
        self._looked_for_store = time.monotonic()
        try:
            self._store.require_there()
            self._is_store_away = False
        except StoreGone as error:
            _log.error("%s", error)
            raise
        except StoreError as error:  # a server that is away for a while
            if not self._is_store_away:
                _log.warning("the store cannot be asked: %s", error)
            self._is_store_away = True

    def _replace_hung(self) -> None:
        """Make a web process end that has not answered for long, or a worker that was suspended, and start another."""
        web, worker = self.web.popen, self.worker.popen
        if web is not self._watched:
            self._watched = web
            self._pulse.begin()
        if web is not None:
            self._pulse.look()
            limit_s = self._hang_s if self._pulse.has_answered else max(self._hang_s, LONGEST_START_S)
            if self._pulse.silence.lasted_s >= limit_s:
                self._replace(self.web, f"has not answered for {limit_s:.0f} s")
        rested_s = self._rest.look(is_heard=worker is None or not is_suspended(worker.pid))
        if rested_s >= self._hang_s:
            self._replace(self.worker, f"was suspended for {rested_s:.0f} s")

    def _replace(self, child: Child, because: str) -> None:
        _log.error("%s %s: it is killed and started again", child.name, because)
        child.give_up()
        self._report(f"{child.name} {because}")

    def _tend_training(self) -> None:
        if self.training is not None:
            popen = self.training.popen
            if popen is not None and popen.poll() is None:
                return
            self.training.stop(grace_s=0)
            self.training = None
        if time.monotonic() - self._looked < LOOK_FOR_RUNS_S:
            return
        self._looked = time.monotonic()
        run_id = self._next_run()
        if run_id is not None and self._n_starts[run_id] < MAX_STARTS:
            self._n_starts[run_id] += 1
            arguments = ("train", "--resume", str(run_id))
            self.training = Child("training", "app.cli.main", arguments, self._logs / "training.out", TRAINING_NICENESS)
            self.training.environ = self._environ
            if self.has_gpu:
                self.worker.stop()
            self.training.keep_alive()


def stop_on_signals(supervisor: Supervisor) -> None:
    """End the desk on SIGTERM, SIGINT and SIGHUP."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup asks to live on
            signal.signal(number, lambda *_: supervisor.stop())


def is_healthy(host: str, port: int) -> bool:
    """Whether the web process says that it is healthy."""
    connection = http.client.HTTPConnection(reachable_host(host), port, timeout=2)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def has_gpu() -> bool:
    """Whether this machine has an NVIDIA GPU; asked of the system, because asking torch would load it."""
    return os.environ.get("CUDA_VISIBLE_DEVICES", "unset") not in ("", "-1") and Path("/dev/nvidiactl").exists()
