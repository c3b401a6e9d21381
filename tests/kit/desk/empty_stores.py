"""Empty stores in a thousandth of a second, a copy of one file; and the migrations of older ones."""

from __future__ import annotations

import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

from db import migrations
from db.store.store import Store, open_store


def empty_store(path: Path) -> Store:
    """What `open_store` gives for a file that is not there yet."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(_content())
    return open_store(path)


@cache
def _content() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        open_store(path).close()
        return path.read_bytes()


def migrations_before(version: str, folder: Path) -> Path:
    """A folder with the migrations from before a version, for a store as it was then."""
    shutil.copytree(migrations.FOLDER / "versions", folder / "versions")
    shutil.copy(migrations.FOLDER / "0009_samples.txt", folder)
    for later in migrations.versions():
        if later >= version:
            next((folder / "versions").glob(f"{later}_*")).unlink()
    return folder
