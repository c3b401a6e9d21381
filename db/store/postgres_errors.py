"""What PostgreSQL says when something goes wrong, in the store's own words.

Its messages are not passed on but for the names of rules: their details repeat rows, which are notes.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from db.schema.errors import NulRefused, StoreBusy, StoreError, StoreFull, StoreRefused, translate

_GONE = (
    "Expected the PostgreSQL server at {place} to answer; the connection broke. "
    "Look whether the last change was kept, or save again: the same save is never kept twice."
)
_BUSY = "Expected the store to be free; another process has held it too long, so nothing was saved. Try again."

# SQLSTATE, or its class; the first that fits.
_SENTENCES: tuple[tuple[str, type[StoreError], str], ...] = (
    (
        "53100",
        StoreFull,
        "The disk of the PostgreSQL server is full: nothing was saved. Expected free space; free some and save again.",
    ),
    ("53", StoreBusy, "Expected the PostgreSQL server to have room for this; it has not. Try again."),
    ("55P03", StoreBusy, _BUSY),
    ("40", StoreBusy, _BUSY),
    ("22", StoreRefused, "The store refused a value that does not fit its place. Nothing was written."),
    ("57014", StoreBusy, _BUSY),
    ("57", StoreError, _GONE),
    ("08", StoreError, _GONE),
    (
        "25006",
        StoreError,
        "Expected to be able to write to the store; it is open for reading only. Check CASELOOP_DB_URL.",
    ),
    (
        "42501",
        StoreError,
        "Expected to be allowed to read and write the store at {place}; this user may not. Make it the owner.",
    ),
    (
        "28",
        StoreError,
        "Expected to be let in at {place}; user or password do not fit. Check CASELOOP_DB_URL.",
    ),
    ("3D000", StoreError, "Expected a database at {place}; there is none. Make it: createdb -E UTF8."),
    ("58", StoreError, "Expected the server's disk to answer; it failed and nothing was saved. Check the disk."),
    ("XX", StoreError, "Expected a sound store; the server finds damage. Put the latest backup in its place."),
)


def translate_postgres(error: Exception, place: str, password: str = "") -> StoreError:
    """The store's own error for one of the database's.

    Args:
        error: as SQLAlchemy raised it.
        place: where the store is, without a password.
        password: taken out of whatever is repeated.
    """
    if isinstance(error, PoolTimeout) or not isinstance(error, DBAPIError):
        return translate(error)
    cause: Any = error.orig
    state = getattr(cause, "sqlstate", None) or ""
    primary = getattr(getattr(cause, "diag", None), "message_primary", None) or ""
    if isinstance(error, IntegrityError):
        # Names the rule; what broke it stands in the details, which are left out.
        return StoreRefused(f"The store refused the change: {primary}. Nothing was written; reload and try again.")
    if (isinstance(error, DataError) and not state) or state in ("22021", "22P05"):
        return NulRefused()
    return _by_state(state, place) if state else _unreached(error, place, password)


def _by_state(state: str, place: str) -> StoreError:
    for beginning, kind, sentence in _SENTENCES:
        if state.startswith(beginning):
            return kind(sentence.format(place=place))
    return StoreError(f"The store could not carry this out (PostgreSQL {state}). Nothing was written.")


def _unreached(error: DBAPIError, place: str, password: str) -> StoreError:
    if error.connection_invalidated:  # it was there and went away
        return StoreError(_GONE.format(place=place))
    reason = " ".join(str(error.orig).split())
    reason = reason.replace(password, "***") if password else reason
    return StoreError(f"Expected a PostgreSQL server at {place}; found: {reason}. Start it or check CASELOOP_DB_URL.")
