"""Encodings: how the bytes of a file are to be read, decided by all of them before any is.

A file is UTF-8, UTF-16, UTF-32 or in one older encoding as a whole, or is refused as a whole: were it decided line by
line, the lines with letters beyond ASCII would be left out and the others kept.
"""

from __future__ import annotations

import codecs
import io
import re
from typing import BinaryIO, cast

from data.reading.code_pages import code_page_of
from data.reading.records import Refusal, refused_file
from data.reading.sources import Encoding, Source

STRETCH_BYTES = 1 << 18
_HEAD_BYTES = 4096
_MARKS = (  # the longest first: UTF-16's begins UTF-32's
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
_TITLES = {"utf-8": "UTF-8", "iso8859-1": "Latin-1", "iso8859-2": "Latin-2", "mac-roman": "Mac Roman"}
_TITLES |= {f"cp{n}": f"Windows-{n}" for n in range(1250, 1259)}
_TITLES |= {"cp932": "Shift JIS", "cp949": "EUC-KR", "euc_jp": "EUC-JP", "cp850": "DOS (CP850)", "cp852": "DOS (CP852)"}
_FOREIGN = re.compile("[\udc80-\udcff]")  # what "surrogateescape" makes of bytes that are not UTF-8
# Signs that only UTF-8 text has: Latin letters, punctuation and all signs of three bytes or more. Signs of two bytes
# from U+0180 on are left out, since Windows-1252 has them by chance: a sharp s before a closing quote is one. Half of a
# surrogate pair, written as if it were a sign, is UTF-8 that somebody damaged.
_SURELY_UTF8 = re.compile("[\x80-\u017f\u0800-\ud7ff\ue000-\U0010ffff]|\udced[\udca0-\udcbf][\udc80-\udcbf]")
_PERHAPS_UTF8 = re.compile("[\u0180-\u07ff]")
_CHARSET = re.compile(
    rb"\A\s*<(?=[!?a-z]).*<meta[^<>]{1,99}charset\s*=\s*[\"']?([\w.-]{3,20})", re.IGNORECASE | re.DOTALL
)
_HIGH = re.compile(rb"[\x80-\xff]")
_BEFORE = 200
SAMPLE_BYTES = 1 << 15
DOUBLE_BYTES = frozenset({"cp932", "euc_jp", "gb18030", "big5", "cp949"})
"""Encodings in which two letters may look like one of UTF-8."""
MAX_CHANCE = 0.2
"""The share of bytes beyond ASCII that may do so."""
_ASCII = bytes(range(128))


def encoding_of(source: Source, codec: str | None = None) -> Encoding | Refusal:
    """The encoding of a file of text, or why it cannot be read.

    Args:
        source: the file.
        codec: Python's name for it, where a person says what it is.

    Raises:
        OSError: the system does not let it be read.
    """
    with source.open("rb") as stream:
        if codec is not None:
            return _check_decoding(source, stream, codecs.lookup(codec).name, title_of(codec))
        head = stream.read(_HEAD_BYTES)
        stream.seek(0)
        for mark, marked, title in _MARKS:
            if head.startswith(mark):
                return _check_decoding(source, stream, marked, title)
        if unmarked := _detect_unmarked(head):
            return _check_decoding(source, stream, unmarked, "UTF-16")
        try:
            return Encoding("utf-8", "UTF-8", _has_only_returns(stream, "utf-8"))
        except UnicodeDecodeError:
            stream.seek(0)
            return _detect_older(source, stream, head)


def open_as_utf8(source: Source, encoding: Encoding) -> BinaryIO:
    """The file's bytes as they would be in UTF-8, with line feeds, in bounded memory.

    Reading raises UnicodeDecodeError where the file is not, or no longer, in that encoding.
    """
    stream = source.open("rb")
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


def _check_decoding(source: Source, stream: BinaryIO, codec: str, title: str) -> Encoding | Refusal:
    try:
        return Encoding(codec, title, _has_only_returns(stream, codec))
    except UnicodeError:
        found = "bytes that are not, or an end in the middle of a character"
        advice = "get the whole file, or save it as UTF-8"
        return refused_file(source.name, f"{title} text", found, advice)


def title_of(codec: str) -> str:
    """The name of an encoding as people know it.

    Raises:
        LookupError: Python knows none of this name, or what it knows is none of text.
    """
    found = codecs.lookup(codec)
    if not found._is_text_encoding:
        raise LookupError(codec)
    return _TITLES.get(found.name, found.name.upper().replace("_", "-"))


def _known_codec(name: str) -> str | None:
    """Python's name for an encoding that a page declares; ISO 8859-1 means Windows-1252 there, as in all browsers."""
    try:
        found = codecs.lookup(name)
    except LookupError:
        return None
    return ("cp1252" if found.name in ("iso8859-1", "ascii") else found.name) if found._is_text_encoding else None


def _detect_older(source: Source, stream: BinaryIO, head: bytes) -> Encoding | Refusal:
    """What a file is that is not UTF-8: in one of the encodings before it, or nothing that can be told."""
    seen = _Seen()
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    while raw := stream.read(STRETCH_BYTES):
        seen.take(raw, decoder.decode(raw))
    seen.take(b"", decoder.decode(b"", final=True))
    declared = _CHARSET.search(head)
    if declared and (named := _known_codec(declared.group(1).decode("ascii"))) is not None:
        stream.seek(0)
        found = _check_decoding(source, stream, named, title_of(named))
        if isinstance(found, Encoding):
            return found
    is_mixed = seen.n_sure > 0 or seen.n_perhaps > seen.n_stray
    codec = None if seen.n_sure > MAX_CHANCE * seen.n_high else code_page_of(bytes(seen.sample))
    if codec is not None and (not is_mixed or codec in DOUBLE_BYTES):
        stream.seek(0)
        found = _check_decoding(source, stream, codec, title_of(codec))
        if isinstance(found, Encoding):
            return found
    line, column, byte = seen.first or (None, None, 0)
    what, advice = f"the byte 0x{byte:02X}, which is not UTF-8", "save the file as UTF-8"
    if is_mixed:
        expected, what = "one encoding in the whole file", f"UTF-8 and {what}"
        return Refusal(source.name, line, column, expected, what, advice, is_file=True)
    expected = "text in UTF-8, UTF-16 or an encoding that can be told"
    advice += ", or give its encoding (--encoding NAME)"
    return Refusal(source.name, line, column, expected, what, advice, is_file=True)


class _Seen:
    """What was seen so far of a file that is not UTF-8.

    Attributes:
        first: line, column and value of the first byte that is not UTF-8.
        sample: the first lines that have bytes beyond ASCII.
        n_sure: signs that only UTF-8 text has.
        n_perhaps: others that may be UTF-8 by chance.
        n_high: bytes beyond ASCII.
    """

    def __init__(self) -> None:
        self.first: tuple[int, int, int] | None = None
        self.sample = bytearray()
        self.n_sure = self.n_perhaps = self.n_high = 0
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
        self.n_sure += sum(1 for _ in _SURELY_UTF8.finditer(text))
        self.n_perhaps += sum(1 for _ in _PERHAPS_UTF8.finditer(text))
        self.n_high += len(raw.translate(None, _ASCII))
        self._take_lines(raw)

    def _take_lines(self, raw: bytes) -> None:
        position = 0
        while len(self.sample) < SAMPLE_BYTES and (high := _HIGH.search(raw, position)):
            start = raw.rfind(b"\n", 0, high.start()) + 1
            end = raw.find(b"\n", high.start()) % (len(raw) + 1)
            start, position = max(start, position, high.start() - _BEFORE), end
            line = raw[start : min(end, high.start() + SAMPLE_BYTES)]
            if start + len(line) < end:  # not in the middle of a letter: no letter has these signs in it
                line = line[: max(line.rfind(sign) for sign in b' ",') + 1]
            if end < len(raw) or not self.sample:
                self.sample += line + b"\n"

    @property
    def n_stray(self) -> int:
        """Bytes beyond ASCII that are part of no sign of UTF-8, where there are no sure ones."""
        return self.n_high - 2 * self.n_perhaps
