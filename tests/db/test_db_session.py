"""Opening the store, its transactions, its files."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from db import migrations
from db.notes.notes import add_notes
from db.notes.queue.search import counts
from db.people.reviewers import find_reviewer, list_reviewers
from db.schema import tables
from db.schema.errors import StoreBusy, StoreError, StoreFull, StoreRefused
from db.schema.files import copy_database, sqlite
from db.store.sqlite import WAL_SAFE
from db.store.store import Store, open_store
from tests.kit.desk.permits import enlist, program_in
from tests.kit.desk.stores import add, mode, note
from tests.kit.desk.stores import file_store as store

__all__ = ["store"]

needs_log = pytest.mark.skipif(not WAL_SAFE, reason="this SQLite works without a write-ahead log")
ROOT = Path(migrations.__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where `store` is, or will be."""
    return tmp_path / "home" / "store.db"


def test_files_are_their_owners_only(store: Store, path: Path) -> None:
    with store.transaction() as session:
        add(session, 1)
    assert mode(path.parent) == 0o700
    files = [file for file in path.parent.iterdir() if file.is_file()]
    assert {file.name for file in files} >= {"store.db", *(["store.db-wal"] if store.wal_safe else [])}
    assert {mode(file) for file in files} == {0o600}


def test_a_readable_file_is_closed_and_a_full_directory_left(tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    tmp_path.chmod(0o755)
    path = tmp_path / "store.db"
    path.touch(mode=0o644)
    open_store(path).close()
    assert (mode(path), mode(tmp_path)) == (0o600, 0o755)


@pytest.mark.parametrize("kind", ["transaction", "reading"])
def test_every_connection_is_durable_and_checks_references(store: Store, kind: str) -> None:
    with getattr(store, kind)() as session:
        found = {
            pragma: session.execute(sa.text(f"PRAGMA {pragma}")).scalar_one()
            for pragma in ("journal_mode", "synchronous", "foreign_keys", "secure_delete", "busy_timeout")
        }
    expected = {"journal_mode": "wal" if store.wal_safe else "delete", "synchronous": 2, "foreign_keys": 1}
    assert found == {**expected, "secure_delete": 1, "busy_timeout": 30_000}
    assert store.journal_mode == expected["journal_mode"]


def test_a_block_that_raises_leaves_nothing(store: Store) -> None:
    def fail_half_way() -> None:
        with store.transaction() as session:
            add(session, 3)
            raise LookupError

    with pytest.raises(LookupError):
        fail_half_way()
    with store.reading() as session:
        assert counts(session).n_notes == 0


def test_a_transaction_keeps_what_it_did(store: Store, path: Path) -> None:
    with store.transaction() as session:
        add(session, 3)
    store.close()
    with open_store(path) as again, again.reading() as session:
        assert counts(session).n_notes == 3


def test_reading_cannot_write(store: Store) -> None:
    with pytest.raises(StoreError, match="read-only"), store.reading() as session:
        enlist(session, "ada")


@needs_log
def test_reading_does_not_wait_and_sees_one_state(store: Store) -> None:
    with store.reading() as session:
        assert counts(session).n_notes == 0
        with store.transaction() as writing:
            add(writing, 1)
        assert counts(session).n_notes == 0
    with store.reading() as session:
        assert counts(session).n_notes == 1


def test_a_transaction_holds_the_write_lock_from_its_start(store: Store, path: Path) -> None:
    with open_store(path, busy_timeout_ms=20) as other, store.transaction():
        waiting = other.transaction()
        with pytest.raises(StoreBusy, match="Nothing was saved"):
            waiting.__enter__()
    with open_store(path, busy_timeout_ms=20) as other, other.transaction() as session:
        enlist(session, "ada")


def test_one_transaction_at_a_time_in_a_thread(store: Store) -> None:
    with store.transaction(), pytest.raises(StoreError, match="one transaction"), store.transaction():
        pytest.fail("a second began")
    with store.transaction() as session:
        enlist(session)


def test_writers_take_turns_in_order(store: Store) -> None:
    served: list[int] = []

    def write(number: int) -> None:
        with store.transaction() as session:
            enlist(session, f"reviewer {number}")
            served.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(12)]
    with store.transaction():
        for position, thread in enumerate(threads):
            thread.start()
            while len(store._turn._queue) < position + 2:  # the holder, and those that wait
                pass
    for thread in threads:
        thread.join()
    assert served == list(range(12))


def test_a_turn_that_does_not_come_is_said_so(path: Path) -> None:
    with open_store(path, busy_timeout_ms=20) as store, store.transaction():
        raised: list[Exception] = []

        def write() -> None:
            try:
                with store.transaction():
                    pass
            except StoreBusy as error:
                raised.append(error)

        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
        assert len(raised) == 1
    assert not store._turn._queue


def test_a_full_disk_is_said_so_and_loses_nothing_else(store: Store) -> None:
    with store.transaction() as session:
        add(session, 5)
        session.execute(sa.text("PRAGMA max_page_count=1"))  # SQLite then answers as on a full disk
    with pytest.raises(StoreFull, match="disk is full: nothing was saved"), store.transaction() as session:
        add_notes(program_in(session), [note(number, text=f"{number} " + "long " * 3000) for number in range(50)])
    with store.reading() as session:
        assert counts(session).n_notes == 5
    assert store.problems() == []


def test_a_refused_change_names_the_rule_and_no_value(store: Store) -> None:
    statement = sa.insert(tables.reviewer).values(name="canary", role="canary role", added_at=tables.now())
    with pytest.raises(StoreRefused, match="ck_reviewer_role") as caught, store.transaction() as session:
        session.execute(statement)
    said: list[str] = []
    error: BaseException | None = caught.value
    while error is not None:
        said.append(str(error))
        error = error.__cause__
    assert len(said) > 1
    assert "canary" not in "".join(said)


def test_a_closed_store_says_so(store: Store) -> None:
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"), store.reading():
        pytest.fail("it read")


def test_backup_is_a_whole_store(store: Store, path: Path, tmp_path: Path) -> None:
    with store.transaction() as session:
        add(session, 20)
    out = tmp_path / "copy.db"
    told: list[tuple[int, int]] = []
    rows = store.backup(out, lambda n_copied, n_pages: told.append((n_copied, n_pages)))
    assert rows["note"].n == 20
    assert told[-1][0] == told[-1][1] > 0
    assert mode(out) == 0o600
    assert [file.name for file in tmp_path.iterdir() if "copy" in file.name] == ["copy.db"]
    with open_store(out, readonly=True) as copy, copy.reading() as session:
        assert counts(session).n_notes == 20
    with pytest.raises(StoreError, match="Choose another place"):
        store.backup(tmp_path / "nowhere" / "copy.db")


def test_a_damaged_store_is_not_copied(store: Store, path: Path, tmp_path: Path) -> None:
    with store.transaction() as session:
        add(session, 3)
    store.close()
    raw = sqlite.connect(path)
    raw.executescript(
        # An index that points at another table's pages.
        "PRAGMA writable_schema = ON;"
        "UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master WHERE name = 'reviewer')"
        " WHERE name = (SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'note' LIMIT 1)"
    )
    raw.close()
    with pytest.raises(StoreError, match=r"store is damaged.*restore the latest backup"):
        copy_database(path, tmp_path / "copy.db")
    assert not [file for file in tmp_path.iterdir() if "copy" in file.name]


def test_problems_finds_what_lost_its_parent(store: Store, path: Path) -> None:
    with store.transaction() as session:
        add(session, 1)
    assert store.problems() == []
    store.close()
    raw = sqlite.connect(path)
    raw.execute("DROP TRIGGER note_no_delete")
    raw.execute("DELETE FROM note")
    raw.commit()
    raw.close()
    with open_store(path) as damaged:
        tables = ("note_search_metadata", "note_text")
        assert sorted(damaged.problems()) == [f"{table} row 1 refers to a note that is gone" for table in tables]


@pytest.mark.parametrize("content", [b"this is no database, only text\n", b"SQLite format 3\0" + b"\xff" * 4096])
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(content)
    with pytest.raises(StoreError, match="not a store"):
        open_store(path)
    assert path.read_bytes() == content


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    raw = sqlite.connect(path)
    raw.execute("CREATE TABLE theirs (x)")
    raw.close()
    with pytest.raises(StoreError, match="another program"):
        open_store(path)


@needs_log
@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="locks can be listed on Linux only")
def test_opening_again_keeps_the_locks_of_the_first(store: Store, path: Path) -> None:
    def locks() -> list[str]:
        listed = Path("/proc/locks").read_text(encoding="utf-8").splitlines()
        return [line.split(": ")[1] for line in listed if f":{path.stat().st_ino} " in line]

    with store.transaction() as session:
        add(session, 1)
    before = locks()
    assert before
    # A process that closes any descriptor of a file gives up all its locks on it, SQLite's among them.
    open_store(path).close()
    assert locks() == before


def test_a_place_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "store.db", tmp_path / "folder"):
        with pytest.raises(StoreError, match="Check the path"):
            open_store(path)
    with pytest.raises(StoreError, match="read the store"):
        open_store(tmp_path / "missing.db", readonly=True)
    assert not (tmp_path / "missing.db").exists()


def test_readonly_reads_beside_a_writer_and_refuses_to_write(store: Store, path: Path) -> None:
    with store.transaction() as session:
        enlist(session, "ada")
    with open_store(path, readonly=True) as reader:
        with reader.reading() as session:
            assert find_reviewer(session, "ada")
        with pytest.raises(StoreError, match="reading only"), reader.transaction():
            pytest.fail("it wrote")


def test_it_opens_from_any_directory(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "else 100 %"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    with open_store(Path("relative #1?.db")) as store, store.transaction() as session:
        enlist(session)
    assert (elsewhere / "relative #1?.db").stat().st_size > 0


SYSTEM_SQLITE = """
import json, sys
sys.modules["pysqlite3"] = None
from pathlib import Path
from db.notes.queue.search import counts
from db.store.store import open_store
from tests.kit.desk.stores import add
for path in sys.argv[1:]:
    with open_store(Path(path)) as store:
        with store.transaction() as session:
            add(session, 2)
        with store.reading() as session:
            print(json.dumps([store.wal_safe, store.journal_mode, counts(session).n_notes, store.problems()]))
"""


def test_an_older_sqlite_does_without_the_log_but_keeps_one_in_use(store: Store, path: Path) -> None:
    with store.transaction() as session:
        add(session, 1)
    store.close()
    line = [sys.executable, "-c", SYSTEM_SQLITE, str(path.with_name("new.db")), str(path)]
    ended = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True)
    fresh, known = (json.loads(line) for line in ended.stdout.splitlines())
    assert fresh == [fresh[0], "wal" if fresh[0] else "delete", 2, []]
    assert known == [fresh[0], store.journal_mode, 2, []]


def test_many_open_a_new_store_at_once(path: Path) -> None:
    errors: list[Exception] = []

    def start(number: int) -> None:
        try:
            with open_store(path) as store, store.transaction() as session:
                enlist(session, f"reviewer {number}")
        except StoreError as error:
            errors.append(error)

    threads = [threading.Thread(target=start, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with open_store(path) as store, store.reading() as session:
        assert len(list_reviewers(session)) == 6
    assert not list(path.parent.glob("*before*"))
