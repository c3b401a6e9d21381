"""A backup taken while eight people save is a home of one moment; restored, it has every row."""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from db.schema.errors import StoreError
from db.schema.files import rows_of, sqlite
from db.store.store import open_store
from tests.kit.desk.desk_store import BREAST, BREAST_VALUES, COLON, make_store
from tests.kit.homes import ROOT, Home, one_sentence, wait_for
from tests.proofs.kills.kill9 import N_NOTES, N_THREADS, Line, Outcome, check_store

N_PROCESSES = 8 // N_THREADS
WRITE = """
import sys; from pathlib import Path; from tests.proofs.kills.kill9 import be_writer
be_writer(Path(sys.argv[1]), 1, sys.argv[2])
"""
INSERT_ONLY = ("annotation", "audit", "suggestion")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """With an adapter of its own, and a run whose checkpoint is too large to take along."""
    made = Home(tmp_path / "home")
    made.path.mkdir(mode=0o700)
    with make_store(made.path, [(BREAST, BREAST_VALUES), *((COLON, None) for _ in range(N_NOTES - 1))]) as store:
        weights = b"weights" * 1000
        with store.transaction() as session:
            session.connection().exec_driver_sql(
                f"UPDATE adapter SET weights_sha256 = '{hashlib.sha256(weights).hexdigest()}'"
            )
    files = {
        "adapters/first/adapter_model.safetensors": weights,
        "adapters/.draft.abc.tmp/half": b"",
        "runs/run-0001/log.jsonl": b"{}\n",
        "runs/run-0001/checkpoints/checkpoint-8/optimizer.pt": b"large",
    }
    for name, content in files.items():
        (made.path / name).parent.mkdir(parents=True, exist_ok=True)
        (made.path / name).write_bytes(content)
    return made


@contextmanager
def eight_writers(store: Path, said: Path) -> Iterator[list[Path]]:
    """Save for ever, from several processes; a file for each with what was acknowledged."""
    files = [said / f"said-{number}" for number in range(N_PROCESSES)]
    processes = []
    for number, file in enumerate(files):
        with file.open("wb") as out:
            line = [sys.executable, "-c", WRITE, str(store), f"w{number}"]
            processes.append(subprocess.Popen(line, cwd=ROOT, stdout=out))
    try:
        wait_for(lambda: all(file.stat().st_size > 200 for file in files), "everybody to save")
        yield files
    finally:
        assert all(process.poll() is None for process in processes), "a writer died"
        for process in processes:
            process.kill()
            process.wait()


def acknowledged(files: list[Path]) -> list[Line]:
    return [Line.parse(line) for file in files for line in file.read_bytes().split(b"\n")[:-1]]


def rows_in(path: Path, table: str) -> dict[int, tuple[Any, ...]]:
    with closing(sqlite.connect(path)) as connection:
        return {row[0]: row for row in connection.execute(f"SELECT * FROM {table}")}


def test_restored_it_has_every_row_of_its_moment_and_every_save_before(home: Home, tmp_path: Path) -> None:
    out, restored = tmp_path / "monday", Home(tmp_path / "restored")
    with eight_writers(home.path / "caseloop.db", tmp_path) as files:
        before = acknowledged(files)
        listing = home.json("backup", str(out))
        n_at_end = len(acknowledged(files))
    assert n_at_end > len(before), "nobody saved meanwhile"
    shutil.copytree(out, restored.path)
    store = restored.path / "caseloop.db"
    with closing(sqlite.connect(store)) as connection:
        found = {table: {"n": rows.n, "digest": rows.digest} for table, rows in rows_of(connection).items()}
    assert found == listing["rows"]
    outcome = Outcome()
    with open_store(store) as opened:
        # A draft may have been replaced between its acknowledgement and the backup; nothing else may.
        check_store(opened, [line for line in before if line.kind != "draft"], outcome)
    assert outcome.is_clean, outcome
    for table in INSERT_ONLY:  # what was there at that moment is there now, and nothing went between
        kept, source = rows_in(store, table), rows_in(home.path / "caseloop.db", table)
        assert kept == {number: row for number, row in source.items() if number <= max(kept)}
    told = restored.json("doctor")
    assert {one["name"]: one["state"] for one in told["findings"] if one["name"] != "disk"} == dict.fromkeys(
        ("home", "permissions", "sqlite", "schema", "integrity", "audit", "deletions", "fields", "adapter", "gpu"), "ok"
    )


def test_it_holds_adapters_and_runs_and_nobody_else_can_read_it(home: Home, tmp_path: Path) -> None:
    out = tmp_path / "monday"
    assert home.ok("backup", str(out)).endswith(f"{N_NOTES} notes, 0 decisions, checked.\n")
    found = {str(path.relative_to(out)): path for path in out.rglob("*") if path.is_file()}
    kept = {"caseloop.db", "backup.json", "adapters/first/adapter_model.safetensors", "runs/run-0001/log.jsonl"}
    assert set(found) == kept
    listing = json.loads(found["backup.json"].read_text())
    for name in kept - {"backup.json"}:
        assert listing["files"][name] == hashlib.sha256(found[name].read_bytes()).hexdigest()
    modes = {stat.S_IMODE(path.stat().st_mode) for path in found.values()}
    folders = {stat.S_IMODE(path.stat().st_mode) for path in (out, *out.rglob("*")) if path.is_dir()}
    assert (modes, folders) == ({0o600}, {0o700})
    assert not list(tmp_path.glob(".*"))


def test_nothing_is_overwritten(home: Home, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.mkdir()
    refused = home.run("backup", str(taken))
    assert refused.returncode == 2
    assert "already exists" in one_sentence(refused.stderr)
    assert not list(taken.iterdir())
    lost = home.run("backup", str(tmp_path / "nowhere" / "monday"))
    assert (lost.returncode, "Create it first" in one_sentence(lost.stderr)) == (2, True)


def test_a_backup_that_is_killed_leaves_nothing_that_looks_like_one(home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    big = home.path / "adapters" / "first" / "notes.bin"
    with big.open("wb") as file:
        file.truncate(2 << 30)
    process = home.start("backup", str(folder / "monday"))
    wait_for(lambda: list(folder.glob(".monday.*/adapters/first/notes.bin")), "the copy to begin")
    process.kill()
    process.communicate()
    assert not (folder / "monday").exists()
    big.unlink()
    home.ok("backup", str(folder / "monday"))
    assert [path.name for path in folder.iterdir()] == ["monday"], "what the killed one left is gone"


def test_a_copy_with_other_rows_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([{"note": 1}, {"note": 2}])
    monkeypatch.setattr("db.schema.files.rows_of", lambda _: next(answers))
    with make_store(tmp_path, []) as store, pytest.raises(StoreError, match="has other rows"):
        store.backup(tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()


def test_a_digest_sees_every_change_of_a_row(tmp_path: Path) -> None:
    with closing(sqlite.connect(tmp_path / "a.db")) as raw:
        raw.executescript("CREATE TABLE a (x, y); INSERT INTO a VALUES (1, 'one'), (2, NULL)")
        whole = rows_of(raw)["a"]
        for change in (
            "UPDATE a SET y = 'One' WHERE x = 1",
            "UPDATE a SET y = '' WHERE x = 2",
            "INSERT INTO a VALUES (1, 'one')",
        ):
            raw.execute("BEGIN")
            raw.execute(change)
            assert rows_of(raw)["a"].digest != whole.digest
            raw.rollback()
        assert rows_of(raw)["a"] == whole
