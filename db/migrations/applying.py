"""Changing a store's schema, with Alembic: imported where a store is made or is older than the program."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory

from db.migrations import FOLDER, head, postgres, version
from db.schema.errors import StoreError
from db.schema.files import copy_database


def upgrade(connection: sa.Connection, path: Path, folder: Path = FOLDER) -> None:
    """Apply what is missing in one transaction: all of it is done, or nothing is.

    Args:
        connection: of SQLite; no transaction may be open; foreign keys must be off.
        path: the database file, copied to `<name>.before-<old version>` before it changes.
        folder: holds `versions/`.

    Raises:
        StoreError: the store is newer than these migrations, is not one, or would lose rows.
    """
    with connection.begin():  # takes the write lock: nothing is saved between the copy and the change
        old = version(connection, path, folder)
        if old == head(folder):
            return
        if old:
            copy_database(path, path.with_name(f"{path.name}.before-{old}"))
        _run(connection, ScriptDirectory(str(folder)))
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        if broken:
            raise StoreError(f"Expected every row to keep its parent when the schema changed; {len(broken)} lost it.")


def upgrade_postgres(connection: sa.Connection, place: str, folder: Path = FOLDER) -> None:
    """The same in PostgreSQL, which leaves no copy of before: that is `pg_dump`'s to make.

    Args:
        connection: of PostgreSQL; no transaction may be open.
        place: what the store is called.
        folder: holds `versions/`.

    Raises:
        StoreError: the store is newer than these migrations, or is not one.
    """
    with connection.begin():  # takes the writers' lock, so that one of several that open it changes it
        script, old = ScriptDirectory(str(folder)), version(connection, place, folder)
        if old == head(folder):
            return
        if not old:
            postgres.make(connection)
            MigrationContext.configure(connection).stamp(script, postgres.FIRST)
        _run(connection, script)


def _run(connection: sa.Connection, script: ScriptDirectory) -> None:
    def steps(revision: str | tuple[str, ...], _: MigrationContext) -> list[RevisionStep]:
        return list(script._upgrade_revs("head", revision))  # type: ignore[arg-type]

    with EnvironmentContext(Config(), script, fn=steps) as environment:
        environment.configure(connection=connection)
        environment.run_migrations()
