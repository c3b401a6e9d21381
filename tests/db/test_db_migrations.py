"""Migrations: a copy of before, nothing half done, nothing newer opened; the queries know what they make."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from data.identity import text_hash
from data.notes import make_note
from data.suggestion import Span
from db import migrations
from db.notes.imports import list_imports
from db.notes.notes import add_notes, get_note
from db.notes.queue.search import counts
from db.notes.suggestions import add_suggestion, get_suggestion, suggestion_of
from db.review.bulk import Many
from db.review.lifecycle.deletion import delete_notes
from db.schema import tables
from db.schema.errors import StoreError
from db.store.store import Store, open_store
from tests.kit.desk.empty_stores import migrations_before
from tests.kit.desk.permits import person_in, program_in
from tests.kit.desk.stores import DATABASES, TASK, add, mode, suggestion
from tests.kit.desk.stores import file_store as store
from tests.kit.homes import ROOT

__all__ = ["store"]

HEAD = migrations.head()
LATER = f"{int(HEAD) + 1:04}"
SECOND = f"""
from alembic import op
revision, down_revision = "{LATER}", "{HEAD}"
def upgrade():
    op.execute("CREATE TABLE novelty (x INTEGER) STRICT")
    op.execute("ALTER TABLE reviewer ADD COLUMN email TEXT")
"""


OLD_NOTES = (
    *(
        f"""INSERT INTO note (id, content_hash, split, origin, metadata, state, revision, is_suggested, added_at,
        updated_at) VALUES ({number}, '{number:064}', 'train', 'incoming', '{{}}', 'todo', 0, 0,
        '2026-01-01T00:00:00.000000Z', '2026-01-01T00:00:00.000000Z')"""
        for number in (1, 2)
    ),
    "INSERT INTO note_text (note_id, text) VALUES (1, :one), (2, :other)",
)
OLD_SUGGESTION = """
INSERT INTO suggestion (note_id, adapter, prompt_version, extraction, confidence, min_confidence, evidence,
    alternatives, raw_reply, latency_ms, created_at)
VALUES (1, 'first', 1, '{"stage": "IV"}', '{"stage": 0.5}', 0.5, '{"stage": [[0, 6]]}',
    '{}', 'as it came', 12, '2026-01-01T00:00:00.000000Z')
"""


@pytest.fixture
def later(tmp_path: Path) -> Path:
    """The migrations of a later version."""
    folder = tmp_path / "later"
    shutil.copytree(migrations.FOLDER / "versions", folder / "versions")
    shutil.copy(migrations.FOLDER / "0009_samples.txt", folder)
    (folder / "versions" / f"{LATER}_novelty.py").write_text(SECOND, encoding="utf-8")
    return folder


def test_files_are_named_as_their_versions_and_follow_each_other() -> None:
    before = None
    for number in migrations.versions():
        (file,) = (migrations.FOLDER / "versions").glob(f"{number}_*.py")
        steps = runpy.run_path(str(file))
        assert (steps["revision"], steps["down_revision"]) == (number, before)
        before = number


def test_a_store_that_is_up_to_date_is_opened_without_alembic(store: Store) -> None:
    store.close()
    program = (
        "import sys; from pathlib import Path; from db.store.store import open_store\n"
        "open_store(Path(sys.argv[1])).close(); print('alembic' in sys.modules)"
    )
    for path, expected in ((store.path, "False"), (store.path.with_name("new.db"), "True")):
        said = subprocess.check_output([sys.executable, "-c", program, path], cwd=ROOT, text=True)
        assert said.split() == [expected]


def test_an_upgrade_leaves_a_copy_of_before(store: Store, later: Path) -> None:
    with store.transaction() as session:
        add(session, 2)
    store.close()
    with open_store(store.path, migrations_folder=later) as upgraded, upgraded.reading() as session:
        assert upgraded.schema_version == LATER
        assert session.execute(sa.text("SELECT count(*) FROM novelty")).scalar_one() == 0
        assert counts(session).n_notes == 2
    before = store.path.with_name(f"store.db.before-{HEAD}")
    assert mode(before) == 0o600
    with open_store(before) as old, old.reading() as session:
        assert old.schema_version == HEAD
        assert counts(session).n_notes == 2


def test_a_newer_store_is_refused(store: Store, later: Path) -> None:
    store.close()
    open_store(store.path, migrations_folder=later).close()
    for readonly in (False, True):
        with pytest.raises(StoreError, match=f"found {LATER}, written by a newer version"):
            open_store(store.path, readonly=readonly)


def test_readonly_does_not_upgrade(store: Store, later: Path) -> None:
    store.close()
    with pytest.raises(StoreError, match="up to date"):
        open_store(store.path, readonly=True, migrations_folder=later)
    open_store(store.path).close()


def test_a_migration_that_fails_is_undone_whole(store: Store, later: Path) -> None:
    store.close()
    broken = later / "versions" / f"{LATER}_novelty.py"
    broken.write_text(SECOND + "    raise LookupError('half done')\n", encoding="utf-8")
    with pytest.raises(LookupError):
        open_store(store.path, migrations_folder=later)
    with open_store(store.path) as again, again.reading() as session:
        names = set(session.execute(sa.text("SELECT name FROM sqlite_master")).scalars())
        assert "novelty" not in names
        assert again.schema_version == HEAD


def test_a_migration_that_orphans_rows_is_undone(store: Store, later: Path) -> None:
    with store.transaction() as session:
        add(session, 1)
    store.close()
    (later / "versions" / f"{LATER}_novelty.py").write_text(
        SECOND + "    op.execute('DROP TRIGGER note_no_delete')\n    op.execute('DELETE FROM note')\n", encoding="utf-8"
    )
    with pytest.raises(StoreError, match="keep its parent"):
        open_store(store.path, migrations_folder=later)
    with open_store(store.path) as again, again.reading() as session:
        assert counts(session).n_notes == 1


@pytest.fixture
def first_version(tmp_path: Path) -> Path:
    """A store that the first version wrote, with two notes and a suggestion."""
    folder, path = tmp_path / "first", tmp_path / "old.db"
    (folder / "versions").mkdir(parents=True)
    shutil.copy(migrations.FOLDER / "versions" / "0001_initial.py", folder / "versions")
    with open_store(path, migrations_folder=folder) as old, old.transaction() as session:
        for statement in OLD_NOTES:
            session.execute(sa.text(statement), {"one": "Report number 1.", "other": "Report number 2."})
        session.execute(sa.text(OLD_SUGGESTION))
    return path


def test_a_suggestion_of_the_first_version_stays_as_it_is(first_version: Path) -> None:
    with open_store(first_version) as upgraded, upgraded.transaction() as session:
        row = suggestion_of(session, 1)
        assert row is not None
        assert (row.extraction, row.confidence, row.min_confidence) == ({"stage": "IV"}, {"stage": 0.5}, 0.5)
        assert (row.evidence, row.raw_reply) == ({"stage": (Span(0, 6),)}, "as it came")
        assert (row.grounding, row.raw_confidence) == ({}, {})
        number = add_suggestion(program_in(session), 2, suggestion(first="lung"))
        newer = get_suggestion(session, number)
        assert newer is not None
        assert newer.grounding == suggestion().grounding
        with pytest.raises(sa.exc.IntegrityError, match="never changed"):
            session.execute(sa.text("UPDATE suggestion SET grounding = '{}'"))
        session.rollback()
    assert first_version.with_name("old.db.before-0001").exists()


def test_the_queries_know_the_schema(store: Store) -> None:
    with store.reading() as session:
        seen = sa.inspect(session.connection())
        for table in tables.metadata.sorted_tables:
            columns = {row["name"]: row for row in seen.get_columns(table.name)}
            assert {column.name for column in table.c} == set(columns)
            for column in table.c:
                assert column.nullable == columns[column.name]["nullable"], f"{table.name}.{column.name}"
            assert set(seen.get_pk_constraint(table.name)["constrained_columns"]) == {c.name for c in table.primary_key}
        unnamed = [row["name"] for table in tables.metadata.tables for row in seen.get_check_constraints(table)]
        assert None not in unnamed
        assert set(seen.get_table_names()) - set(tables.metadata.tables) <= {
            "alembic_version",
            *(f"note_search_{part}" for part in ("config", "data", "docsize", "idx", "metadata")),
            "note_search",
        }


@pytest.mark.parametrize("kind", DATABASES)
def test_notes_of_before_get_the_hash_of_their_exact_text(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    where: Path | str = tmp_path / "old.db"
    if kind == "postgres":
        server = request.getfixturevalue("postgres")
        where = server.at(server.empty_database())
    folder = migrations_before("0008", tmp_path / "before")
    texts = ("Report, number 1.", "\u2003\n Größe ≤ 2 cm.\t\x85")
    with open_store(where, migrations_folder=folder) as old, old.transaction() as session:
        for statement in OLD_NOTES:
            session.execute(sa.text(statement), {"one": texts[0], "other": texts[1]})
        session.execute(sa.text("UPDATE note SET reviewer_id = NULL, is_claimed = 0"))
    with open_store(where) as upgraded:
        with upgraded.transaction() as session:
            assert [get_note(session, number).text_hash for number in (1, 2)] == [text_hash(text) for text in texts]
            again = [make_note(TASK, f"{text.strip()}\r\n") for text in texts]
            assert add_notes(program_in(session), again).note_ids == (1, 2)
            assert add_notes(program_in(session), [make_note(TASK, "Report number 1!")]).note_ids == (3,)
        with pytest.raises(StoreError, match="never changes"), upgraded.transaction() as session:
            session.execute(sa.text("UPDATE note SET text_hash = 'x'"))
        assert upgraded.problems() == []


@pytest.mark.parametrize("kind", DATABASES)
def test_notes_of_before_keep_all_and_can_be_deleted(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    where: Path | str = tmp_path / "old.db"
    if kind == "postgres":
        server = request.getfixturevalue("postgres")
        where = server.at(server.empty_database())
    folder = migrations_before("0012", tmp_path / "before")
    tables_of_before = ("note", "note_text", "suggestion", "annotation", "draft", "offer", "audit")
    with open_store(where, migrations_folder=folder) as old, old.transaction() as session:
        for statement in OLD_NOTES:
            asked = statement.replace("content_hash,", "content_hash, text_hash,")
            session.execute(sa.text(_with_text_hash(asked)), {"one": "Report number 1.", "other": "Report number 2."})
        session.execute(sa.text(OLD_SUGGESTION))
        session.execute(
            sa.text("INSERT INTO offer (id, field, old_value, offered_by, offered_at) VALUES (1, 'a', 'b', 'c', 'd')")
        )
        before = {
            table: session.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar() for table in tables_of_before
        }
    with open_store(where) as upgraded:
        with upgraded.transaction() as session:
            after = {table: session.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar() for table in before}
            assert after == before
            row = get_note(session, 1)
            assert (row.text, row.source, row.import_id, row.supersedes_id, row.is_superseded) == (
                "Report number 1.", "", None, None, 0,
            )  # fmt: skip
            assert list_imports(session) == []
        with pytest.raises(StoreError, match="never changed"), upgraded.transaction() as session:
            session.execute(sa.text("DELETE FROM suggestion"))
        with upgraded.transaction() as session:
            delete_notes(person_in(session), Many(ids=(1,)), "consent withdrawn")
            assert counts(session).n_notes == 1
        assert upgraded.problems() == []


def _with_text_hash(statement: str) -> str:
    """A statement of the first version as one of 0008: with the hash of the text, here the same as the other."""
    if "INTO note (" not in statement:
        return statement
    return re.sub(r"(\d), '(\d{64})'", r"\1, '\2', '\2'", statement)
