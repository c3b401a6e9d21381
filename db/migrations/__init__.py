"""Schema changes, one file each in `versions/`, applied when a store is opened. A released one is never edited."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory

from db.errors import StoreError
from db.files import copy_database

FOLDER = Path(__file__).parent


def head(folder: Path = FOLDER) -> str:
    """The version that this program brings a store to."""
    return str(ScriptDirectory(str(folder)).get_current_head())


def version(connection: sa.Connection, path: Path, folder: Path = FOLDER) -> str:
    """The newest migration that the store has; empty for an empty file.

    Raises:
        StoreError: the store is newer than these migrations, or is not one.
    """
    tables = set(connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars())
    if not tables:
        return ""
    if "alembic_version" not in tables:
        raise StoreError(
            f"Expected a store at {path}; found another program's database. Move it away or choose another."
        )
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    known = [script.revision for script in ScriptDirectory(str(folder)).walk_revisions()]
    if found not in known:
        raise StoreError(
            f"Expected a store of schema {known[0]} or older at {path}; found {found}, written by a newer version. "
            "Install that version, or put the copy from before its upgrade in place."
        )
    return str(found)


def require_current(found: str, path: Path, folder: Path = FOLDER) -> None:
    """Refuse a store that is only read and whose schema is older than this program.

    Raises:
        StoreError: it is.
    """
    if found != head(folder):
        raise StoreError(
            f"Expected the store at {path} to be up to date; found schema {found or 'none'}. "
            "Start `caseloop serve` or `caseloop import` once: they bring it up to date."
        )


def upgrade(connection: sa.Connection, path: Path, folder: Path = FOLDER) -> None:
    """Apply what is missing in one transaction: all of it is done, or nothing is.

    Args:
        connection: no transaction may be open; foreign keys must be off.
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


def _run(connection: sa.Connection, script: ScriptDirectory) -> None:
    def steps(revision: str | tuple[str, ...], _: MigrationContext) -> list[RevisionStep]:
        return list(script._upgrade_revs("head", revision))  # type: ignore[arg-type]

    with EnvironmentContext(Config(), script, fn=steps) as environment:
        environment.configure(connection=connection)
        environment.run_migrations()
