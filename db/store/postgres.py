"""The store in PostgreSQL, 15 or later.

Writers take turns as in SQLite: each transaction begins with one advisory lock of the database, so that what is looked
up before something is written cannot change between. Claims alone are given beside them, by locks on rows.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from db import migrations
from db.schema.errors import StoreError
from db.schema.files import Rows
from db.schema.json_text import as_json, from_json
from db.store.postgres_errors import translate_postgres
from db.store.presence import store_gone_error

SCHEMES = ("postgresql", "postgres")
LOCK = 0x63617365
"""The writers' lock. Advisory locks are of one database, and nobody else's database is used."""
OLDEST = 150_000
N_READERS, N_BESIDE = 40, 8
N_KEPT = 10
"""Connections that stay open while nobody uses them."""
CONNECT_TIMEOUT_S = 10

# What is lost when the power is lost, if one of these is off: what was acknowledged, or all.
DURABLE = ("fsync", "full_page_writes", "synchronous_commit")

_PROBLEMS = (
    """SELECT tgrelid::regclass || ': the rule ' || tgname || ' is switched off' FROM pg_trigger
        JOIN pg_class c ON c.oid = tgrelid WHERE tgenabled <> 'O' AND relnamespace = current_schema::regnamespace""",
    """SELECT conrelid::regclass || ': the rule ' || conname || ' was never checked' FROM pg_constraint
        WHERE NOT convalidated AND connamespace = current_schema::regnamespace""",
    """SELECT indrelid::regclass || ': the index ' || indexrelid::regclass || ' is not valid' FROM pg_index
        JOIN pg_class c ON c.oid = indrelid WHERE NOT indisvalid AND relnamespace = current_schema::regnamespace""",
    """SELECT 'note row ' || note_id || ' is not found by its words' FROM note_text
        WHERE note_id NOT IN (SELECT rowid FROM note_search)""",
    """SELECT 'note row ' || id || ' says otherwise than its claim' FROM note
        WHERE (is_claimed = 1) <> (id IN (SELECT note_id FROM claim))""",
    """SELECT 'note row ' || id || ' has another revision than its annotations' FROM note
        WHERE revision <> (SELECT count(*) FROM annotation WHERE note_id = note.id)""",
)

_TEXT = 'text COLLATE "C"'
_WORDS: dict[str, dict[str, str]] = {
    "note": {},
    "note_text": {"text": _TEXT},
    "note_search": {"document": "tsvector"},
    "suggestion": {"raw_reply": _TEXT},
    "annotation": {"comment": _TEXT},
    "opinion": {"comment": _TEXT},
    "draft": {"comment": _TEXT},
    "offer": {"old_value": _TEXT, "new_value": _TEXT},
    "trial": {"value": _TEXT},
}
"""Tables that hold words of notes, with the columns that the server takes samples of."""
_NO_NOTES = """
BEGIN;
INSERT INTO note
    (id, content_hash, text_hash, split, origin, metadata, state, revision, is_suggested, added_at, updated_at)
    VALUES (0, '', '', 'train', 'sample', '{}', 'todo', 0, 0, '', '');
ANALYZE note;
DELETE FROM note WHERE id = 0;
COMMIT
"""
"""Drops samples of ids where no note is left: a type cannot be given again to a column that a rule names."""

log = logging.getLogger(__name__)


def is_url(place: Path | str) -> bool:
    """Whether a place is the address of a PostgreSQL database and not a file."""
    return isinstance(place, str) and place.partition("://")[0] in SCHEMES and "://" in place


class OnPostgres:
    """A database of a PostgreSQL server; see `Database`."""

    def __init__(self, url: str, *, readonly: bool, busy_timeout_ms: int) -> None:
        parsed = _parse_url(url)
        self.place = _mask_url(parsed)
        self.name = "PostgreSQL"
        self.schema_version = ""
        self.identity = ""
        self.errors: tuple[type[Exception], ...] = (DBAPIError, PoolTimeout)
        self._password = parsed.password or ""
        rights = "on" if readonly else "off"
        self.writer = _engine(parsed, busy_timeout_ms, rights, "read committed", n_connections=1)
        self.beside = _engine(parsed, busy_timeout_ms, rights, "read committed", n_connections=N_BESIDE)
        self.reader = _engine(parsed, busy_timeout_ms, "on", "repeatable read", n_connections=N_READERS)

        @event.listens_for(self.writer, "begin")
        def take_the_lock(connection: sa.Connection) -> None:
            # Read committed: what is read after this is what the writer before has left.
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")

    def expect(self, identity: str, folder: Path) -> None:
        """See `Database`; one that was dropped and made anew is another."""
        self._look(folder)
        if not self.schema_version or self.identity != identity:
            raise store_gone_error(self.place, self.schema_version)

    def require_same(self) -> None:
        """See `Database`; a database is not taken away from those who use it, and asking costs a round trip."""

    def require_there(self, folder: Path) -> None:
        """See `Database`."""
        self.expect(self.identity, folder)

    def prepare(self, folder: Path) -> None:
        """See `Database`."""
        self._look(folder)
        if self.schema_version != migrations.head(folder):
            from db.migrations.applying import upgrade_postgres

            with self.writer.connect() as connection:
                upgrade_postgres(connection, self.place, folder)
            self._look(folder)

    def inspect(self, folder: Path) -> None:
        """See `Database`."""
        self._look(folder)
        migrations.require_current(self.schema_version, self.place, folder)

    def copy(self, out: Path, on_copied: Callable[[int, int], None] | None) -> dict[str, Rows]:
        """See `Database`.

        Raises:
            StoreError: always; the server has tools of its own for this.
        """
        raise StoreError(
            f"Only a store in a file can be copied; this one is in {self.name}. "
            "Use pg_dump --format=custom, and copy the home as well."
        )

    def scrub(self) -> bool:
        """See `Database`: rows that are gone leave their pages, and samples of them the planner's statistics.

        A table without any row keeps its old statistics; giving a column its own type again drops them.
        """
        with self.writer.connect() as connection:
            raw: Any = connection.connection.driver_connection
            raw.autocommit = True
            try:
                for table, columns in _WORDS.items():
                    if raw.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is None:  # noqa: S608 - see above
                        if table == "note":
                            raw.execute(_NO_NOTES)
                        for column, kind in columns.items():
                            raw.execute(f"ALTER TABLE {table} ALTER COLUMN {column} TYPE {kind}")
                    raw.execute(f"VACUUM (ANALYZE) {table}")
            finally:
                raw.autocommit = False
        return True

    def problems(self, session: Session) -> list[str]:
        """Rules that are switched off, indexes that are not valid, rows that do not fit together. Reads all notes."""
        return [str(said) for query in _PROBLEMS for said in session.connection().exec_driver_sql(query).scalars()]

    def weaknesses(self, session: Session) -> list[str]:
        """Settings of the server with which an acknowledged save may be lost when the power is."""
        return [name for name in DURABLE if session.execute(sa.text(f"SHOW {name}")).scalar_one() == "off"]

    def n_bytes(self) -> int:
        """Of the database."""
        with self.reader.connect() as connection:
            return int(connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar_one())

    def explain(self, error: Exception) -> StoreError:
        """See `Database`."""
        return translate_postgres(error, self.place, self._password)

    def dispose(self) -> None:
        """See `Database`."""
        for engine in (self.writer, self.beside, self.reader):
            engine.dispose()

    def _look(self, folder: Path) -> None:
        with self.reader.connect() as connection:
            ask = connection.exec_driver_sql
            number, shown = int(ask("SHOW server_version_num").scalar_one()), ask("SHOW server_version").scalar_one()
            self.name = f"PostgreSQL {str(shown).split()[0]}"
            if number < OLDEST:
                raise StoreError(f"Expected PostgreSQL 15 or later at {self.place}; found {shown}. Upgrade the server.")
            encoding = ask("SHOW server_encoding").scalar_one()
            if encoding != "UTF8":
                raise StoreError(
                    f"Expected a UTF8 database at {self.place}; found {encoding}. Create another: createdb -E UTF8."
                )
            self.schema_version = migrations.version(connection, self.place, folder)
            self.identity = str(ask("SELECT oid FROM pg_database WHERE datname = current_database()").scalar_one())


def _parse_url(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except (ArgumentError, ValueError):
        parsed = None
    if parsed is None or parsed.drivername not in SCHEMES or not parsed.database:
        # It is not repeated: it may hold a password.
        raise StoreError("Expected a URL such as postgresql://user@host/database; found another. Set CASELOOP_DB_URL.")
    return parsed.set(drivername="postgresql+psycopg")


def _mask_url(url: sa.URL) -> str:
    """Where the store is, without what may be a secret: the password, and all options but those that say where."""
    where = {name: value for name, value in url.query.items() if name in ("host", "port")}
    shown = url.set(drivername=SCHEMES[0], query=where)._replace(password=None)
    return shown.render_as_string().replace("%2F", "/")  # of a socket's folder


def _engine(url: sa.URL, busy_timeout_ms: int, readonly: str, isolation: str, *, n_connections: int) -> sa.Engine:
    n_kept = min(n_connections, N_KEPT)
    settings = (
        f"SET default_transaction_read_only = {readonly}",
        f"SET default_transaction_isolation = '{isolation}'",
        f"SET lock_timeout = {busy_timeout_ms}",
        "SET client_min_messages = warning",
        "SET jit = off",  # takes longer than any of these queries
        # A save that was acknowledged is on the disk; what is stricter than that is left as it is.
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
    )
    try:
        engine = sa.create_engine(
            url,
            connect_args={"connect_timeout": CONNECT_TIMEOUT_S, "application_name": "caseloop"},
            pool_size=n_kept,
            max_overflow=n_connections - n_kept,
            pool_timeout=busy_timeout_ms / 1000,
            pool_pre_ping=True,  # a server that was started anew is found without anybody noticing
            hide_parameters=True,  # a statement's values are note text: they must not reach an error message
            json_serializer=as_json,
            json_deserializer=_from_json,
        )
    except ImportError as error:
        raise StoreError(
            "A store in PostgreSQL needs the driver psycopg, which is not installed. "
            "Install it: pip install 'psycopg[binary]==3.3.9'."
        ) from error

    @event.listens_for(engine, "connect")
    def prepare_connection(connection: Any, _: object) -> None:
        connection.autocommit = True
        connection.execute("; ".join(settings))
        connection.autocommit = False

    return engine


def _from_json(text: str | bytes) -> Any:
    return from_json(text if isinstance(text, str) else text.decode())
