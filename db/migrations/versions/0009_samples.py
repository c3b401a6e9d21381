"""Samples: the notes that come with caseloop are an origin of their own, so that nothing is learned from them by
mistake and all of them can be taken out.

In a store that has them already they are known by the hashes of their texts; what people did with them stays.
Rows that are otherwise never deleted may be where their note is a sample, and no note becomes one later.
"""

from __future__ import annotations

import re
from pathlib import Path

import sqlalchemy as sa
from alembic import op

from db.schema.dialects import POSTGRES

revision = "0009"
down_revision = "0008"

HASHES = Path(__file__).parents[1] / "0009_samples.txt"
"""The beginnings of the samples' text hashes: the notes that are shipped may be others by the time this runs."""

ORIGINS = ("CHECK (origin IN ('original', 'incoming'))", "CHECK (origin IN ('original', 'incoming', 'sample'))")
HAS_GOLD = ("CHECK (origin = 'incoming' OR gold IS NOT NULL)", "CHECK (origin <> 'original' OR gold IS NOT NULL)")
UNDECIDED = "(origin = 'incoming' OR (origin = 'sample' AND gold IS NULL)) AND state IN ('todo', 'draft')"
WAITING = f"{UNDECIDED} AND is_disputed = 0"
INDEXES = {
    "ix_note_queue": f"note (is_suggested, id) WHERE {WAITING}",
    "ix_note_free": f"note (is_suggested, id) WHERE {WAITING} AND is_claimed = 0",
    "ix_note_prefill": f"note (suggested_by, id) WHERE {WAITING}",
}
KEPT = ("suggestion", "annotation", "opinion", "preference")
NO_SAMPLE = "(SELECT origin FROM note WHERE id = OLD.note_id) IS NOT 'sample'"
NOT_LATER = "a note does not become a sample, nor ceases to be one"
IN_POSTGRES = (
    "ALTER TABLE note DROP CONSTRAINT ck_note_origin, DROP CONSTRAINT ck_note_original_has_gold",
    f"ALTER TABLE note ADD CONSTRAINT ck_note_origin {ORIGINS[1]}",
    f"ALTER TABLE note ADD CONSTRAINT ck_note_original_has_gold {HAS_GOLD[1]}",
)
FUNCTION = """
CREATE FUNCTION refuse_unless_sample() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF (SELECT origin FROM note WHERE id = OLD.note_id) IS DISTINCT FROM 'sample' THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation', MESSAGE = TG_ARGV[0];
    END IF;
    RETURN OLD;
END
$body$
"""


def upgrade() -> None:
    """Allow the origin, give it to the samples that there are, and let samples go."""
    is_postgres = op.get_bind().dialect.name == POSTGRES
    for name in INDEXES:
        op.execute(f"DROP INDEX {name}")
    if is_postgres:
        for statement in IN_POSTGRES:
            op.execute(statement)
    else:
        _build_anew()
    _mark()
    for name, index in INDEXES.items():
        op.execute(f"CREATE INDEX {name} ON {index}")
    if is_postgres:
        op.execute(FUNCTION)
    for table in KEPT:
        _let_samples_go(table, is_postgres)
    if is_postgres:
        op.execute(
            "CREATE TRIGGER note_sample_fixed BEFORE UPDATE OF origin ON note FOR EACH ROW "
            "WHEN ((OLD.origin = 'sample') <> (NEW.origin = 'sample')) "
            f"EXECUTE FUNCTION refuse('{NOT_LATER}')"
        )
    else:
        op.execute(
            "CREATE TRIGGER note_sample_fixed BEFORE UPDATE OF origin ON note "
            "WHEN (OLD.origin = 'sample') <> (NEW.origin = 'sample') "
            f"BEGIN SELECT RAISE(ABORT, '{NOT_LATER}'); END"
        )


def _build_anew() -> None:
    """Make the table of notes with other rules in SQLite, which changes none in place; whatever columns it has."""
    bind = op.get_bind()
    schema = bind.exec_driver_sql("SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL").all()
    (made,) = (row.sql for row in schema if row.type == "table" and row.name == "note")
    for old, new in (ORIGINS, HAS_GOLD):
        if made.count(old) != 1:
            raise ValueError(f"Expected the rule {old} in the table of notes; found another.")
        made = made.replace(old, new)
    # Triggers and views that name the table would stop it from being renamed.
    around = [row for row in schema if row.type in ("view", "trigger")]
    around += [row for row in schema if row.type == "index" and row.tbl_name == "note"]
    for row in around:
        if row.type != "index":
            op.execute(f"DROP {row.type.upper()} {row.name}")
    bind.exec_driver_sql(re.sub(r'^CREATE TABLE "?note"?', "CREATE TABLE note_new", made))
    op.execute("INSERT INTO note_new SELECT * FROM note")
    op.execute("DROP TABLE note")
    op.execute("ALTER TABLE note_new RENAME TO note")
    for row in sorted(around, key=lambda row: ("view", "index", "trigger").index(row.type)):
        bind.exec_driver_sql(row.sql)


def _mark() -> None:
    """Give the origin to the notes whose text is one that was shipped when this was written."""
    bind, beginnings = op.get_bind(), HASHES.read_text(encoding="ascii").split()
    note = sa.table("note", sa.column("id"), sa.column("text_hash"), sa.column("origin"))
    beginning = sa.func.substr(note.c.text_hash, 1, len(beginnings[0]))
    bind.execute(sa.update(note).where(beginning.in_(beginnings)).values(origin="sample"))


def _let_samples_go(table: str, is_postgres: bool) -> None:
    """Let rows about a sample be deleted; about any other note they stay, as before."""
    name, told = f"{table}_no_delete", f"a row of {table} is never changed"
    if is_postgres:
        op.execute(f"DROP TRIGGER {name} ON {table}")
        op.execute(
            f"CREATE TRIGGER {name} BEFORE DELETE ON {table} FOR EACH ROW "
            f"EXECUTE FUNCTION refuse_unless_sample('{told}')"
        )
        return
    op.execute(f"DROP TRIGGER {name}")
    op.execute(
        f"CREATE TRIGGER {name} BEFORE DELETE ON {table} WHEN {NO_SAMPLE} BEGIN SELECT RAISE(ABORT, '{told}'); END"
    )
