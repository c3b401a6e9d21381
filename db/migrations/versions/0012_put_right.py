"""Putting right what was imported: imports are rows, a note may replace another, and notes can be deleted.

Rows that are otherwise never deleted may go with their note, by one narrow door: the note is among those that a lead
has had deleted. Its number stays there for good, so that no other note gets it. A note that came without an id may be
given one, once; nothing else that a note is changes.
"""

from __future__ import annotations

from alembic import op

from db.schema.dialects import POSTGRES

revision = "0012"
down_revision = "0011"

NOTE_IMPORT = """
CREATE TABLE note_import (
    id INTEGER NOT NULL CONSTRAINT pk_note_import PRIMARY KEY,
    begun_at TEXT NOT NULL,
    ended_at TEXT,
    brought_by TEXT NOT NULL,
    source TEXT NOT NULL,
    files TEXT NOT NULL CONSTRAINT ck_note_import_files CHECK (json_valid(files)),
    n_files INTEGER NOT NULL CONSTRAINT ck_note_import_n_files CHECK (n_files >= 0),
    options TEXT NOT NULL CONSTRAINT ck_note_import_options CHECK (json_valid(options)),
    n_added INTEGER NOT NULL,
    n_known INTEGER NOT NULL,
    n_labelled INTEGER NOT NULL,
    n_updated INTEGER NOT NULL,
    n_superseded INTEGER NOT NULL,
    n_refused INTEGER NOT NULL,
    undone_at TEXT,
    undone_by TEXT
) STRICT
"""
DELETION = """
CREATE TABLE deletion (
    id INTEGER NOT NULL CONSTRAINT pk_deletion PRIMARY KEY,
    begun_at TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    reason TEXT NOT NULL CONSTRAINT ck_deletion_reason CHECK (length(reason) BETWEEN 1 AND 1000),
    n_notes INTEGER NOT NULL CONSTRAINT ck_deletion_n_notes CHECK (n_notes > 0),
    finished_at TEXT
) STRICT
"""
# The hashes say which rows of files to take out; they are gone once that is done.
DELETED_NOTE = """
CREATE TABLE deleted_note (
    note_id INTEGER NOT NULL CONSTRAINT pk_deleted_note PRIMARY KEY,
    deletion_id INTEGER NOT NULL CONSTRAINT fk_deleted_note_deletion_id_deletion REFERENCES deletion (id),
    text_hash TEXT,
    content_hash TEXT
) STRICT
"""
JSONS = ("files", "options")
IS_SUPERSEDED = (
    "is_superseded INTEGER NOT NULL DEFAULT 0 CONSTRAINT ck_note_is_superseded CHECK (is_superseded IN (0, 1))"
)
COLUMNS = {
    "note": (
        "source TEXT NOT NULL DEFAULT ''",
        "import_id INTEGER CONSTRAINT fk_note_import_id_note_import REFERENCES note_import (id)",
        "supersedes_id INTEGER CONSTRAINT fk_note_supersedes_id_note REFERENCES note (id)",
        IS_SUPERSEDED,
    ),
    "offer": ("note_id INTEGER CONSTRAINT fk_offer_note_id_note REFERENCES note (id)",),
}
UNDECIDED = (
    "(origin = 'incoming' OR (origin = 'sample' AND gold IS NULL)) AND state IN ('todo', 'draft') AND is_superseded = 0"
)
WAITING = f"{UNDECIDED} AND is_disputed = 0"
CHANGED_INDEXES = {
    "ix_note_queue": f"note (is_suggested, id) WHERE {WAITING}",
    "ix_note_free": f"note (is_suggested, id) WHERE {WAITING} AND is_claimed = 0",
    "ix_note_prefill": f"note (suggested_by, id) WHERE {WAITING}",
    "ix_note_counts": "note (is_superseded, origin, state, is_suggested, split)",
}
INDEXES = (
    "CREATE UNIQUE INDEX uq_note_identity ON note (text_hash, coalesce(external_id, ''), source)",
    "CREATE INDEX ix_note_import ON note (import_id) WHERE import_id IS NOT NULL",
    "CREATE INDEX ix_note_supersedes ON note (supersedes_id) WHERE supersedes_id IS NOT NULL",
    "CREATE INDEX ix_note_superseded ON note (id) WHERE is_superseded = 1",
    "CREATE INDEX ix_offer_note ON offer (note_id) WHERE note_id IS NOT NULL",
    "CREATE INDEX ix_deleted_note_deletion ON deleted_note (deletion_id)",
)
FIXED = "id, content_hash, text_hash, split, added_at, source, import_id"
NEVER, STAYS = "what a note is never changes", "a note is deleted by a lead, with all that is about it"
KEPT = ("suggestion", "annotation", "opinion", "preference")
LEAVES = "EXISTS (SELECT 1 FROM deleted_note WHERE note_id = OLD.{key})"
SQLITE_TRIGGERS = (
    f"""CREATE TRIGGER note_identity_fixed BEFORE UPDATE OF {FIXED} ON note BEGIN
        SELECT RAISE(ABORT, '{NEVER}');
    END""",
    f"""CREATE TRIGGER note_id_fixed BEFORE UPDATE OF external_id ON note WHEN OLD.external_id IS NOT NULL BEGIN
        SELECT RAISE(ABORT, '{NEVER}');
    END""",
    """CREATE TRIGGER note_named AFTER UPDATE OF external_id ON note BEGIN
        INSERT INTO note_search (note_search, rowid, text, external_id)
            SELECT 'delete', OLD.id, text, OLD.external_id FROM note_text WHERE note_id = OLD.id;
        INSERT INTO note_search (rowid, text, external_id)
            SELECT NEW.id, text, NEW.external_id FROM note_text WHERE note_id = NEW.id;
    END""",
    f"""CREATE TRIGGER note_no_delete BEFORE DELETE ON note
        WHEN OLD.origin IS NOT 'sample' AND NOT {LEAVES.format(key="id")} BEGIN
        SELECT RAISE(ABORT, '{STAYS}');
    END""",
    """CREATE TRIGGER deleted_note_no_delete BEFORE DELETE ON deleted_note BEGIN
        SELECT RAISE(ABORT, 'a row of deleted_note is never changed');
    END""",
    *(
        f"""CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table}
            WHEN (SELECT origin FROM note WHERE id = OLD.note_id) IS NOT 'sample'
            AND NOT {LEAVES.format(key="note_id")} BEGIN
            SELECT RAISE(ABORT, 'a row of {table} is never changed');
        END"""  # noqa: S608 - names of this module
        for table in KEPT
    ),
)
POSTGRES_FUNCTIONS = (
    """CREATE OR REPLACE FUNCTION refuse_unless_sample() RETURNS trigger LANGUAGE plpgsql AS $body$
    BEGIN
        IF (SELECT origin FROM note WHERE id = OLD.note_id) IS DISTINCT FROM 'sample'
            AND NOT EXISTS (SELECT 1 FROM deleted_note WHERE note_id = OLD.note_id) THEN
            RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation', MESSAGE = TG_ARGV[0];
        END IF;
        RETURN OLD;
    END
    $body$""",
    """CREATE FUNCTION refuse_unless_deleted() RETURNS trigger LANGUAGE plpgsql AS $body$
    BEGIN
        IF OLD.origin <> 'sample' AND NOT EXISTS (SELECT 1 FROM deleted_note WHERE note_id = OLD.id) THEN
            RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation', MESSAGE = TG_ARGV[0];
        END IF;
        RETURN OLD;
    END
    $body$""",
    """CREATE FUNCTION note_is_named() RETURNS trigger LANGUAGE plpgsql AS $body$
    BEGIN
        UPDATE note_search SET document = note_document(NEW.external_id, text)
            FROM note_text WHERE note_id = NEW.id AND rowid = NEW.id;
        RETURN NULL;
    END
    $body$""",
)
POSTGRES_TRIGGERS = (
    f"note_identity_fixed BEFORE UPDATE OF {FIXED} ON note FOR EACH ROW EXECUTE FUNCTION refuse('{NEVER}')",
    f"""note_id_fixed BEFORE UPDATE OF external_id ON note FOR EACH ROW WHEN (OLD.external_id IS NOT NULL)
        EXECUTE FUNCTION refuse('{NEVER}')""",
    "note_named AFTER UPDATE OF external_id ON note FOR EACH ROW EXECUTE FUNCTION note_is_named()",
    f"note_no_delete BEFORE DELETE ON note FOR EACH ROW EXECUTE FUNCTION refuse_unless_deleted('{STAYS}')",
    """deleted_note_no_delete BEFORE DELETE ON deleted_note FOR EACH ROW
        EXECUTE FUNCTION refuse('a row of deleted_note is never changed')""",
)


def upgrade() -> None:
    """Add the tables and columns, and let what is about a note go with it."""
    is_postgres = op.get_bind().dialect.name == POSTGRES
    for table in (NOTE_IMPORT, DELETION, DELETED_NOTE):
        op.execute(_in_postgres(table) if is_postgres else table)
    for table, columns in COLUMNS.items():
        for column in columns:
            op.execute(f"ALTER TABLE {table} ADD COLUMN {_in_postgres(column) if is_postgres else column}")
    op.execute("DROP INDEX uq_note_identity")
    for name, index in CHANGED_INDEXES.items():
        op.execute(f"DROP INDEX {name}")
        op.execute(f"CREATE INDEX {name} ON {index}")
    for index in INDEXES:
        op.execute(index)
    if is_postgres:
        op.execute("DROP TRIGGER note_identity_fixed ON note")
        for function in POSTGRES_FUNCTIONS:
            op.execute(function)
        for trigger in POSTGRES_TRIGGERS:
            op.execute(f"CREATE TRIGGER {trigger}")
        return
    for name in ("note_identity_fixed", *(f"{table}_no_delete" for table in KEPT)):
        op.execute(f"DROP TRIGGER {name}")
    for trigger in SQLITE_TRIGGERS:
        op.execute(trigger)


def _in_postgres(statement: str) -> str:
    """A table or a column as PostgreSQL has it: numbers, texts that sort by their characters, JSON."""
    for name in JSONS:
        statement = statement.replace(
            f"{name} TEXT NOT NULL CONSTRAINT ck_note_import_{name} CHECK (json_valid({name}))", f"{name} json NOT NULL"
        )
    key = "INTEGER NOT NULL CONSTRAINT pk_"
    if "deleted_note" not in statement:
        statement = statement.replace(key, "bigint GENERATED BY DEFAULT AS IDENTITY CONSTRAINT pk_")
    if not statement.startswith("is_"):  # as the others of their kind
        statement = statement.replace("INTEGER", "bigint")
    return statement.replace("TEXT", 'text COLLATE "C"').replace(" STRICT", "")
