"""Exports of several files: an archive that grows as it is given away, or the folder itself."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

Files = Iterable[tuple[str, Iterable[bytes]]]
"""Name in the folder, and content in pieces; each is read before the next is asked for."""
FOLDER = "reviewed"
"""Name of the folder inside an archive."""


def zip_files(files: Files) -> Iterator[bytes]:
    """The files as one archive."""
    sink = Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, pieces in files:
            with archive.open(f"{FOLDER}/{name}", "w", force_zip64=True) as file:
                for piece in pieces:
                    file.write(piece)
                    yield sink.take()
    yield sink.take()


def write_files(files: Files, folder: Path) -> None:
    """The files in a folder, which must be there and empty."""
    for name, pieces in files:
        with (folder / name).open("wb") as file:
            for piece in pieces:
                file.write(piece)


class Sink(io.RawIOBase):
    """Takes what writers write and hands it on; nobody can go back in it."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []
        self._n_bytes = 0

    def writable(self) -> bool:
        """That it can be written to."""
        return True

    def write(self, data: Any, /) -> int:
        """Keep a piece until it is take."""
        piece = bytes(data)
        self._pieces.append(piece)
        self._n_bytes += len(piece)
        return len(piece)

    def tell(self) -> int:
        """Bytes written so far."""
        return self._n_bytes

    def take(self) -> bytes:
        """What was written since the last time."""
        piece = b"".join(self._pieces)
        self._pieces.clear()
        return piece
