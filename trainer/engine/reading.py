"""How far an engine has read a note that takes long: told to whoever waits for it, seldom."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from contextlib import contextmanager

from data.suggestion import Suggestion
from trainer.engine.api import Request, Suggester

LONG_S = 2.0
"""Nothing is told of a note that takes no longer."""
EVERY_S = 1.0
"""What is told is told so often at most."""


class Reading:
    """Which of the notes that somebody waits for take long, and how far they are read."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: dict[Hashable, float] = {}
        self._told = float("-inf")

    def look(self, engine: Suggester, waited: Collection[Hashable]) -> dict[Hashable, float]:
        """What there is to tell now: a request's key to the share that is read, 0 to 1; mostly nothing.

        Args:
            engine: what reads. One behind a server does not say how far it is.
            waited: keys of the requests that somebody waits for.
        """
        now = self._clock()
        self._since = {key: self._since.get(key, now) for key in waited}
        long = [key for key, since in self._since.items() if now - since >= LONG_S]
        read = getattr(engine, "share_read", None)
        if read is None or not long or now - self._told < EVERY_S:
            return {}
        shares = {key: share for key in long if (share := read(key)) is not None}
        if shares:
            self._told = now
        return shares


def suggest_with_progress(engine: Suggester, text: str, tell: Callable[[float], None]) -> Suggestion:
    """The suggestion for one note; where it takes long, `tell` is given the share that is read now and then.

    Raises:
        EngineError: the note cannot be answered.
    """
    if getattr(engine, "share_read", None) is None:
        return engine.suggest_one(text)
    asked, reading = [Request(0, text, is_urgent=True)], Reading()

    def source(_n_free: int) -> Sequence[Request]:
        for share in reading.look(engine, [0]).values():
            tell(share)
        given = asked[:]
        asked.clear()
        return given

    ((_, outcome),) = engine.serve(source)
    if isinstance(outcome, Suggestion):
        return outcome
    raise outcome


@contextmanager
def line_on_terminal() -> Iterator[Callable[[float], None]]:
    """A line on stderr that says how far a note is read, gone at the end; nothing where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield lambda share: None
        return
    n_written = 0

    def tell(share: float) -> None:
        nonlocal n_written
        line = f"Reading the note: {int(100 * share)} %"
        if share == 1:
            line = "The note is read; the model writes its answer."
        print(f"\r{line:<{n_written}}", end="", file=sys.stderr, flush=True)
        n_written = len(line)

    try:
        yield tell
    finally:
        print(f"\r{'':{n_written}}\r" if n_written else "", end="", file=sys.stderr, flush=True)
