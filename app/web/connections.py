"""Connections to the web process: how many there may be, and how long one may stay without asking for anything.

uvicorn lets a connection that sends half a request stay for ever, and takes as many as there are; a thousand of them
and nobody else gets in. Here one that has not sent the head of a request in time is closed, and where there are too
many, the one that has waited longest makes room for the newest.
"""

from __future__ import annotations

import asyncio
import resource
from typing import Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S = 15.0
"""What a connection gets to send the head of a request, from its beginning or from the end of the answer before."""
MAX_CONNECTIONS = 4096
SPARE_FILES = 512
"""Open files that are the store's, the imports' and the logs'."""
_MOST_FILES = 16_384


def allow_files() -> int:
    """Let this process open as many files as it may, within reason; how many connections leave enough of them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    n_files = _MOST_FILES if soft == resource.RLIM_INFINITY else soft
    return min(MAX_CONNECTIONS, max(n_files - SPARE_FILES, n_files // 2))


class Connection(H11Protocol):
    """One connection, as uvicorn treats it, with an end to its waiting."""

    most = MAX_CONNECTIONS
    _waiting: ClassVar[dict[Connection, None]] = {}  # for the head of a request, the longest first

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request; where there are too many others, the one that has waited longest goes."""
        super().connection_made(transport)
        self._wait()
        if len(self.connections) > self.most:
            longest = self._longest_waiting()
            longest._stop_timer()
            longest.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the waiting."""
        self._stop_timer()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """See uvicorn; the head of a request ends the waiting."""
        before = self.cycle
        super().handle_events()
        if self.cycle is not before and not self.cycle.response_complete:
            self._stop_timer()

    def on_response_complete(self) -> None:
        """See uvicorn; the next request is waited for, unless it is here already."""
        super().on_response_complete()
        if self.cycle.response_complete and not self.transport.is_closing():
            self._wait()

    def _longest_waiting(self) -> Connection:
        """The connection that has waited longest; this one only if no other waits, nor is in the middle of sending."""
        longest = next(iter(self._waiting))
        if longest is not self:
            return longest
        sending = (one for one in self.connections if isinstance(one, Connection) and one.cycle and one.cycle.more_body)
        return next(sending, self)

    def _wait(self) -> None:
        self._stop_timer()
        self._waiting[self] = None
        self._end = self.loop.call_later(HEAD_S, self._give_up)

    def _give_up(self) -> None:
        """Close it; whoever does not take what is left to send gets no longer than it had."""
        self.transport.close()
        self._end = self.loop.call_later(HEAD_S, self.transport.abort)

    def _stop_timer(self) -> None:
        self._waiting.pop(self, None)
        if self._end is not None:
            self._end.cancel()
            self._end = None
