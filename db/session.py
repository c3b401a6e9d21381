"""Opening the store, and the two ways to use it: `Store.transaction()` writes, `Store.reading()` reads.

Only `transaction()` commits; the functions of the other modules take its session. SQLite is set so that a save that was
acknowledged survives a killed process and a power cut: write-ahead log, `synchronous=FULL`, one writer at a time.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from db import migrations
from db.errors import (
    Conflict,
    StoreBusy,
    StoreError,
    StoreFull,
    StoreRefused,
    UnknownAdapter,
    UnknownNote,
    UnknownRun,
    translate,
)
from db.files import Rows, copy_database, require_readable, sole_opener, sqlite
from db.tables import as_json, from_json

__all__ = [
    "Conflict",
    "Session",
    "Store",
    "StoreBusy",
    "StoreError",
    "StoreFull",
    "StoreRefused",
    "UnknownAdapter",
    "UnknownNote",
    "UnknownRun",
    "open_store",
]

BUSY_TIMEOUT_MS = 30_000
N_READERS = 40
_VERSION = tuple(sqlite.sqlite_version_info)
# Before these, two connections that write and checkpoint at once can, very rarely, damage a write-ahead log.
WAL_SAFE = _VERSION >= (3, 51, 3) or (3, 50, 7) <= _VERSION < (3, 51) or (3, 44, 6) <= _VERSION < (3, 45)

log = logging.getLogger(__name__)


class Store:
    """An open store. Threads may share it; processes open their own.

    Attributes:
        path: the database file.
        readonly: whether `transaction()` is refused.
        sqlite_version: the version of the SQLite library in use.
        wal_safe: whether that library is free of the write-ahead log's reset bug; without it the store falls back to a
            rollback journal, which is as safe and lets fewer people work at once.
        journal_mode: "wal" or "delete".
        schema_version: the newest migration that was applied.
        is_full: the last transaction found the disk full; one that succeeds ends it.
    """

    def __init__(self, path: Path, *, readonly: bool, busy_timeout_ms: int) -> None:
        self.path = path
        self.readonly = readonly
        self.sqlite_version: str = sqlite.sqlite_version
        self.wal_safe = WAL_SAFE
        self.journal_mode = ""
        self.schema_version = ""
        self.is_full = False
        self._busy_timeout_ms = busy_timeout_ms
        self._closed = False
        self._turn = _Turn(busy_timeout_ms / 1000)
        # One connection writes and others read: a reader that tries to write is told so by the database.
        self._writer = _engine(path, "rw", "IMMEDIATE", busy_timeout_ms, n_connections=1)
        self._reader = _engine(path, "ro" if readonly else "rw", "DEFERRED", busy_timeout_ms, n_connections=N_READERS)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session that writes: committed at the end of the block, rolled back when the block raises.

        Writers of this process take turns in the order they came; those of other processes are waited for.

        Raises:
            StoreFull: the disk is full.
            StoreBusy: another writer did not finish in time.
            StoreRefused: a rule of the schema refused the change.
            StoreError: anything else; nothing was written.
        """
        if self.readonly:
            raise StoreError("Expected a store open for writing; this one was opened for reading only.")
        try:
            with self._turn, self._session(self._writer) as session:
                session.connection()  # takes the write lock now, so that what is read from here on cannot change
                yield session
                session.commit()
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
        with self._session(self._reader) as session:
            yield session

    def backup(self, out: Path, on_copied: Callable[[int, int], None] | None = None) -> dict[str, Rows]:
        """Write a copy of the store, of this moment, to `out` while others work on; see `copy_database`.

        Raises:
            StoreError: the copy cannot be written or is not sound.
        """
        self._refuse_closed()
        with _translated():
            return copy_database(self.path, out, on_copied)

    def problems(self) -> list[str]:
        """Everything SQLite finds wrong with the file; empty when it is sound. Reads the whole file."""
        with self.reading() as session:
            found = [str(row[0]) for row in session.execute(sa.text("PRAGMA integrity_check")) if row[0] != "ok"]
            orphans = session.execute(sa.text("PRAGMA foreign_key_check")).all()
        return found + [f"{row[0]} row {row[1]} refers to a {row[2]} that is gone" for row in orphans]

    def close(self) -> None:
        """Close every connection; the store cannot be used afterwards. Closing twice is fine."""
        self._closed = True
        self._writer.dispose()
        self._reader.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @contextmanager
    def _session(self, engine: sa.Engine) -> Iterator[Session]:
        self._refuse_closed()
        with _translated(), Session(engine, autoflush=False) as session:
            yield session

    def _refuse_closed(self) -> None:
        if self._closed:
            raise StoreError("Expected an open store; this one was closed. Open it again.")

    def _migrate(self, folder: Path) -> None:
        """Bring the schema up to date; one that is needs no lock, so that a long import keeps nobody from opening."""
        self._inspect(folder)
        if self.schema_version == migrations.head(folder):
            return
        engine = _engine(self.path, "rw", "IMMEDIATE", self._busy_timeout_ms, n_connections=1, migrating=True)
        try:
            with engine.connect() as connection:
                raw: Any = connection.connection.driver_connection
                if self.journal_mode != "wal":  # one in use is never taken away, not even from a library with the bug
                    raw.execute(f"PRAGMA journal_mode={'WAL' if WAL_SAFE else 'DELETE'}").fetchall()
                migrations.upgrade(connection, self.path, folder)
                raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            engine.dispose()
        self._inspect(folder)

    def _inspect(self, folder: Path) -> None:
        with self._reader.connect() as connection:
            self.schema_version = migrations.version(connection, self.path, folder)
            # Asked second: a connection knows of another's change of mode only once it has read.
            self.journal_mode = str(connection.exec_driver_sql("PRAGMA journal_mode").scalar_one())


def open_store(
    path: Path,
    *,
    readonly: bool = False,
    busy_timeout_ms: int = BUSY_TIMEOUT_MS,
    migrations_folder: Path = migrations.FOLDER,
) -> Store:
    """Open the store at `path`; make it, or bring its schema up to date, unless `readonly`.

    Before a schema is changed, a copy of the store is written beside it as `<name>.before-<old schema>`.

    Args:
        path: the database file, on a local disk. A missing directory is made, for its owner only.
        readonly: read what is there; change nothing, not even the schema.
        busy_timeout_ms: how long to wait for another writer.
        migrations_folder: where the migrations are; only tests choose another.

    Raises:
        StoreError: the file cannot be opened, is not a store, or was written by a newer version.
    """
    store = Store(path, readonly=readonly, busy_timeout_ms=busy_timeout_ms)
    try:
        with _translated():
            if readonly:
                require_readable(path)
                store._inspect(migrations_folder)
                migrations.require_current(store.schema_version, path, migrations_folder)
            else:
                with sole_opener(path):
                    store._migrate(migrations_folder)
    except BaseException:
        store.close()
        raise
    if not store.wal_safe:
        log.warning("SQLite %s can damage a write-ahead log; install pysqlite3 0.6.1", store.sqlite_version)
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
            raise StoreError("Expected one transaction at a time in a thread; found a second inside the first.")
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
            raise StoreBusy(
                f"Expected a turn to write within {self._timeout_s:g} s; others are still at it. Try again."
            )
        self._owner = threading.get_ident()

    def __exit__(self, *_: object) -> None:
        self._owner = None
        self._leave(self._queue[0])

    def _leave(self, turn: threading.Event) -> None:
        with self._guard:
            self._queue.remove(turn)
            if self._queue:
                self._queue[0].set()


def _engine(
    path: Path, mode: str, begin: str, busy_timeout_ms: int, *, n_connections: int, migrating: bool = False
) -> sa.Engine:
    """An engine whose transactions start with `BEGIN <begin>`; the driver itself begins nothing.

    Foreign keys are off while migrating (SQLite rebuilds tables under their old names) and checked afterwards.
    """
    engine = sa.create_engine(
        "sqlite://",
        module=sqlite,
        creator=partial(_connect, path, mode),
        poolclass=sa.QueuePool,
        pool_size=n_connections,
        max_overflow=0,
        pool_timeout=busy_timeout_ms / 1000,
        hide_parameters=True,  # a statement's values are note text: they must not reach an error message
        json_serializer=as_json,
        json_deserializer=from_json,
    )
    pragmas = [
        f"busy_timeout={busy_timeout_ms}",
        "synchronous=FULL",
        f"foreign_keys={'OFF' if migrating else 'ON'}",
        "secure_delete=ON",
        f"journal_size_limit={64 << 20}",
        "cache_size=-16384",
    ]
    if begin == "DEFERRED":
        pragmas.append("query_only=ON")

    @event.listens_for(engine, "connect")
    def prepare_connection(connection: Any, _: object) -> None:
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: sa.Connection) -> None:
        connection.exec_driver_sql(f"BEGIN {begin}")

    return engine


def _connect(path: Path, mode: str) -> Any:
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite.connect(uri, uri=True, isolation_level=None, check_same_thread=False)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (DBAPIError, PoolTimeout, sqlite.Error) as error:
        raise translate(error) from error
