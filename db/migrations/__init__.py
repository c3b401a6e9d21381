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


def upgrade(connection: sa.Connection, path: Path, folder: Path = FOLDER) -> tuple[str, bool]:
    """Apply what is missing in one transaction: all of it is done, or nothing is.

    Args:
        connection: no transaction may be open; foreign keys must be off.
        path: the database file, copied to `<name>.before-<old version>` before it changes.
        folder: holds `versions/`.

    Returns:
        The version now, and whether it changed.

    Raises:
        StoreError: the store is newer than these migrations, or is not one.
    """
    script = ScriptDirectory(str(folder))
    head = str(script.get_current_head())
    with connection.begin():  # takes the write lock: of two processes one migrates and the other finds it done
        old = _version(connection, script, path)
        if old == head:
            return head, False
        if old:
            copy_database(path, path.with_name(f"{path.name}.before-{old}"))
        _run(connection, script)
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        if broken:
            raise StoreError(f"Expected every row to keep its parent when the schema changed; {len(broken)} lost it.")
    return head, True


def require_current(connection: sa.Connection, path: Path, folder: Path = FOLDER) -> str:
    """The version of a store that is only read.

    Raises:
        StoreError: it is newer or older than this program, or is no store.
    """
    script = ScriptDirectory(str(folder))
    version = _version(connection, script, path)
    if version != script.get_current_head():
        raise StoreError(
            f"Expected the store at {path} to be up to date; found schema {version or 'none'}. "
            "Start `caseloop serve` or `caseloop import` once: they bring it up to date."
        )
    return str(version)


def _version(connection: sa.Connection, script: ScriptDirectory, path: Path) -> str | None:
    """The newest migration that the store has; None for an empty file."""
    tables = set(connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars())
    if not tables:
        return None
    if "alembic_version" not in tables:
        raise StoreError(
            f"Expected a store at {path}; found another program's database. Move it away or choose another."
        )
    version = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    known = [revision.revision for revision in script.walk_revisions()]
    if version not in known:
        raise StoreError(
            f"Expected a store of schema {known[0]} or older at {path}; found {version}, written by a newer version. "
            "Install that version, or put the copy from before its upgrade in place."
        )
    return str(version)


def _run(connection: sa.Connection, script: ScriptDirectory) -> None:
    def steps(revision: str | tuple[str, ...], _: MigrationContext) -> list[RevisionStep]:
        return list(script._upgrade_revs("head", revision))  # type: ignore[arg-type]

    with EnvironmentContext(Config(), script, fn=steps) as environment:
        environment.configure(connection=connection)
        environment.run_migrations()
