"""Full-text search in PostgreSQL: the same words find the same notes as in SQLite, by what is built in."""

from __future__ import annotations

import sqlalchemy as sa

# As SQLite's `unicode61` has it: words are what lies between all that is neither letter nor number, in lower case and
# without marks on their letters. The collation says what a letter is; that of Unicode is there unless the server was
# built without it. It takes no sign such as the 2 of a square metre for a number, so these are named.
WORDS = r"""
CREATE FUNCTION note_words(given text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $body$
    SELECT btrim(regexp_replace(
        lower(regexp_replace(normalize(given, NFD), '[\u0300-\u036f]', '', 'g') COLLATE {collation}),
        '[^[:alnum:]\u00b2\u00b3\u00b9\u00bc-\u00be\u2070-\u2079\u2080-\u2089\u2150-\u218b\u2460-\u249b]+',
        ' ', 'g'))
$body$
"""
# Without the server's own parser, which takes 3.5e10, a/b and x-y for what they look like. Words longer than an index
# holds are cut. A phrase does not reach from the external id into the text: there is a place between them.
DOCUMENT = """
CREATE FUNCTION note_document(external_id text, given text) RETURNS tsvector LANGUAGE sql IMMUTABLE AS $body$
    WITH named AS (
        SELECT word, place FROM string_to_table(note_words(coalesce(external_id, '')), ' ')
        WITH ORDINALITY AS words (word, place)
    ), told AS (
        SELECT word, place + 1 + (SELECT count(*) FROM named) AS place FROM string_to_table(note_words(given), ' ')
        WITH ORDINALITY AS words (word, place)
    )
    SELECT coalesce(string_agg(left(word, 500) || ':' || least(place, 16383), ' '), '')::tsvector
    FROM (SELECT * FROM named UNION ALL SELECT * FROM told) AS every WHERE word <> ''
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
        SELECT string_agg(left(word, 500), ' <-> ' ORDER BY place) INTO part
            FROM string_to_table(note_words(words[number]), ' ') WITH ORDINALITY AS parts (word, place)
            WHERE word <> '';
        IF part IS NULL THEN
            CONTINUE;
        END IF;
        IF is_unfinished AND number = array_length(words, 1) THEN
            part := part || ':*';
        END IF;
        found := found && part::tsquery;
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
