"""A database file whose folder cannot be written: of a snapshot, an archive, or a full disk mounted for reading.

SQLite wants to make files beside a database with a write-ahead log, even to read it.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from db.schema.errors import StoreError


def needs_detour(path: Path) -> bool:
    """Whether the database cannot be read as others are."""
    return path.exists() and not os.access(path.parent, os.W_OK)


def copy_with_log(path: Path) -> TemporaryDirectory[str] | None:
    """A copy of the database with what its write-ahead log holds beyond it; None where the file alone is all.

    Raises:
        StoreError: there is no room for a copy.
    """
    log = path.with_name(f"{path.name}-wal")
    if not log.exists() or not log.stat().st_size:
        return None
    directory = TemporaryDirectory(prefix="caseloop-read-")  # its owner's only
    try:
        for file in (path, log):
            shutil.copyfile(file, Path(directory.name, file.name))
    except OSError as error:
        directory.cleanup()
        raise StoreError(
            f"Cannot copy the store at {path} to read it: {error.strerror}. Free some space in {directory.name}, "
            "or set TMPDIR to another folder."
        ) from error
    return directory
