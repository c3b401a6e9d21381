"""Putting right what was imported: imports are rows, a note may replace another, and notes can be deleted.

Rows that are otherwise never deleted may go with their note, by one narrow door: the note is among those that a lead
has had deleted. Its number stays there for good, so that no other note gets it. A note that came without an id may be
given one, once; nothing else that a note is changes.

What came with a note is found by its words as well, and the names that it goes by are kept, in their order. SQLite's
index gets a column, so it is made anew from the notes; in PostgreSQL the words go behind those of the text.
"""

from __future__ import annotations

import json

import sqlalchemy as sa
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
)
POSTGRES_TRIGGERS = (
    f"note_identity_fixed BEFORE UPDATE OF {FIXED} ON note FOR EACH ROW EXECUTE FUNCTION refuse('{NEVER}')",
    f"""note_id_fixed BEFORE UPDATE OF external_id ON note FOR EACH ROW WHEN (OLD.external_id IS NOT NULL)
        EXECUTE FUNCTION refuse('{NEVER}')""",
    f"note_no_delete BEFORE DELETE ON note FOR EACH ROW EXECUTE FUNCTION refuse_unless_deleted('{STAYS}')",
    """deleted_note_no_delete BEFORE DELETE ON deleted_note FOR EACH ROW
        EXECUTE FUNCTION refuse('a row of deleted_note is never changed')""",
)

NAMES = "metadata.names"
# A table of its own: what the index is made from again must not ask for a function that is a table.
TABLE = """CREATE TABLE note_search_metadata (
    note_id INTEGER NOT NULL CONSTRAINT pk_note_search_metadata PRIMARY KEY
        CONSTRAINT fk_note_search_metadata_note_id_note REFERENCES note (id) ON DELETE CASCADE,
    words TEXT NOT NULL
) STRICT"""
# Of nested values as well, but not of their keys.
FILL = """INSERT INTO note_search_metadata (note_id, words)
    SELECT {row}.id, words FROM (SELECT group_concat(atom, ' ') AS words FROM json_tree({row}.metadata)
        WHERE type IN ('text', 'integer', 'real')) WHERE words IS NOT NULL"""
PUT = "INSERT INTO note_search (rowid, text, external_id, metadata) "
TAKE = "INSERT INTO note_search (note_search, rowid, text, external_id, metadata) SELECT 'delete', "
INDEX_IN_SQLITE = (
    "DROP TRIGGER note_text_indexed",
    "DROP TRIGGER note_text_unindexed",
    "DROP TABLE note_search",
    "DROP VIEW note_document",
    TABLE,
    """INSERT INTO note_search_metadata (note_id, words)
    SELECT note.id, group_concat(atom, ' ') FROM note, json_tree(note.metadata)
    WHERE type IN ('text', 'integer', 'real') GROUP BY note.id""",
    """CREATE VIEW note_document AS
    SELECT note.id AS id, note_text.text AS text, note.external_id AS external_id, found.words AS metadata
    FROM note JOIN note_text ON note_text.note_id = note.id
        LEFT JOIN note_search_metadata AS found ON found.note_id = note.id""",
    """CREATE VIRTUAL TABLE note_search USING fts5 (
    text, external_id, metadata, content = 'note_document', content_rowid = 'id', tokenize = 'unicode61'
)""",
    "INSERT INTO note_search (note_search, rank) VALUES ('hashsize', 16777216)",
    "INSERT INTO note_search (note_search) VALUES ('rebuild')",
    f"""CREATE TRIGGER note_described AFTER INSERT ON note WHEN NEW.metadata <> '{{}}' BEGIN
        {FILL.format(row="NEW")};
    END""",
    f"""CREATE TRIGGER note_text_indexed AFTER INSERT ON note_text BEGIN
        {PUT} SELECT NEW.note_id, NEW.text, external_id,
            (SELECT words FROM note_search_metadata WHERE note_id = NEW.note_id) FROM note WHERE id = NEW.note_id;
    END""",  # noqa: S608 - parts of this module
    f"""CREATE TRIGGER note_text_unindexed BEFORE DELETE ON note_text BEGIN
        {TAKE} * FROM note_document WHERE id = OLD.note_id;
    END""",
    f"""CREATE TRIGGER note_named AFTER UPDATE OF external_id, metadata ON note BEGIN
        {TAKE} id, text, OLD.external_id, metadata FROM note_document WHERE id = OLD.id;
        DELETE FROM note_search_metadata WHERE note_id = OLD.id;
        {FILL.format(row="NEW")};
        {PUT} SELECT * FROM note_document WHERE id = NEW.id;
    END""",  # noqa: S608 - parts of this module
)
# As SQLite has it from Python; the collation says what a letter is.
LOWER = """CREATE FUNCTION lower_text(given text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $body$
    SELECT lower(given COLLATE {collation}) COLLATE "C"
$body$"""
DOCUMENT = "note_document({row}.external_id, {text}, {row}.metadata)"
INDEX_IN_POSTGRES = (
    """CREATE FUNCTION note_document(external_id text, given text, metadata json)
        RETURNS tsvector LANGUAGE sql IMMUTABLE AS $body$
        SELECT CASE WHEN metadata::text = '{}' THEN note_document(external_id, given)
            ELSE note_document(external_id, given) || note_document(NULL, (
                SELECT string_agg(part #>> '{}', ' ') FROM jsonb_path_query(metadata::jsonb, 'strict $.**') part
                WHERE jsonb_typeof(part) IN ('string', 'number'))) END
    $body$""",
    f"""CREATE OR REPLACE FUNCTION note_text_is_indexed() RETURNS trigger LANGUAGE plpgsql AS $body$
    BEGIN
        INSERT INTO note_search (rowid, document)
            SELECT NEW.note_id, {DOCUMENT.format(row="note", text="NEW.text")} FROM note WHERE id = NEW.note_id;
        RETURN NULL;
    END
    $body$""",  # noqa: S608 - parts of this module
    f"""CREATE FUNCTION note_is_named() RETURNS trigger LANGUAGE plpgsql AS $body$
    BEGIN
        UPDATE note_search SET document = {DOCUMENT.format(row="NEW", text="text")}
            FROM note_text WHERE note_id = NEW.id AND rowid = NEW.id;
        RETURN NULL;
    END
    $body$""",  # noqa: S608 - parts of this module
    """CREATE TRIGGER note_named AFTER UPDATE OF external_id, metadata ON note
        FOR EACH ROW EXECUTE FUNCTION note_is_named()""",
    f"""UPDATE note_search SET document = {DOCUMENT.format(row="note", text="text")}
        FROM note JOIN note_text ON note_id = note.id WHERE rowid = note.id AND note.metadata::text <> '{{}}'""",  # noqa: S608 - parts of this module
)
NAMES_FOUND = {
    "sqlite": """SELECT each.key FROM note, json_each(note.metadata) AS each
        GROUP BY each.key ORDER BY min(note.id), min(each.id)""",
    POSTGRES: """SELECT key FROM note, json_each(metadata) WITH ORDINALITY AS each (key, value, place)
        GROUP BY key ORDER BY min(note.id), min(place)""",
}


def upgrade() -> None:
    """Add the tables and columns, let what is about a note go with it, and index what came with it."""
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
    else:
        _change_triggers()
    _index_metadata()


def _change_triggers() -> None:
    for name in ("note_identity_fixed", *(f"{table}_no_delete" for table in KEPT)):
        op.execute(f"DROP TRIGGER {name}")
    for trigger in SQLITE_TRIGGERS:
        op.execute(trigger)


def _index_metadata() -> None:
    connection = op.get_bind()
    dialect = connection.dialect.name
    if dialect == POSTGRES:
        unicode = "SELECT count(*) FROM pg_collation WHERE collname = 'und-x-icu'"
        collation = '"und-x-icu"' if connection.exec_driver_sql(unicode).scalar() else '"default"'
        connection.exec_driver_sql(LOWER.format(collation=collation))
    for statement in INDEX_IN_POSTGRES if dialect == POSTGRES else INDEX_IN_SQLITE:
        connection.exec_driver_sql(statement)
    names = list(connection.exec_driver_sql(NAMES_FOUND[dialect]).scalars())
    if names:
        connection.execute(
            sa.text("INSERT INTO setting (key, value, changed_by, changed_at) VALUES (:key, :value, '', :at)"),
            {"key": NAMES, "value": json.dumps(names, ensure_ascii=False), "at": "2026-01-01T00:00:00.000000Z"},
        )


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
