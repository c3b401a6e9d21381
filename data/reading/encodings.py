"""Encodings: how the bytes of a file are to be read, decided by all of them before any is.

A file is UTF-8, UTF-16, UTF-32 or Windows-1252 as a whole, or is refused as a whole: were it decided line by line, the
lines with letters beyond ASCII would be left out and the others kept.
"""

from __future__ import annotations

import codecs
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from data.reading.records import Refusal, refused_file

STRETCH_BYTES = 1 << 18
_HEAD_BYTES = 4096
_MARKS = (  # the longest first: UTF-16's begins UTF-32's
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
_OTHER_FORMATS = (  # what no text begins with
    (b"PK\x03\x04", "a ZIP archive, which an Excel workbook is too", "save the sheet as CSV, or unpack the archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office file", "save the sheet as CSV, or the document as text"),
    (b"%PDF-", "a PDF", "save its text as .txt"),
    (b"{\\rtf", "rich text (RTF)", "save it as plain text"),
    (b"\x1f\x8b", "a gzip archive", "unpack it"),
    (b"PAR1", "a Parquet file", "name it .parquet"),
)
_FOREIGN = re.compile("[\udc80-\udcff]")  # what "surrogateescape" makes of bytes that are not UTF-8
# Signs that only UTF-8 text has: Latin letters, punctuation and all signs of three bytes or more. Signs of two bytes
# from U+0180 on are left out, since Windows-1252 has them by chance: a sharp s before a closing quote is one. Half of a
# surrogate pair, written as if it were a sign, is UTF-8 that somebody damaged.
_SURELY_UTF8 = re.compile("[\x80-\u017f\u0800-\ud7ff\ue000-\U0010ffff]|\udced[\udca0-\udcbf][\udc80-\udcbf]")
_PERHAPS_UTF8 = re.compile("[\u0180-\u07ff]")
_NOT_WINDOWS = re.compile(b"[\x81\x8d\x8f\x90\x9d]")
_FEW, _MAX_HIGH = 4, 0.4
"""Signs beyond ASCII that any Windows-1252 text may have, and their share of its letters: more is another alphabet."""
_ASCII = bytes(range(128))
_ASCII_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Encoding:
    """How a file is read.

    Attributes:
        codec: Python's name for it.
        title: its name as people know it.
        has_only_returns: whether lines end in a carriage return alone, as on an old Mac.
    """

    codec: str
    title: str
    has_only_returns: bool = False

    @property
    def is_usual(self) -> bool:
        """Whether nothing need be said about it."""
        return self.codec == "utf-8"


UTF_8 = Encoding("utf-8", "UTF-8")


def encoding_of(path: Path) -> Encoding | Refusal:
    """The encoding of a file of text, or why it cannot be read.

    Raises:
        OSError: the system does not let it be read.
    """
    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
        stream.seek(0)
        for mark, found, advice in _OTHER_FORMATS:
            if head.startswith(mark):
                expected = f"text in a file ending in {path.suffix.lower()}"
                return refused_file(path.name, expected, found, advice)
        for mark, codec, title in _MARKS:
            if head.startswith(mark):
                return _read_wide(path, stream, codec, title)
        if unmarked := _detect_unmarked(head):
            return _read_wide(path, stream, unmarked, "UTF-16")
        try:
            return Encoding("utf-8", "UTF-8", _has_only_returns(stream, "utf-8"))
        except UnicodeDecodeError:
            stream.seek(0)
            return _eight_bits(path, stream)


def open_as_utf8(path: Path, encoding: Encoding) -> BinaryIO:
    """The file's bytes as they would be in UTF-8, with line feeds, in bounded memory.

    Reading raises UnicodeDecodeError where the file is not, or no longer, in that encoding.
    """
    stream = path.open("rb")
    if encoding.is_usual and not encoding.has_only_returns:
        return stream
    return cast("BinaryIO", io.BufferedReader(_Transcoded(stream, encoding), STRETCH_BYTES))


class _Transcoded(io.RawIOBase):
    """A stream of another encoding as one of UTF-8."""

    def __init__(self, stream: BinaryIO, encoding: Encoding) -> None:
        self._stream = stream
        errors = "surrogateescape" if encoding.is_usual else "strict"
        self._decoder = codecs.getincrementaldecoder(encoding.codec)(errors)
        self._errors = errors
        self._has_only_returns = encoding.has_only_returns
        self._ready = memoryview(b"")
        self._is_over = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        while not self._ready and not self._is_over:
            raw = self._stream.read(STRETCH_BYTES)
            self._is_over = not raw
            text = self._decoder.decode(raw, final=self._is_over)
            if self._has_only_returns:
                text = text.replace("\r", "\n")
            self._ready = memoryview(text.encode("utf-8", self._errors))
        taken = self._ready[: len(buffer)]
        buffer[: len(taken)] = taken
        self._ready = self._ready[len(taken) :]
        return len(taken)

    def close(self) -> None:
        self._stream.close()
        super().close()


def _has_only_returns(stream: BinaryIO, codec: str) -> bool:
    """Decode all of a stream, and say whether its lines end in carriage returns alone.

    Raises:
        UnicodeDecodeError: it is not in that encoding.
    """
    decoder = codecs.getincrementaldecoder(codec)()
    has_return = has_feed = False
    while raw := stream.read(STRETCH_BYTES):
        text = decoder.decode(raw)
        has_feed = has_feed or "\n" in text
        has_return = has_return or (not has_feed and "\r" in text)
    decoder.decode(b"", final=True)
    return has_return and not has_feed


def _detect_unmarked(head: bytes) -> str | None:
    """UTF-16 that nothing announces: every second byte of Latin text is zero."""
    half = len(head) // 2
    n_even, n_odd = head[: 2 * half : 2].count(0), head[1 : 2 * half : 2].count(0)
    if half < 4 or max(n_even, n_odd) < 0.4 * half or min(n_even, n_odd) > 0.05 * half:
        return None
    return "utf-16-le" if n_odd > n_even else "utf-16-be"


def _read_wide(path: Path, stream: BinaryIO, codec: str, title: str) -> Encoding | Refusal:
    try:
        return Encoding(codec, title, _has_only_returns(stream, codec))
    except UnicodeDecodeError:
        found = "bytes that are not, or an end in the middle of a character"
        advice = "get the whole file, or save it as UTF-8"
        return refused_file(path.name, f"{title} text, as it begins", found, advice)


def _eight_bits(path: Path, stream: BinaryIO) -> Encoding | Refusal:
    """What a file is that is not UTF-8: Windows-1252, or nothing that can be told."""
    seen = _Seen()
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    while raw := stream.read(STRETCH_BYTES):
        seen.take(raw, decoder.decode(raw))
        if seen.is_mixed and seen.first:
            break
    seen.take(b"", decoder.decode(b"", final=True))
    if seen.is_windows:
        return Encoding("cp1252", "Windows-1252", seen.has_return and not seen.has_feed)
    line, column, byte = seen.first or (None, None, 0)
    found, advice = f"the byte 0x{byte:02X}, which is not UTF-8", "save the file as UTF-8"
    if seen.is_mixed or seen.n_perhaps > seen.n_stray:
        expected, found = "one encoding in the whole file", f"UTF-8 and {found}"
        return Refusal(path.name, line, column, expected, found, advice, is_file=True)
    expected = "text in UTF-8, UTF-16 or Windows-1252"
    return Refusal(path.name, line, column, expected, f"another encoding: {found}", advice, is_file=True)


class _Seen:
    """What was seen so far of a file that is not UTF-8."""

    def __init__(self) -> None:
        self.first: tuple[int, int, int] | None = None
        """Line, column and value of the first byte that is not UTF-8."""
        self.is_mixed = self.has_feed = self.has_return = False
        self.n_perhaps = 0
        self._is_western = True
        self._n_high = self._n_letters = 0
        self._line, self._column = 1, 1

    def take(self, raw: bytes, text: str) -> None:
        """Look at the next bytes; `text` is what they, and what was left of those before, are in UTF-8."""
        if self.first is None and (match := _FOREIGN.search(text)):
            n_feeds = text.count("\n", 0, match.start())
            column = match.start() - text.rfind("\n", 0, match.start()) if n_feeds else self._column + match.start()
            self.first = self._line + n_feeds, column, ord(match.group()) - 0xDC00
        n_feeds = text.count("\n")
        self._line += n_feeds
        self._column = len(text) - text.rfind("\n") if n_feeds else self._column + len(text)
        self.is_mixed = self.is_mixed or _SURELY_UTF8.search(text) is not None
        self.n_perhaps += sum(1 for _ in _PERHAPS_UTF8.finditer(text))
        self._is_western = self._is_western and not _NOT_WINDOWS.search(raw)
        self._n_high += len(raw.translate(None, _ASCII))
        self._n_letters += len(raw) - len(raw.translate(None, _ASCII_LETTERS))
        self.has_feed, self.has_return = self.has_feed or b"\n" in raw, self.has_return or b"\r" in raw

    @property
    def n_stray(self) -> int:
        """Bytes beyond ASCII that are part of no sign of UTF-8, where `is_mixed` is false."""
        return self._n_high - 2 * self.n_perhaps

    @property
    def is_windows(self) -> bool:
        """Whether it is Windows-1252: no byte and no share of letters speaks against it."""
        is_latin = self._n_high <= max(_FEW, _MAX_HIGH * (self._n_letters + self._n_high))
        return self._is_western and is_latin and not self.is_mixed and self.n_perhaps <= self.n_stray
