"""What PostgreSQL says when something goes wrong, in the store's own words.

Its messages are not passed on but for the names of rules: their details repeat rows, which are notes.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from db.schema.errors import NulRefused, StoreBusy, StoreError, StoreFull, StoreRefused, translate

_GONE = (
    "The connection to the PostgreSQL server at {place} broke. "
    "Check whether the last change was saved, or save again: the same save is never stored twice."
)
_BUSY = "The store is busy: another process has held it too long. Nothing was saved; try again."

# SQLSTATE, or its class; the first that fits.
_SENTENCES: tuple[tuple[str, type[StoreError], str], ...] = (
    (
        "53100",
        StoreFull,
        "The disk of the PostgreSQL server is full: nothing was saved. Free some space and save again.",
    ),
    ("53", StoreBusy, "The PostgreSQL server is out of resources. Try again."),
    ("55P03", StoreBusy, _BUSY),
    ("40", StoreBusy, _BUSY),
    ("22", StoreRefused, "The store refused a value that does not fit its column. Nothing was saved."),
    ("57014", StoreBusy, _BUSY),
    ("57", StoreError, _GONE),
    ("08", StoreError, _GONE),
    (
        "25006",
        StoreError,
        "Cannot write to the store: it is read-only. Check CASELOOP_DB_URL.",
    ),
    (
        "42501",
        StoreError,
        "This user may not read and write the store at {place}. Make it the owner.",
    ),
    (
        "28",
        StoreError,
        "Wrong user or password for {place}. Check CASELOOP_DB_URL.",
    ),
    ("3D000", StoreError, "There is no database at {place}. Create it: createdb -E UTF8."),
    ("58", StoreError, "The server's disk failed and nothing was saved. Check the disk."),
    ("XX", StoreError, "The server reports a damaged store. Restore the latest backup."),
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
        return StoreRefused(f"The store refused the change: {primary}. Nothing was saved; reload and try again.")
    if (isinstance(error, DataError) and not state) or state in ("22021", "22P05"):
        return NulRefused()
    return _error_for_state(state, place) if state else _unreached_error(error, place, password)


def _error_for_state(state: str, place: str) -> StoreError:
    for beginning, kind, sentence in _SENTENCES:
        if state.startswith(beginning):
            return kind(sentence.format(place=place))
    return StoreError(f"The store could not do this (PostgreSQL {state}). Nothing was saved.")


def _unreached_error(error: DBAPIError, place: str, password: str) -> StoreError:
    if error.connection_invalidated:  # it was there and went away
        return StoreError(_GONE.format(place=place))
    reason = " ".join(str(error.orig).split())
    reason = reason.replace(password, "***") if password else reason
    return StoreError(f"Cannot reach a PostgreSQL server at {place}: {reason}. Start it, or check CASELOOP_DB_URL.")
