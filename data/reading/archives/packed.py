"""Packed files: gzip and ZIP, unpacked as they are read, with what they may come to bounded before and meanwhile.

Nothing is written, so that a name in an archive leads nowhere. A file of kilobytes may unpack to gigabytes, which no
text does: what unpacks to many times its size is refused.
"""

from __future__ import annotations

import gzip
import io
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import IO, BinaryIO, Literal, cast

from data.limits import MAX_HELD_BYTES, MAX_PACKING, MAX_UNPACKED_BYTES, MAX_ZIP_DIRECTORY_BYTES, MIB
from data.reading.records import Refusal, refused_file
from data.reading.sources import Source

_BUFFER_BYTES = 1 << 16
_IS_UTF8 = 0x800
_FREE = 8 * MIB
"""What may unpack from anything: the rule of proportion is for more."""
_END, _END_BYTES, _SIZE = b"PK\5\6", 22, slice(12, 16)
_END_64, _END_64_BYTES, _SIZE_64 = b"PK\6\6", 76, slice(40, 48)
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, ValueError, IndexError)


class PackedError(OSError):
    """A packed file cannot be unpacked; why, as a refusal says it."""

    def __init__(self, expected: str, found: str, advice: str) -> None:
        super().__init__(expected)
        self.expected = expected
        self.found = found
        self.advice = advice

    def refusal(self, name: str) -> Refusal:
        """The refusal of the file that is packed so."""
        return refused_file(name, self.expected, self.found, self.advice)


def is_gzip(raw: bytes) -> bool:
    """Whether a file that begins so is compressed with gzip."""
    return raw.startswith(b"\x1f\x8b")


def is_zip(raw: bytes) -> bool:
    """Whether a file that begins so is a ZIP archive."""
    return raw.startswith((b"PK\3\4", _END))


@dataclass(frozen=True)
class Packed:
    """A file that lies packed in another: a `data.reading.sources.Source`.

    Attributes:
        name: its name, and where it lies.
        stem: its own name without its ending.
        suffix: its ending with its full stop.
        unpacked: gives all of its bytes, unpacked one by one.
        max_bytes: what they may come to.
    """

    name: str
    stem: str
    suffix: str
    unpacked: Callable[[], IO[bytes]] = field(repr=False)
    max_bytes: int

    @property
    def own_name(self) -> str:
        """Its name alone."""
        return f"{self.stem}{self.suffix}"

    def open(self, mode: Literal["rb"]) -> BinaryIO:
        """All bytes from the beginning; one may go back there and nowhere else.

        Raises:
            PackedError: it cannot be unpacked; reading raises it too.
        """
        return cast("BinaryIO", io.BufferedReader(_Unpacking(self.unpacked, self.max_bytes), _BUFFER_BYTES))


@dataclass(frozen=True)
class Held:
    """A file that is held in memory: a `data.reading.sources.Source`."""

    name: str
    stem: str
    suffix: str
    raw: bytes = field(repr=False)

    def open(self, mode: Literal["rb"]) -> BinaryIO:
        """All bytes from the beginning."""
        return io.BytesIO(self.raw)


def hold(source: Packed) -> Held:
    """A packed file in memory, for a reader that goes to and fro in it.

    Raises:
        PackedError: it is too large for that, or cannot be unpacked.
    """
    with source.open("rb") as stream:
        raw = stream.read(MAX_HELD_BYTES + 1)
    if len(raw) > MAX_HELD_BYTES:
        expected = f"at most {MAX_HELD_BYTES // MIB} MB in a packed file of this kind"
        raise PackedError(expected, "more", "unpack it first")
    return Held(source.name, source.stem, source.suffix, raw)


def open_gzip(source: Source) -> Packed:
    """The file in a .gz."""
    own = PurePosixPath(source.stem if source.suffix.lower() == ".gz" else source.name)
    with source.open("rb") as stream:
        n_packed = stream.seek(0, 2)

    def unpacked() -> IO[bytes]:
        return cast("IO[bytes]", _Gunzip(source.open("rb")))

    return Packed(source.name, own.stem, own.suffix, unpacked, min(MAX_UNPACKED_BYTES, _FREE + MAX_PACKING * n_packed))


class _Gunzip(gzip.GzipFile):
    """A gzip stream that closes what it reads from."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(fileobj=stream, mode="rb")
        self._packed = stream

    def close(self) -> None:
        super().close()
        self._packed.close()


def zip_names(source: Source) -> frozenset[str]:
    """The names in a ZIP archive; none where it is broken."""
    try:
        with source.open("rb") as stream, open_archive(stream) as archive:
            return frozenset(archive.namelist())
    except (OSError, *BROKEN):
        return frozenset()


@contextmanager
def open_zip(source: Source) -> Iterator[list[tuple[str, Packed]]]:
    """The files in a ZIP archive with the folders in which they lie there, in the order of their names.

    Raises:
        PackedError: it is broken or encrypted, or unpacks to too much.
    """
    with source.open("rb") as stream, open_archive(stream) as archive:
        infos = check_members([info for info in archive.infolist() if _is_file(info.filename)])
        members = sorted((_member(source, archive, info) for info in infos), key=lambda one: (one[0], one[1].own_name))
        if len({(folder, one.own_name) for folder, one in members}) < len(members):
            raise PackedError("an archive that holds each file once", "two of one name", "unpack it first")
        yield members


def _member(source: Source, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> tuple[str, Packed]:
    own = PurePosixPath(_real_name(info))
    name = f"{own.name} in {source.name}"

    def unpacked() -> IO[bytes]:
        if stat.S_ISLNK(info.external_attr >> 16):
            raise PackedError("a file", "a link to one", "pack the files themselves")
        return archive.open(info)

    return str(own.parent), Packed(name, own.stem, own.suffix, unpacked, info.file_size)


def _real_name(info: zipfile.ZipInfo) -> str:
    """The name as it was: macOS writes UTF-8 without saying so, which is then taken for the code page of DOS."""
    try:
        return info.filename if info.flag_bits & _IS_UTF8 else info.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.filename


def check_members(infos: list[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    """The same members, where they unpack to no more than they may; none gives more bytes than it says.

    Raises:
        PackedError: so it would, or it needs a password or what few programs know.
    """
    if any(info.flag_bits & 1 for info in infos):
        raise PackedError("an archive without a password", "an encrypted one", "unpack it first")
    if any(info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for info in infos):
        raise PackedError("an ordinary ZIP archive", "another way of packing", "unpack it first")
    n_bytes = sum(info.file_size for info in infos)
    n_packed = sum(min(info.compress_size, info.file_size) for info in infos)
    if n_bytes > min(MAX_UNPACKED_BYTES, _FREE + MAX_PACKING * n_packed):
        raise _size_error(n_bytes)
    return infos


def _is_file(name: str) -> bool:
    parts = PurePosixPath(name).parts
    is_hidden = any(part.startswith((".", "__MACOSX")) and part != ".." for part in parts)
    return bool(parts) and not name.endswith("/") and not is_hidden


def open_archive(stream: BinaryIO) -> zipfile.ZipFile:
    """The archive, if its directory is one that may be held.

    Raises:
        PackedError: it is broken, or its directory is too long.
    """
    n_bytes = stream.seek(0, 2)
    stream.seek(max(0, n_bytes - _END_BYTES - _END_64_BYTES - (1 << 16)))
    tail = stream.read()
    sizes = [int.from_bytes(tail[at:][_SIZE], "little") for at in _find_all(tail, _END)]
    sizes = [size for size in sizes if size != 0xFFFFFFFF]
    sizes += [int.from_bytes(tail[at:][_SIZE_64], "little") for at in _find_all(tail, _END_64)]
    if max(sizes, default=0) > MAX_ZIP_DIRECTORY_BYTES:
        raise PackedError("an archive of fewer files", "too many to list", "unpack it first")
    try:
        archive = zipfile.ZipFile(stream)
    except BROKEN:
        raise _broken_error() from None
    if min((info.header_offset for info in archive.infolist()), default=0):
        raise _broken_error()  # an archive that lies in this one, which has lost its end
    return archive


def _find_all(tail: bytes, mark: bytes) -> Iterator[int]:
    at = tail.find(mark)
    while at >= 0:
        yield at
        at = tail.find(mark, at + 1)


def _broken_error() -> PackedError:
    return PackedError("a whole archive", "a fault in it, or not all of it", "get the whole file, or unpack it first")


def _size_error(n_bytes: int | None = None) -> PackedError:
    expected = f"an archive that unpacks to at most {MAX_UNPACKED_BYTES // MIB:,} MB, and {MAX_PACKING} times its size"
    return PackedError(expected, f"{n_bytes / MIB:,.0f} MB" if n_bytes else "more", "unpack it first if it is right")


class _Unpacking(io.RawIOBase):
    """A stream of unpacked bytes that ends in a PackedError where they are too many or cannot be read."""

    def __init__(self, unpacked: Callable[[], IO[bytes]], max_bytes: int) -> None:
        self._unpacked = unpacked
        self._max_bytes = max_bytes
        self._stream = self._opened()
        self._position = 0

    def _opened(self) -> IO[bytes]:
        try:
            return self._unpacked()
        except BROKEN:
            raise _broken_error() from None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_CUR and not offset:
            return self._position
        if whence != io.SEEK_SET or offset:
            raise io.UnsupportedOperation
        self._stream.close()
        self._stream, self._position = self._opened(), 0
        return 0

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        try:
            raw = self._stream.read(len(buffer))
        except (OSError, *BROKEN):
            raise _broken_error() from None
        self._position += len(raw)
        if self._position > self._max_bytes:
            raise _size_error()
        buffer[: len(raw)] = raw
        return len(raw)

    def close(self) -> None:
        self._stream.close()
        super().close()
