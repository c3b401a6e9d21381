"""Identity: a note is its external id and its exact text; the content hash only splits the hold-out.

SQLite drops no constraint in place, so its table of notes is built anew around its rows: as it is written now, without
the one and with the new column, whatever else it has by then.
"""

from __future__ import annotations

import hashlib
import re
import sys

import sqlalchemy as sa
from alembic import op

from db.schema.dialects import POSTGRES

revision = "0008"
down_revision = "0007"

INDEXES = (
    "CREATE UNIQUE INDEX uq_note_identity ON note (text_hash, coalesce(external_id, ''))",
    "CREATE INDEX ix_note_content_hash ON note (content_hash)",
)
FIXED = "id, content_hash, external_id, split, added_at"
FIXED_NOW = "id, content_hash, text_hash, external_id, split, added_at"
SPACE = "".join(chr(code) for code in range(sys.maxunicode + 1) if chr(code).isspace())
"""What `str.strip` takes away."""


def upgrade() -> None:
    """Give every note the hash of its exact text, and let that and its id be what may be there once."""
    if op.get_bind().dialect.name == POSTGRES:
        _change_postgres()
    else:
        _rebuild()
    for index in INDEXES:
        op.execute(index)


def _change_postgres() -> None:
    connection = op.get_bind()
    op.execute("DROP TRIGGER note_identity_fixed ON note")
    op.execute("ALTER TABLE note DROP CONSTRAINT uq_note_content_hash")
    op.execute('ALTER TABLE note ADD COLUMN text_hash text COLLATE "C"')
    connection.execute(
        sa.text(
            "UPDATE note SET text_hash = encode(sha256(convert_to(btrim(n.text, :space), 'UTF8')), 'hex') "
            "FROM note_text n WHERE n.note_id = note.id"
        ),
        {"space": SPACE},
    )
    op.execute("ALTER TABLE note ALTER COLUMN text_hash SET NOT NULL")
    op.execute(
        f"CREATE TRIGGER note_identity_fixed BEFORE UPDATE OF {FIXED_NOW} ON note "
        "FOR EACH ROW EXECUTE FUNCTION refuse('what a note is never changes')"
    )


def _rebuild() -> None:
    connection = op.get_bind()
    connection.connection.driver_connection.create_function(  # type: ignore[union-attr]
        "hash_of_text", 1, lambda text: hashlib.sha256(text.strip().encode("utf-8")).hexdigest(), deterministic=True
    )
    kept = connection.exec_driver_sql(
        "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND (type IN ('trigger', 'view') "
        "OR (type = 'index' AND tbl_name = 'note')) ORDER BY type = 'trigger', type = 'index'"
    ).all()
    for kind, name, _ in kept:  # what names the table would hinder the new one's taking its name
        op.execute(f"DROP {kind} {name}")
    table = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = 'note'").scalar_one()
    columns = ", ".join(row[1] for row in connection.exec_driver_sql("PRAGMA table_info(note)"))
    connection.exec_driver_sql(_with_text_hash(table))
    connection.exec_driver_sql(
        f"INSERT INTO note_new ({columns}, text_hash) "  # noqa: S608 - the table's own columns
        f"SELECT {columns}, (SELECT hash_of_text(text) FROM note_text WHERE note_id = note.id) FROM note"
    )
    op.execute("DROP TABLE note")
    op.execute("ALTER TABLE note_new RENAME TO note")
    for _, _, statement in kept:
        connection.exec_driver_sql(statement.replace(FIXED, FIXED_NOW))


def _with_text_hash(table: str) -> str:
    """The statement that makes the table, for one called `note_new`, with the new column beside the old hash."""
    renamed = re.sub(r'^CREATE TABLE "?note"?', "CREATE TABLE note_new", table)
    return renamed.replace(
        "content_hash TEXT NOT NULL CONSTRAINT uq_note_content_hash UNIQUE,",
        "content_hash TEXT NOT NULL,\n    text_hash TEXT NOT NULL,",
    )
