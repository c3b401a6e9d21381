"""What came with a note is found by its words as well, and the names that it goes by are kept, in their order.

SQLite's index gets a column, so it is made anew from the notes; in PostgreSQL the words go behind those of the text.
"""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

from db.schema.dialects import POSTGRES

revision = "0019"
down_revision = "0012"

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
SQLITE = (
    "DROP TRIGGER note_text_indexed",
    "DROP TRIGGER note_text_unindexed",
    "DROP TRIGGER IF EXISTS note_named",
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
IN_POSTGRES = (
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
    f"""CREATE OR REPLACE FUNCTION note_is_named() RETURNS trigger LANGUAGE plpgsql AS $body$
    BEGIN
        UPDATE note_search SET document = {DOCUMENT.format(row="NEW", text="text")}
            FROM note_text WHERE note_id = NEW.id AND rowid = NEW.id;
        RETURN NULL;
    END
    $body$""",  # noqa: S608 - parts of this module
    "DROP TRIGGER IF EXISTS note_named ON note",
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
    """Index what came with the notes, and keep its names."""
    connection = op.get_bind()
    dialect = connection.dialect.name
    if dialect == POSTGRES:
        unicode = "SELECT count(*) FROM pg_collation WHERE collname = 'und-x-icu'"
        collation = '"und-x-icu"' if connection.exec_driver_sql(unicode).scalar() else '"default"'
        connection.exec_driver_sql(LOWER.format(collation=collation))
    for statement in IN_POSTGRES if dialect == POSTGRES else SQLITE:
        connection.exec_driver_sql(statement)
    names = list(connection.exec_driver_sql(NAMES_FOUND[dialect]).scalars())
    if names:
        connection.execute(
            sa.text("INSERT INTO setting (key, value, changed_by, changed_at) VALUES (:key, :value, '', :at)"),
            {"key": NAMES, "value": json.dumps(names, ensure_ascii=False), "at": "2026-01-01T00:00:00.000000Z"},
        )
