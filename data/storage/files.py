"""Files that something relies on: on the disk before it does, whole or not there, known by their digest."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO


def sha256_of(path: Path) -> str:
    """Digest of a file, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def flush_to_disk(path: Path) -> None:
    """Wait until a file's content, or a folder's list of names, is on the disk.

    A new or renamed file is there after a power cut only once its folder is flushed as well.

    Raises:
        OSError: there is no such path, or the disk refuses.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A draft of a file to fill, readable by its owner only; at the end of the block it takes the place of `path`.

    Whatever stops the block, a reader sees what was at `path` before or all of the new file, which is on the disk.

    Raises:
        OSError: the disk refuses, or there is no such folder.
    """
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    draft = Path(name)
    try:
        with open(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    flush_to_disk(path.parent)


def write_whole(path: Path, content: str | Iterable[bytes]) -> None:
    """Replace a file by a text or by pieces of one, as `whole_file` does."""
    with whole_file(path) as file:
        file.writelines([content.encode("utf-8")] if isinstance(content, str) else content)


def save_json(path: Path, value: Mapping[str, Any]) -> None:
    """Replace a file by `value` as JSON, as `whole_file` does."""
    write_whole(path, json.dumps(value, ensure_ascii=False, indent=1) + "\n")


@contextmanager
def whole_directory(target: Path) -> Iterator[Path]:
    """A draft directory beside `target` to fill; at the end of the block it becomes `target` as a whole.

    Whatever stops the block, a reader sees nothing at `target` or all of it. Drafts that a killed process left are
    removed first. One that a living process is filling is locked and stays: renaming a draft that somebody else is
    removing would show half of it.

    Raises:
        OSError: the disk refuses, or something stands at `target` already.
    """
    sweep_drafts(target)
    draft = _draft_of(target)
    descriptor = os.open(draft, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield draft
        for path in draft.rglob("*"):
            flush_to_disk(path)
        os.fsync(descriptor)
        os.rename(draft, target)
        flush_to_disk(target.parent)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    finally:
        os.close(descriptor)


def remove_whole(target: Path) -> None:
    """Remove a directory so that a reader sees all of it or nothing, also when this process is killed meanwhile."""
    sweep_drafts(target)
    aside = _draft_of(target)
    target.rename(aside)
    shutil.rmtree(aside, ignore_errors=True)


def sweep_drafts(target: Path) -> None:
    """Remove what killed processes left of `target` in `whole_directory` and `remove_whole`."""
    name = re.compile(rf"\.{re.escape(target.name)}\.\w{{8}}\.tmp")
    for draft in target.parent.glob(".*.tmp"):
        if name.fullmatch(draft.name):
            _remove_unless_locked(draft)


def _draft_of(target: Path) -> Path:
    return Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent))


def _remove_unless_locked(draft: Path) -> None:
    with suppress(FileNotFoundError, BlockingIOError):
        descriptor = os.open(draft, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(draft, ignore_errors=True)  # with the lock: nobody can begin to fill it meanwhile
        finally:
            os.close(descriptor)
