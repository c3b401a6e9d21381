"""Whether a process is still there and at work: asked now and then, never waited for.

Time counts only as far as this process was awake for it: after it was itself stopped, or the machine slept, nobody is
blamed for what was not heard meanwhile.
"""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections.abc import Callable
from pathlib import Path

EVERY_S = 5.0
_LONGEST_LOOK_S = 1.0
_REQUEST = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what is listened on, and where it is reached


class Silence:
    """How long nothing was heard of something that is looked at again and again.

    Attributes:
        lasted_s: since something was heard, in seconds that were looked at.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._looked = clock, clock()
        self.lasted_s = 0.0

    def look(self, *, is_heard: bool) -> float:
        """Take note of what was heard just now; how long the silence lasts."""
        now = self._clock()
        self.lasted_s = 0.0 if is_heard else self.lasted_s + min(now - self._looked, _LONGEST_LOOK_S)
        self._looked = now
        return self.lasted_s


class Pulse:
    """Asks a web process whether it is well, without waiting for the answer.

    Attributes:
        silence: how long it has not answered; any answer ends it.
        has_answered: whether it has since it was started.
        is_well: whether the last answer said so.
    """

    def __init__(self, host: str, port: int) -> None:
        self._place = (reachable_host(host), port)
        self._socket: socket.socket | None = None
        self._is_sent = False
        self._asked = 0.0
        self.begin()

    def begin(self) -> None:
        """Forget the process before: another was started."""
        self._hang_up()
        self._asked = 0.0
        self.silence, self.has_answered, self.is_well = Silence(), False, False

    def look(self) -> None:
        """Ask, if it is time to, or see whether an answer is there."""
        if self._socket is not None:
            self.silence.look(is_heard=self._hear())
            return
        is_quiet = self.has_answered and time.monotonic() - self._asked < EVERY_S
        if not is_quiet:
            self._ask()
        # While nothing is asked there is nothing to hear.
        self.silence.look(is_heard=is_quiet and not self.silence.lasted_s)

    def _ask(self) -> None:
        self._asked, self._is_sent = time.monotonic(), False
        try:
            family, kind, _, _, address = socket.getaddrinfo(*self._place, type=socket.SOCK_STREAM)[0]
            self._socket = socket.socket(family, kind)
            self._socket.setblocking(False)
            self._socket.connect_ex(address)
        except OSError:
            self._hang_up()

    def _hear(self) -> bool:
        """Whether an answer came."""
        assert self._socket is not None
        try:
            if not self._is_sent:
                if not select.select([], [self._socket], [], 0)[1]:
                    return False
                self._socket.send(_REQUEST)
                self._is_sent = True
            if not select.select([self._socket], [], [], 0)[0]:
                return False
            said = self._socket.recv(4096)
        except OSError:  # it is not there yet, or it has just ended
            said = b""
        self._hang_up()
        is_answer = said.startswith(b"HTTP/1.")
        if is_answer:
            self.has_answered, self.is_well = True, said.split(b" ", 2)[1:2] == [b"200"]
        return is_answer

    def _hang_up(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def reachable_host(host: str) -> str:
    """The address to reach a server at that listens on `host`."""
    return _EVERYWHERE.get(host, host)


def is_suspended(pid: int) -> bool:
    """Whether a process was stopped by a signal and not let go on; False where the system does not say."""
    with contextlib.suppress(OSError, IndexError):
        said = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return said.rpartition(")")[2].split()[0] == "T"
    return False
