"""The store's files: which SQLite is used, who may read them, who opens first, and how they are copied."""

from __future__ import annotations

import errno
import fcntl
import importlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from data.files import flush_to_disk
from db.errors import StoreError


def _best_sqlite() -> Any:
    """pysqlite3 carries a SQLite without the reset bug of write-ahead logs; the standard library's may have it."""
    try:
        return importlib.import_module("pysqlite3.dbapi2")
    except ImportError:
        return importlib.import_module("sqlite3.dbapi2")


sqlite: Any = _best_sqlite()


@contextmanager
def sole_opener(path: Path) -> Iterator[None]:
    """Let one opener at a time set the store up; what does not exist yet is made, for its owner only.

    Switching to the write-ahead log does not wait its turn by itself. SQLite gives the log beside the file the file's
    own permissions.

    Raises:
        StoreError: the directory or the file cannot be made, read or written.
    """
    with _explained(path, "read and write"):
        _prepare_directory(path.parent)
        lock = os.open(path.with_name(path.name + ".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with _explained(path, "read and write"):
            _prepare_file(path)
        yield
    finally:
        os.close(lock)


def require_readable(path: Path) -> None:
    """Refuse what cannot be read.

    Raises:
        StoreError: there is no such file, or no permission to read it.
    """
    with _explained(path, "read"):
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
def _explained(path: Path, need: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"Expected to be able to {need} the store at {path}; found: {error.strerror}. "
            "Check the path and its permissions."
        ) from error


def copy_database(path: Path, out: Path) -> Path:
    """Copy the database with SQLite's online backup; the copy is checked, flushed and only then gets its name.

    Raises:
        StoreError: the copy cannot be written or is not sound.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{out.name}.", dir=out.parent)
        os.close(handle)
        draft = Path(name)
        try:
            _copy(path, draft)
            draft.replace(out)
            flush_to_disk(out.parent)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(
            f"Expected to be able to write a copy of the store to {out}; found: {error.strerror}. Choose another place."
        ) from error
    return out


def _copy(path: Path, draft: Path) -> None:
    source = sqlite.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    with closing(source), closing(sqlite.connect(draft)) as target:
        source.backup(target)
        target.execute("PRAGMA journal_mode=DELETE").fetchall()  # one file, with nothing beside it
        if target.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
            raise StoreError(
                "Expected a sound copy of the store; the check found damage. "
                "Stop caseloop and put the latest backup in the store's place."
            )
    flush_to_disk(draft)
