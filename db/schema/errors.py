"""What can go wrong with the store, each in one sentence: what was expected, what was found, what to do next."""

# ruff: noqa: N818 - a full disk or a conflict is a situation that the desk shows, and is named as one

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, DontWrapMixin, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout


class StoreError(RuntimeError):
    """The store cannot do what was asked; the message says why and what to do. It never holds a note's text."""


class StoreFull(StoreError):
    """The disk is full; nothing of the transaction was written."""


class StoreBusy(StoreError):
    """Another process held the store for longer than the time allowed; nothing was written."""


class StoreGone(StoreError):
    """The store that was opened is no longer where it was; what is written is not kept."""


class StoreRefused(StoreError):
    """A rule of the schema refused the change; nothing was written."""


class NulRefused(StoreRefused, DontWrapMixin):
    """A text holds a NUL character, which PostgreSQL cannot keep and no person types; nothing was written."""

    def __init__(self) -> None:
        super().__init__("The text contains a NUL character. Nothing was saved; remove it and try again.")


class NotAllowed(StoreError):
    """The person who acts may not do this; nothing was written."""


class UnknownNote(StoreError):
    """No note has this number."""

    def __init__(self, note_id: int) -> None:
        super().__init__(f"There is no note {note_id}. Go back to the queue.")
        self.note_id = note_id


class UnknownAdapter(StoreError):
    """No adapter has this name."""


class UnknownRun(StoreError):
    """No training run has this number."""


# What SQLite says, and what a person is told; the first that fits.
_SENTENCES: tuple[tuple[str, type[StoreError], str], ...] = (
    (
        "disk is full",
        StoreFull,
        "The disk is full: nothing was saved. Free some space and save again.",
    ),
    (
        "locked",
        StoreBusy,
        "The store is busy: another process has held it too long. Nothing was saved; try again.",
    ),
    (
        "readonly",
        StoreError,
        "Cannot write to the store: it is read-only. Check its permissions.",
    ),
    (
        "not a database",
        StoreError,
        "The store is damaged, or the file is not a store. Restore the latest backup.",
    ),
    ("malformed", StoreError, "The store is damaged. Restore the latest backup."),
    ("I/O error", StoreError, "The disk failed and nothing was saved. Check the disk."),
    ("unable to open", StoreError, "Cannot open the store. Check its file and directory."),
)


def refuse_nul(*texts: str | None) -> None:
    """Refuse texts with a NUL character, so that a store can move from one database to the other.

    Raises:
        NulRefused: one holds one.
    """
    if any(text is not None and "\0" in text for text in texts):
        raise NulRefused


def translate(error: Exception) -> StoreError:
    """The store's own error for one of the database's."""
    if isinstance(error, PoolTimeout):
        return StoreBusy("All connections to the store are in use. Try again.")
    reason = str(error.orig) if isinstance(error, DBAPIError) else str(error)
    if isinstance(error, IntegrityError):
        # SQLite's message names the rule, or table and column; never a value.
        return StoreRefused(f"The store refused the change: {reason}. Nothing was saved; reload and try again.")
    for said, kind, sentence in _SENTENCES:
        if said in reason:
            return kind(sentence)
    return StoreError(f"The store could not do this ({reason}). Nothing was saved.")
