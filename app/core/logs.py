"""Logs: one rotating file per kind of process, ids and counts only, never a note's text."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable
from copy import copy
from logging.handlers import RotatingFileHandler
from pathlib import Path

MAX_LOG_BYTES = 1 << 20
N_OLD_LOGS = 3
_EXPOSED = ("asyncio", "uvicorn.error")
"""Loggers that anybody who connects can make say something."""


class _WithoutTraceback(logging.Formatter):
    """Writes where an exception happened but not what it said: messages of libraries quote what they were given."""

    def format(self, record: logging.LogRecord) -> str:
        """One line; other handlers still find the exception in the record."""
        error = record.exc_info[1] if record.exc_info else None
        plain = copy(record)
        plain.exc_info = plain.exc_text = None
        line = super().format(plain)
        return f"{line} {place(error)}" if error else line


class _Sparing(logging.Filter):
    """Lets a logger say the same thing only so often: a stranger's requests must not push all else out of the file."""

    def __init__(self, n: int = 30, window_s: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._n, self._window_s, self._clock = n, window_s, clock
        self._said: dict[str, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is written; by its words without what is put into them."""
        now, words = self._clock(), str(record.msg)
        since, n = self._said.get(words, (now, 0))
        if now - since >= self._window_s:
            since, n = now, 0
        if len(self._said) > 1000:
            self._said.clear()
        self._said[words] = since, n + 1
        if n + 1 == self._n:
            record.msg = f"{words} (again and again: no more of these for a minute)"
        return n < self._n


def log_to(logs: Path, name: str) -> None:
    """Send every logger of this process to `logs/name.log`, and nothing to the terminal.

    Args:
        logs: the directory; it must exist.
        name: the kind of process, for example `worker`.
    """
    target = RotatingFileHandler(
        logs / f"{name}.log", maxBytes=MAX_LOG_BYTES, backupCount=N_OLD_LOGS, encoding="utf-8", delay=True
    )
    target.setFormatter(_WithoutTraceback("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.raiseExceptions = False  # a full disk must not turn every log line into a traceback on the terminal
    root = logging.getLogger()
    for handler in list(root.handlers):
        root.removeHandler(handler)
    root.addHandler(target)
    root.setLevel(logging.INFO)
    for exposed in _EXPOSED:
        logging.getLogger(exposed).filters = [_Sparing()]
    for loud in ("httpx", "httpx2", "openai", "urllib3", "filelock", "sqlalchemy.engine", "alembic"):
        logging.getLogger(loud).setLevel(logging.WARNING)


def ignore_logs() -> None:
    """Write no log, and nothing of it to the terminal: for a home that cannot be written."""
    logging.getLogger().addHandler(logging.NullHandler())


def place(error: BaseException) -> str:
    """An exception in words that hold nothing of the data: its type and where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return type(error).__name__
    last = frames[-1]
    return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"
