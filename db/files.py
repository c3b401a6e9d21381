"""The store's files: which SQLite is used, who may read them, who opens first, and how they are copied."""

from __future__ import annotations

import fcntl
import importlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from db.errors import StoreError


def _best_sqlite() -> Any:
    """pysqlite3 carries a SQLite without the reset bug of write-ahead logs; the standard library's may have it."""
    try:
        return importlib.import_module("pysqlite3.dbapi2")
    except ImportError:
        return importlib.import_module("sqlite3.dbapi2")


sqlite: Any = _best_sqlite()


def prepare(path: Path, *, readonly: bool) -> None:
    """Make the directory and the file, or check them: the file is its owner's only, and so is a new directory.

    SQLite gives the log beside the file the file's own permissions.

    Raises:
        StoreError: the directory or the file cannot be made, read or written, or is no store.
    """
    try:
        if not readonly:
            _prepare_directory(path.parent)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
            if path.stat().st_mode & 0o077:
                path.chmod(0o600)
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        need = "read" if readonly else "read and write"
        raise StoreError(
            f"Expected to be able to {need} the store at {path}; found: {error.strerror}. "
            "Check the path and its permissions."
        ) from error
    if head and head != b"SQLite format 3\0":
        raise StoreError(
            f"Expected a store at {path}; the file there is something else. Move it away or choose another."
        )
    if readonly and not head:
        raise StoreError(f"Expected a store at {path}; the file there is empty. Import notes first.")


def _prepare_directory(directory: Path) -> None:
    if not directory.exists():
        directory.mkdir(mode=0o700, parents=True)
        directory.chmod(0o700)
    elif directory.stat().st_mode & 0o077 and not any(directory.iterdir()):
        # An empty directory was made for the store; one with other things in it is not ours to close.
        directory.chmod(0o700)


@contextmanager
def sole_opener(path: Path) -> Iterator[None]:
    """Let one process at a time set up the store: switching to the write-ahead log does not wait its turn by itself."""
    lock = os.open(path.with_name(path.name + ".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


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
            _flush(out.parent)
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
            raise StoreError("Expected a sound copy of the store; the check found damage. Run `caseloop doctor`.")
    _flush(draft)


def _flush(place: Path) -> None:
    descriptor = os.open(place, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
