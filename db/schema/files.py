"""The store's files: which SQLite is used, who may read them, who opens first, and how they are copied."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import importlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.storage.files import flush_to_disk
from db.schema.errors import StoreError


def _best_sqlite() -> Any:
    """pysqlite3 carries a SQLite without the reset bug of write-ahead logs; the standard library's may have it."""
    try:
        return importlib.import_module("pysqlite3.dbapi2")
    except ImportError:
        return importlib.import_module("sqlite3.dbapi2")


sqlite: Any = _best_sqlite()

N_PAGES_AT_ONCE = 2048


@dataclass(frozen=True)
class Rows:
    """What a table holds: how many rows, and a digest of all their values, whatever their order."""

    n: int
    digest: str


@contextmanager
def sole_opener(path: Path) -> Iterator[None]:
    """Let one opener at a time set the store up; what does not exist yet is made, for its owner only.

    Switching to the write-ahead log does not wait its turn by itself. SQLite gives the log beside the file the file's
    own permissions.

    Raises:
        StoreError: the directory or the file cannot be made, read or written.
    """
    with _explain_errors(path, "read and write"):
        _prepare_directory(path.parent)
        lock = os.open(path.with_name(path.name + ".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with _explain_errors(path, "read and write"):
            _prepare_file(path)
        yield
    finally:
        os.close(lock)


def require_readable(path: Path) -> None:
    """Refuse what cannot be read.

    Raises:
        StoreError: there is no such file, or no permission to read it.
    """
    with _explain_errors(path, "read"):
        path.stat()
        _require(path, os.R_OK)


def _prepare_directory(directory: Path) -> None:
    if not directory.exists():
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    elif directory.stat().st_mode & 0o077 and not any(directory.iterdir()):
        # An empty directory was made for the store; one with other things in it is not ours to close.
        directory.chmod(0o700)


def _prepare_file(path: Path) -> None:
    """Make the file or check it, without opening one that is there.

    Closing a file gives up every lock that the process has on it, and SQLite's of another connection would be among
    them.
    """
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
    _require(path, os.R_OK | os.W_OK)
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)


def _require(path: Path, access: int) -> None:
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not os.access(path, access):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


@contextmanager
def _explain_errors(path: Path, need: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"Cannot {need} the store at {path}: {error.strerror}. Check the path and its permissions."
        ) from error


def copy_database(
    path: Path, out: Path, on_copied: Callable[[int, int], None] | None = None, *, mode: str = "ro"
) -> dict[str, Rows]:
    """Copy the database with SQLite's online backup while others write; the copy gets its name once it is checked.

    The copy is of one moment, that of the beginning. It is checked for damage, compared with the rows of that moment,
    and flushed to the disk.

    Args:
        path: the database.
        out: the copy; what stands there is replaced.
        on_copied: told how many pages are copied, and of how many.
        mode: in which SQLite opens the database.

    Returns:
        By table, what it held at that moment.

    Raises:
        StoreError: the copy cannot be written, is not sound, or has other rows.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{out.name}.", dir=out.parent)
        os.close(handle)
        draft = Path(name)
        try:
            rows = _copy(path, draft, on_copied, mode)
            draft.replace(out)
            flush_to_disk(out.parent)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"Cannot copy the store to {out}: {error.strerror}. Choose another place.") from error
    return rows


def _copy(path: Path, draft: Path, on_copied: Callable[[int, int], None] | None, mode: str) -> dict[str, Rows]:
    source = sqlite.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None)
    with closing(source), closing(sqlite.connect(draft)) as target:
        source.execute("BEGIN")
        # Reading holds the moment: without it, every write of another process would make the copy begin anew.
        source.execute("SELECT count(*) FROM sqlite_master").fetchall()
        told = None if on_copied is None else lambda _, n_left, n_pages: on_copied(n_pages - n_left, n_pages)
        source.backup(target, pages=N_PAGES_AT_ONCE, progress=told)
        target.execute("PRAGMA journal_mode=DELETE").fetchall()  # one file, with nothing beside it
        if target.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
            raise StoreError("The store is damaged, so the copy is too. Stop caseloop and restore the latest backup.")
        rows = rows_of(source)
        if rows_of(target) != rows:
            raise StoreError("The copy of the store has other rows than the store. Check the disk and try again.")
    flush_to_disk(draft)
    return rows


def rows_of(connection: Any) -> dict[str, Rows]:
    """What the tables hold, of one state of the database.

    Args:
        connection: of SQLite, in a transaction where others write.
    """
    named = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    found = {}
    for (table,) in named.fetchall():
        n, total = 0, 0
        for row in connection.execute(f'SELECT * FROM "{table}"'):  # noqa: S608 - a name out of the schema
            n += 1
            # A sum does not depend on the order, which is not the same everywhere without an index to go by.
            total += int.from_bytes(hashlib.sha256(repr(tuple(row)).encode()).digest())
        found[table] = Rows(n, f"{total % (1 << 256):064x}")
    return found
