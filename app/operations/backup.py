"""Backups: a directory that is itself a home, of one moment, whole or not there at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from app.core.adapters import WEIGHTS
from app.core.desk import Desk
from app.core.errors import InputError
from app.core.terminal import Advance
from data.storage.files import sha256_of, whole_directory
from db.people.acting import OPERATOR, acting
from db.schema.files import Rows
from db.training.adapters import list_adapters

LISTING = "backup.json"
CHECKPOINTS = "checkpoints"
"""In a run's directory: as large as all else together, and only of use to go on with the run."""


@dataclass(frozen=True)
class Backup:
    """What a backup holds.

    Attributes:
        out: the directory.
        taken_at: the moment of the store's copy begins here (UTC).
        rows: by table, how many rows and their digest.
        files: path in the directory to SHA-256, of all files but the listing itself.
        n_bytes: of all these.
        left_out: adapters whose files are not in the home, such as one of the hub.
    """

    out: Path
    taken_at: datetime
    rows: dict[str, Rows]
    files: dict[str, str]
    n_bytes: int
    left_out: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The backup as plain JSON values."""
        return {
            "caseloop": version("caseloop"),
            "taken_at": self.taken_at.isoformat(),
            "n_bytes": self.n_bytes,
            "rows": {table: asdict(rows) for table, rows in sorted(self.rows.items())},
            "files": self.files,
            "left_out": list(self.left_out),
        }


def back_up(desk: Desk, out: Path, advance: Advance = lambda n_done, n_total, beside: None) -> Backup:
    """Copy the store, the adapters and the runs into a new directory, while others work on.

    The store comes first: what its rows name is there by then, and adapters never change. Runs are copied without their
    checkpoints. Files are their owner's only.

    Raises:
        InputError: something is at `out` already, its parent is no directory, or the store is in no file.
        StoreError: the store cannot be copied, or the copy is not sound.
        OSError: the disk is full or refuses; nothing is at `out` then.
    """
    if desk.settings.database:
        raise InputError(
            f"Only a store in a file can be backed up; this one is in {desk.store.database}. "
            "Back it up with pg_dump --format=custom, and copy the home as well."
        )
    if os.path.lexists(out):
        raise InputError(f"{out} already exists. Choose another name for the backup.")
    if not out.parent.is_dir():
        raise InputError(f"There is no directory {out.parent} for the backup. Create it first.")
    settings, taken_at = desk.settings, datetime.now(UTC)
    if not desk.store.readonly:
        with acting(desk.store, OPERATOR, "export") as act:  # kept before anything leaves; the copy has it, too
            act.record("backed up", name=out.name)
    with whole_directory(out) as draft:
        store = draft / settings.store.name
        rows = desk.store.backup(store, lambda n_copied, n_pages: advance(n_copied, n_pages, "the store"))
        files = {store.name: sha256_of(store)}
        wanted = [*_list_finished(settings.adapters), *_list_finished(settings.runs, but=CHECKPOINTS)]
        wanted += _list_finished(settings.home / "calibrations")
        for number, path in enumerate(wanted):
            advance(number, len(wanted), "adapters and runs")
            place = path.relative_to(settings.home)
            with suppress(FileNotFoundError):  # of a run that is at work
                files[str(place)] = _copy(path, draft / place)
        n_bytes = sum((draft / name).stat().st_size for name in files)
        backup = Backup(out, taken_at, rows, files, n_bytes, _list_left_out(desk, files))
        _write_listing(draft / LISTING, backup)
    return backup


def _list_finished(folder: Path, but: str = "") -> Iterator[Path]:
    """The files of a folder that are finished; drafts have names that begin with a dot. Links are not followed."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not path.is_symlink() and but not in parts and not any(p.startswith(".") for p in parts):
            yield path


def _copy(path: Path, target: Path) -> str:
    with path.open("rb") as source:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as copy:
            shutil.copyfileobj(source, copy)
    return sha256_of(target)


def _list_left_out(desk: Desk, files: dict[str, str]) -> tuple[str, ...]:
    with desk.store.reading() as session:
        rows = list_adapters(session)
    own = [row for row in rows if row.path.startswith("./")]
    outside = [row.name for row in rows if "/" in row.path and row not in own]
    return tuple(outside + [row.name for row in own if f"{row.path[2:]}/{WEIGHTS}" not in files])


def _write_listing(path: Path, backup: Backup) -> None:
    text = json.dumps(backup.to_json(), ensure_ascii=False, indent=2)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(f"{text}\n")
