"""Full-text search in PostgreSQL: the same words find the same notes as in SQLite, by what is built in."""

from __future__ import annotations

import sqlalchemy as sa

# As SQLite's `unicode61` has it: words are what lies between all that is neither letter nor number, in lower case and
# without marks on their letters. The collation says what a letter is; that of Unicode is there unless the server was
# built without it.
WORDS = r"""
CREATE FUNCTION note_words(given text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $body$
    SELECT btrim(regexp_replace(
        lower(regexp_replace(normalize(given, NFD), '[\u0300-\u036f]', '', 'g') COLLATE {collation}),
        '[^[:alnum:]]+', ' ', 'g'))
$body$
"""
# A word that nobody can type, since it has a sign in it that the others lose, parts the external id from the text.
DOCUMENT = """
CREATE FUNCTION note_document(external_id text, given text) RETURNS tsvector LANGUAGE sql IMMUTABLE AS $body$
    SELECT ts_delete(to_tsvector('pg_catalog.simple',
        note_words(coalesce(external_id, '')) || ' 0.5 ' || note_words(given)), '0.5')
$body$
"""
# Every word of what was typed becomes its parts side by side; what is left of it has no signs, so none is an operator.
QUERY = """
CREATE FUNCTION note_query(words text[], is_unfinished boolean) RETURNS tsquery LANGUAGE plpgsql STABLE AS $body$
DECLARE
    found tsquery := '';
    part text;
    number integer;
BEGIN
    FOR number IN 1 .. coalesce(array_length(words, 1), 0) LOOP
        part := replace(note_words(words[number]), ' ', ' <-> ');
        IF part = '' THEN
            CONTINUE;
        END IF;
        IF is_unfinished AND number = array_length(words, 1) THEN
            part := part || ':*';
        END IF;
        found := found && to_tsquery('pg_catalog.simple', part);
    END LOOP;
    RETURN found;
END
$body$
"""


def functions(connection: sa.Connection) -> tuple[str, ...]:
    """The statements that make the functions."""
    unicode = "SELECT count(*) FROM pg_collation WHERE collname = 'und-x-icu'"
    collation = '"und-x-icu"' if connection.exec_driver_sql(unicode).scalar() else '"default"'
    return WORDS.format(collation=collation), DOCUMENT, QUERY
