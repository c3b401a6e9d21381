"""What a store needs of the database that it lives in; `sqlite.py` and `postgres.py` are the two there are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.orm import Session

from db.schema.errors import StoreError
from db.schema.files import Rows

BUSY_TIMEOUT_MS = 30_000


class Database(Protocol):
    """A database, open.

    Attributes:
        name: which, with its version: "SQLite 3.53.4".
        place: where, for people to read; without a password.
        schema_version: the newest migration that was applied.
        writer: its transactions write, one at a time over all processes.
        beside: its transactions write rows that they have locked, beside others. The writer's where there is no such
            thing.
        reader: its transactions read one unchanging state and cannot write.
        errors: what it raises, by way of SQLAlchemy or past it.
    """

    name: str
    place: str
    schema_version: str
    writer: sa.Engine
    beside: sa.Engine
    reader: sa.Engine
    errors: tuple[type[Exception], ...]

    @property
    def identity(self) -> str:
        """Which store it is: no other has the same while this one is in use."""

    def expect(self, identity: str, folder: Path) -> None:
        """Refuse to make a store, or to open another, where this one is expected.

        Raises:
            StoreGone: it is not there.
        """

    def require_same(self) -> None:
        """Look, before and after each use, whether the store is still the one that was opened; costs next to nothing.

        Raises:
            StoreGone: it is not.
        """

    def require_there(self, folder: Path) -> None:
        """The same, asking the database where there is no file.

        Raises:
            StoreGone: it is not.
        """

    def prepare(self, folder: Path) -> None:
        """Make the schema, or bring it up to date; one that is needs no lock.

        Raises:
            StoreError: the database is newer than the migrations in `folder`, is no store, or cannot be used.
        """

    def inspect(self, folder: Path) -> None:
        """Look at a schema that is only read.

        Raises:
            StoreError: it is older or newer than the migrations in `folder`, or there is none.
        """

    def copy(self, out: Path, on_copied: Callable[[int, int], None] | None) -> dict[str, Rows]:
        """Write a copy of this moment to a file; see `Store.backup`."""

    def scrub(self) -> bool:
        """Leave nothing of deleted rows in the database; see `Store.scrub`."""

    def problems(self, session: Session) -> list[str]:
        """Everything that is found wrong with it."""

    def n_bytes(self) -> int:
        """How large it is."""

    def explain(self, error: Exception) -> StoreError:
        """The store's own error for one of the database's."""

    def dispose(self) -> None:
        """Close every connection."""
