"""A store that was there and is not: it is never made anew, which would be an empty desk in place of a full one."""

from __future__ import annotations

import os
from contextlib import suppress

from app.core.settings import Settings
from db.schema.errors import StoreGone

EXPECTED = "CASELOOP_STORE_ID"
"""What `serve` tells its children: the store that they have to find."""
LOCK = "serve.lock"


def expected_store() -> str:
    """The identity of the store that this process was started for; empty for one that was started by hand."""
    return os.environ.get(EXPECTED, "")


def note_served(settings: Settings) -> None:
    """Keep in the home that it has been served with a store in a file."""
    if not settings.database:
        (settings.home / LOCK).write_text(f"{settings.store.name}\n", encoding="utf-8")


def refuse_vanished(settings: Settings) -> None:
    """Refuse a home that was served with a store and has none.

    Raises:
        StoreGone: it has none.
    """
    if settings.database or settings.store.exists():
        return
    with suppress(FileNotFoundError, NotADirectoryError):
        if (settings.home / LOCK).read_text(encoding="utf-8").strip() == settings.store.name:
            raise StoreGone(
                f"The store {settings.store}, which this desk was served with, is missing. "
                f"Put it back, perhaps from a backup. To start empty, delete {settings.home / LOCK} first."
            )
    if expected_store():
        raise StoreGone(f"The store {settings.store}, which the desk is served with, is missing.")
