"""A process killed in the middle of a migration: the store opens again, is whole, and is either old or new."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from db import migrations
from db.notes.queue.search import counts
from db.people import audit
from db.review.reviewed import history
from db.store.store import Store, open_store
from tests.kit.desk.stores import FIRST, add, decide, extraction
from tests.kit.desk.stores import file_store as store
from tests.kit.homes import ROOT

__all__ = ["store"]

OPEN = "import sys; from pathlib import Path; from db.store.store import open_store\n"
OPEN += "open_store(Path(sys.argv[1]), migrations_folder=Path(sys.argv[2])).close()\n"
NOW = migrations.head()
LATER = f"{int(NOW) + 1:04}"
HEAD = f'from alembic import op\nimport os, signal\nrevision, down_revision = "{LATER}", "{NOW}"\ndef upgrade():\n'
STATEMENTS = (
    "CREATE TABLE later (x INTEGER) STRICT",
    "INSERT INTO later SELECT id FROM note",
    "CREATE TABLE note_text_new (note_id INTEGER PRIMARY KEY REFERENCES note (id), text TEXT NOT NULL) STRICT",
    "INSERT INTO note_text_new SELECT note_id, upper(text) FROM note_text",
    "ALTER TABLE reviewer ADD COLUMN email TEXT",
)
N_NOTES = 300


def write_migration(folder: Path, kill_after: int | None) -> None:
    """A later version's migration; it kills its own process after so many statements."""
    shutil.copytree(migrations.FOLDER / "versions", folder / "versions", dirs_exist_ok=True)
    lines = [f"    op.execute({statement!r})" for statement in STATEMENTS]
    if kill_after is not None:
        lines.insert(kill_after, "    os.kill(os.getpid(), signal.SIGKILL)")
    (folder / "versions" / f"{LATER}_later.py").write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")


def open_elsewhere(path: Path, folder: Path) -> int:
    environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    line = [sys.executable, "-c", OPEN, str(path), str(folder)]
    return subprocess.run(line, cwd=ROOT, env=environ, check=False, capture_output=True).returncode


def require_whole(opened: Store) -> None:
    assert opened.problems() == []
    with opened.reading() as session:
        assert counts(session).n_notes == N_NOTES
        assert history(session, 1)[0].extraction[FIRST] == "kept"
        assert audit.verify(session).is_sound


@pytest.mark.parametrize("kill_after", [0, 2, 4, 5])
def test_killed_in_the_middle_the_store_is_the_old_one_and_goes_on(
    store: Store, tmp_path: Path, kill_after: int
) -> None:
    with store.transaction() as session:
        add(session, N_NOTES)
        decide(session, 1, 0, values=extraction(first="kept"))
    path, folder = store.path, tmp_path / "later"
    store.close()
    write_migration(folder, kill_after)
    assert open_elsewhere(path, folder) == -signal.SIGKILL
    with open_store(path) as old:  # the version before still opens it, and nothing of the new one is there
        assert old.schema_version == NOW
        require_whole(old)
        with old.reading() as session:
            names = set(session.execute(sa.text("SELECT name FROM sqlite_master")).scalars())
            assert not names & {"later", "note_text_new"}
    write_migration(folder, None)
    assert open_elsewhere(path, folder) == 0
    with open_store(path, migrations_folder=folder) as new:
        assert new.schema_version == LATER
        require_whole(new)
        with new.transaction() as session:
            decide(session, 2, 0)
    with open_store(path.with_name(f"{path.name}.before-{NOW}")) as copy:
        assert copy.schema_version == NOW
        require_whole(copy)
    assert not list(path.parent.glob(".*")), "no half copy is left"
