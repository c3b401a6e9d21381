"""The store in a file, of SQLite. It is set so that a save that was acknowledged survives a killed process and a power
cut: write-ahead log, `synchronous=FULL`, one writer at a time."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from db import migrations
from db.schema.errors import StoreError, translate
from db.schema.files import Rows, copy_database, require_readable, sole_opener, sqlite
from db.schema.json_text import as_json, from_json
from db.store.presence import Files, require
from db.store.unwritable import copy_with_log, needs_detour

N_READERS = 40
_VERSION = tuple(sqlite.sqlite_version_info)
# Before these, two connections that write and checkpoint at once can, very rarely, damage a write-ahead log.
WAL_SAFE = _VERSION >= (3, 51, 3) or (3, 50, 7) <= _VERSION < (3, 51) or (3, 44, 6) <= _VERSION < (3, 45)

log = logging.getLogger(__name__)


class OnSqlite:
    """A database file; see `Database`.

    Attributes:
        path: the file.
        journal_mode: "wal" or "delete".
    """

    def __init__(self, path: Path, *, readonly: bool, busy_timeout_ms: int) -> None:
        self.path = path
        self.name = f"SQLite {sqlite.sqlite_version}"
        self.place = str(path)
        self.schema_version = ""
        self.journal_mode = ""
        self.errors: tuple[type[Exception], ...] = (DBAPIError, PoolTimeout, sqlite.Error)
        self._busy_timeout_ms = busy_timeout_ms
        self._files: Files | None = None
        self._copy: TemporaryDirectory[str] | None = None
        self._read_from, self._mode = path, "ro" if readonly else "rw"
        if readonly and needs_detour(path):
            self._copy = copy_with_log(path)
            self._mode = "rw" if self._copy else "ro&immutable=1"
            self._read_from = Path(self._copy.name, path.name) if self._copy else path
        # One connection writes and others read: a reader that tries to write is told so by the database.
        self.writer = _engine(path, "rw", "IMMEDIATE", busy_timeout_ms, n_connections=1)
        self.beside = self.writer
        self.reader = _engine(self._read_from, self._mode, "DEFERRED", busy_timeout_ms, n_connections=N_READERS)

    @property
    def identity(self) -> str:
        """See `Database`."""
        return self._files.identity if self._files else ""

    def expect(self, identity: str, folder: Path) -> None:
        """See `Database`."""
        require(self.path, identity)

    def require_same(self) -> None:
        """See `Database`."""
        if self._files is not None:
            self._files.require_same(has_log=self.journal_mode == "wal")

    def require_there(self, folder: Path) -> None:
        """See `Database`."""
        self.require_same()

    def prepare(self, folder: Path) -> None:
        """See `Database`; a copy of the file is left beside it before its schema changes."""
        with sole_opener(self.path):
            self._migrate(folder)
            self._files = Files(self.path)
        if not WAL_SAFE:
            log.warning("SQLite %s can damage a write-ahead log; install pysqlite3 0.6.1", sqlite.sqlite_version)

    def inspect(self, folder: Path) -> None:
        """See `Database`."""
        require_readable(self.path)
        self._inspect(folder)
        migrations.require_current(self.schema_version, self.path, folder)
        self._files = Files(self.path)

    def copy(self, out: Path, on_copied: Callable[[int, int], None] | None) -> dict[str, Rows]:
        """See `copy_database`."""
        return copy_database(self._read_from, out, on_copied, mode="ro" if self._mode == "rw" else self._mode)

    def scrub(self) -> bool:
        """See `Database`; copies from before an upgrade go, too: they are of the same notes."""
        for pattern in (f"{self.path.name}.before-*", f".{self.path.name}.*"):
            for copy in self.path.parent.glob(pattern):
                copy.unlink(missing_ok=True)
        with self.writer.connect() as connection:
            raw: Any = connection.connection.driver_connection
            raw.execute("INSERT INTO note_search (note_search) VALUES ('optimize')").close()  # drops what was deleted
            raw.execute("VACUUM").close()  # a page that was divided may keep what moved to another
            if self.journal_mode != "wal":
                return True
            (is_busy, _, _) = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            return not is_busy

    def problems(self, session: Session) -> list[str]:
        """Everything SQLite finds wrong with the file. Reads the whole file."""
        found = [str(row[0]) for row in session.execute(sa.text("PRAGMA integrity_check")) if row[0] != "ok"]
        orphans = session.execute(sa.text("PRAGMA foreign_key_check")).all()
        return found + [f"{row[0]} row {row[1]} refers to a {row[2]} that is gone" for row in orphans]

    def n_bytes(self) -> int:
        """Of the file with its log."""
        files = [self.path, self.path.with_name(f"{self.path.name}-wal")]
        return sum(file.stat().st_size for file in files if file.exists())

    def explain(self, error: Exception) -> StoreError:
        """See `Database`."""
        return translate(error)

    def dispose(self) -> None:
        """See `Database`."""
        self.writer.dispose()
        self.reader.dispose()
        if self._copy is not None:
            self._copy.cleanup()

    def _migrate(self, folder: Path) -> None:
        """Bring the schema up to date; one that is needs no lock, so that a long import keeps nobody from opening."""
        self._inspect(folder)
        if self.schema_version == migrations.head(folder):
            return
        from db.migrations.applying import upgrade

        engine = _engine(self.path, "rw", "IMMEDIATE", self._busy_timeout_ms, n_connections=1, migrating=True)
        try:
            with engine.connect() as connection:
                raw: Any = connection.connection.driver_connection
                if self.journal_mode != "wal":  # one in use is never taken away, not even from a library with the bug
                    raw.execute(f"PRAGMA journal_mode={'WAL' if WAL_SAFE else 'DELETE'}").fetchall()
                upgrade(connection, self.path, folder)
                raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            engine.dispose()
        self._inspect(folder)

    def _inspect(self, folder: Path) -> None:
        with self.reader.connect() as connection:
            self.schema_version = migrations.version(connection, self.path, folder)
            # Asked second: a connection knows of another's change of mode only once it has read.
            self.journal_mode = str(connection.exec_driver_sql("PRAGMA journal_mode").scalar_one())


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
        connection.create_function("lower_text", 1, _lower, deterministic=True)

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: sa.Connection) -> None:
        connection.exec_driver_sql(f"BEGIN {begin}")

    return engine


def _lower(text: str | None) -> str | None:
    """What SQLite's own function does to ASCII only."""
    return None if text is None else text.lower()


def _connect(path: Path, mode: str) -> Any:
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
