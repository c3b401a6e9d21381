"""Whether the store's files are still those that were opened.

A file that is deleted or replaced while it is open can be written on: what is saved then is in no file that anybody
finds again. So each use of the store looks whether its path still leads to the file that was opened.
"""

from __future__ import annotations

from pathlib import Path

from db.schema.errors import StoreGone


class Files:
    """The database file as it was opened, and its write-ahead log.

    Attributes:
        path: of the database.
        identity: which file that is, on this machine.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._log = path.with_name(f"{path.name}-wal")
        self.identity = identify(path)
        self._log_identity = ""

    def require_same(self, *, has_log: bool) -> None:
        """Refuse to go on with a file that is gone or another one.

        Args:
            has_log: whether there is a write-ahead log; it stays as long as a connection is open.

        Raises:
            StoreGone: it is, or its log.
        """
        require(self.path, self.identity)
        if has_log:
            found = identify(self._log)
            if self._log_identity and found != self._log_identity:
                raise store_gone_error(self._log, found)
            self._log_identity = found


def require(path: Path, identity: str) -> None:
    """Refuse another file than this.

    Raises:
        StoreGone: there is none at `path`, or another.
    """
    found = identify(path)
    if found != identity:
        raise store_gone_error(path, found)


def identify(path: Path) -> str:
    """Which file a path leads to; empty where it leads to none."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    return f"{status.st_dev}:{status.st_ino}"


def store_gone_error(place: Path | str, found: str) -> StoreGone:
    """The error to raise where `place` holds another store than the one that was opened, or none."""
    what = "another store has replaced it" if found else "it is missing"
    return StoreGone(
        f"The store opened at {place} is gone: {what}. Nothing more is saved. "
        "Put the store back and start the desk again."
    )
