"""Logs: one rotating file per kind of process, ids and counts only, never a note's text."""

from __future__ import annotations

import logging
import traceback
from copy import copy
from logging.handlers import RotatingFileHandler
from pathlib import Path

MAX_LOG_BYTES = 1 << 20
N_OLD_LOGS = 3


class _WithoutTraceback(logging.Formatter):
    """Writes where an exception happened but not what it said: messages of libraries quote what they were given."""

    def format(self, record: logging.LogRecord) -> str:
        """One line; other handlers still find the exception in the record."""
        error = record.exc_info[1] if record.exc_info else None
        plain = copy(record)
        plain.exc_info = plain.exc_text = None
        line = super().format(plain)
        return f"{line} {place(error)}" if error else line


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
    for loud in ("httpx", "httpx2", "openai", "urllib3", "filelock", "sqlalchemy.engine", "alembic"):
        logging.getLogger(loud).setLevel(logging.WARNING)


def place(error: BaseException) -> str:
    """An exception in words that hold nothing of the data: its type and where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return type(error).__name__
    last = frames[-1]
    return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"
