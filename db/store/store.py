"""Opening the store, and the two ways to use it: `Store.transaction()` writes, `Store.reading()` reads.

Only `transaction()` commits, and only `db/people/acting.py` begins one: what writes takes a permit, what reads a
session. The store is a file of SQLite or a database of PostgreSQL; what differs is in `sqlite.py` and `postgres.py`.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import TracebackType

import sqlalchemy as sa
from sqlalchemy.orm import Session

from db import migrations
from db.schema.errors import (
    StoreBusy,
    StoreError,
    StoreFull,
)
from db.schema.files import Rows
from db.store.backend import BUSY_TIMEOUT_MS, Database
from db.store.postgres import OnPostgres, is_url
from db.store.sqlite import WAL_SAFE, OnSqlite

__all__ = ["Session", "Store", "open_store"]


class Store:
    """An open store. Threads may share it; processes open their own.

    Attributes:
        database: which it lives in, with its version: "SQLite 3.53.4", "PostgreSQL 15.18".
        place: where, for people to read: the file, or the URL without its password.
        path: the database file; None where there is no file.
        identity: which store it is; see `open_store`.
        readonly: whether `transaction()` is refused.
        schema_version: the newest migration that was applied.
        is_full: the last transaction found the disk full; one that succeeds ends it.
    """

    def __init__(self, on: Database, *, readonly: bool, busy_timeout_ms: int) -> None:
        self.readonly = readonly
        self.is_full = False
        self.path = on.path if isinstance(on, OnSqlite) else None
        self._on = on
        self._closed = False
        self._turn = _Turn(busy_timeout_ms / 1000)

    @property
    def database(self) -> str:
        """See the class."""
        return self._on.name

    @property
    def place(self) -> str:
        """See the class."""
        return self._on.place

    @property
    def schema_version(self) -> str:
        """See the class."""
        return self._on.schema_version

    @property
    def identity(self) -> str:
        """See the class."""
        return self._on.identity

    def require_there(self) -> None:
        """Look whether the store is still where it was opened, and the same.

        Raises:
            StoreGone: it was deleted, or another was put in its place.
            StoreError: it cannot be asked; it may be there.
        """
        with self._translate_errors():
            self._on.require_there(migrations.FOLDER)

    @property
    def wal_safe(self) -> bool:
        """Whether the SQLite in use is free of the write-ahead log's reset bug, or is not in use. Without it the store
        falls back to a rollback journal, which is as safe and lets fewer people work at once."""
        return WAL_SAFE or self.path is None

    @property
    def journal_mode(self) -> str:
        """SQLite's: "wal" or "delete"; empty elsewhere."""
        return self._on.journal_mode if isinstance(self._on, OnSqlite) else ""

    @contextmanager
    def transaction(self, *, beside: bool = False) -> Iterator[Session]:
        """A session that writes: committed at the end of the block, rolled back when the block raises.

        Writers of this process take turns in the order they came; those of other processes are waited for.

        Args:
            beside: do not wait for other writers where the database can do without, which is PostgreSQL. Only for rows
                that the block has locked before it looks at them: whatever else it reads may be changing.

        Raises:
            StoreFull: the disk is full.
            StoreBusy: another writer did not finish in time.
            StoreRefused: a rule of the schema refused the change.
            StoreGone: the store is no longer where it was opened.
            StoreError: anything else; nothing was written.
        """
        if self.readonly:
            raise StoreError("This store was opened for reading only.")
        engine = self._on.beside if beside else self._on.writer
        try:
            # Those beside need no turn, where they have connections of their own.
            with self._turn if engine is self._on.writer else nullcontext(), self._session(engine) as session:
                session.connection()  # takes the write lock now, so that what is read from here on cannot change
                yield session
                session.commit()
                self._on.require_same()  # or it was committed into a file that nobody finds again
        except StoreFull:
            self.is_full = True
            raise
        self.is_full = False

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that reads one unchanging state of the store and never waits for a writer.

        Raises:
            StoreError: the store cannot be read, or the block tried to write.
        """
        with self._session(self._on.reader) as session:
            yield session

    def backup(self, out: Path, on_copied: Callable[[int, int], None] | None = None) -> dict[str, Rows]:
        """Write a copy of the store, of this moment, to `out` while others work on; see `copy_database`.

        Raises:
            StoreError: the copy cannot be written or is not sound, or the store is in no file.
        """
        self._refuse_closed()
        with self._translate_errors():
            return self._on.copy(out, on_copied)

    def scrub(self) -> bool:
        """Leave nothing of rows that were deleted: not in pages that are free, nor in indexes, logs and statistics.

        Takes as long as writing the database anew, and as much room again; others read meanwhile.

        Returns:
            Whether all is done; False where somebody read for so long that the log could not be emptied.

        Raises:
            StoreError: the disk is full, or others write without end; what was deleted stays deleted.
        """
        self._refuse_closed()
        with self._turn, self._translate_errors():
            self._on.require_same()
            return self._on.scrub()

    def problems(self) -> list[str]:
        """Everything that is found wrong with the database; empty when it is sound. Reads all of it."""
        with self.reading() as session:
            return self._on.problems(session)

    def weaknesses(self) -> list[str]:
        """Settings of a server with which an acknowledged save may be lost when the power is; empty for SQLite."""
        if not isinstance(self._on, OnPostgres):
            return []
        with self.reading() as session:
            return self._on.weaknesses(session)

    def n_bytes(self) -> int:
        """How large the database is.

        Raises:
            StoreError: it cannot be asked.
        """
        with self._translate_errors():
            return self._on.n_bytes()

    def close(self) -> None:
        """Close every connection; the store cannot be used afterwards. Closing twice is fine."""
        self._closed = True
        self._on.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @contextmanager
    def _session(self, engine: sa.Engine) -> Iterator[Session]:
        self._refuse_closed()
        self._on.require_same()
        with self._translate_errors(), Session(engine, autoflush=False) as session:
            yield session

    def _refuse_closed(self) -> None:
        if self._closed:
            raise StoreError("This store is closed. Open it again.")

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except self._on.errors as error:
            # Not with what PostgreSQL said as its cause: that repeats rows, and a log would keep it.
            raise self._on.explain(error) from (error if self.path is not None else None)


def open_store(
    place: Path | str,
    *,
    readonly: bool = False,
    busy_timeout_ms: int = BUSY_TIMEOUT_MS,
    migrations_folder: Path = migrations.FOLDER,
    expected: str = "",
) -> Store:
    """Open the store; make it, or bring its schema up to date, unless `readonly`.

    Before the schema of a file is changed, a copy of it is written beside it as `<name>.before-<old schema>`.

    Args:
        place: the database file, on a local disk, whose directory is made for its owner only; or the URL of a database
            of PostgreSQL, such as `postgresql://user@host/database`, which must be there.
        readonly: read what is there; change nothing, not even the schema.
        busy_timeout_ms: how long to wait for another writer.
        migrations_folder: where the migrations are; only tests choose another.
        expected: the identity of a store that has to be there; another is not opened, and none is made.

    Raises:
        StoreGone: the expected store is not there.
        StoreError: the database cannot be opened, is not a store, or was written by a newer version.
    """
    make: Callable[..., Database] = OnPostgres if is_url(place) else OnSqlite
    on = make(place if is_url(place) else Path(place), readonly=readonly, busy_timeout_ms=busy_timeout_ms)
    store = Store(on, readonly=readonly, busy_timeout_ms=busy_timeout_ms)
    try:
        with store._translate_errors():
            if expected:
                on.expect(expected, migrations_folder)
            if readonly:
                on.inspect(migrations_folder)
            else:
                on.prepare(migrations_folder)
    except BaseException:
        store.close()
        raise
    return store


class _Turn:
    """A lock that is handed over in the order of asking; SQLite's own waiting has no queue and starves a few."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._guard = threading.Lock()
        self._queue: deque[threading.Event] = deque()
        self._owner: int | None = None

    def __enter__(self) -> None:
        if self._owner == threading.get_ident():
            raise StoreError("A thread can have one transaction at a time; this is a second inside the first.")
        mine = threading.Event()
        with self._guard:
            self._queue.append(mine)
            if len(self._queue) == 1:
                mine.set()
        try:
            in_time = mine.wait(self._timeout_s)
        except BaseException:
            self._leave(mine)
            raise
        if not in_time:
            self._leave(mine)
            raise StoreBusy(f"Could not write within {self._timeout_s:g} s: others are still writing. Try again.")
        self._owner = threading.get_ident()

    def __exit__(self, *_: object) -> None:
        self._owner = None
        self._leave(self._queue[0])

    def _leave(self, turn: threading.Event) -> None:
        with self._guard:
            self._queue.remove(turn)
            if self._queue:
                self._queue[0].set()
