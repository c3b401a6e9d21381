"""Files of Office are ZIP archives of XML: opened with what they unpack to bounded."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager

from data.limits import MAX_HELD_BYTES, MIB
from data.reading.archives.packed import BROKEN, PackedError, check_members, open_archive
from data.reading.sources import Source


@contextmanager
def open_office(source: Source) -> Iterator[zipfile.ZipFile]:
    """The parts of a file, whole all of them, and each of which may be held.

    Raises:
        PackedError: it is broken or encrypted, or unpacks to too much; so does reading from it.
    """
    with source.open("rb") as stream, open_archive(stream) as archive:
        infos = check_members(archive.infolist())
        largest = max((info.file_size for info in infos if info.filename.endswith((".xml", ".rels"))), default=0)
        if largest > MAX_HELD_BYTES:
            expected = f"a file whose parts unpack to at most {MAX_HELD_BYTES // MIB} MB"
            raise PackedError(expected, f"{largest / MIB:,.0f} MB", "split it")
        try:
            if archive.testzip() is not None:
                raise zipfile.BadZipFile
            yield archive
        except (*BROKEN, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise PackedError("a whole file", "a fault in it", "open it in its program and save it again") from None
