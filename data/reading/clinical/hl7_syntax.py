r"""HL7 v2 as it is written: messages of a file, their segments, fields and escapes.

By hand, because the libraries harm reports: python-hl7 drops the text behind a lone backslash and logs the field that
it stood in, and hl7apy takes only messages that follow their version's structure. Neither reads character sets
(MSH-18), lines that end in \n, or a text that somebody broke into several lines.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import BinaryIO

from data.limits import MAX_RECORD_BYTES

_CHUNK_BYTES = 1 << 18
_FRAME = b"\x0b\x1c"  # of MLLP, in which messages are sent over a network
# With its separators or a bar behind: a line of a report may begin with the gene, "MSH-2: retained".
_HEADER = re.compile(rb"MSH(?:\||([^\w\s])[^\w\s]{1,5}(?:\1|$))")
_ENVELOPE = re.compile(rb"(?:FHS|BHS|BTS|FTS)(?:\||$)")
_SEGMENT = re.compile(r"[A-Z][A-Z0-9]{2}")
_CODECS = {"UNICODE UTF-8": "utf-8", "UNICODE": "utf-8", "8859/1": "cp1252", "ISO IR87": "iso2022_jp"}
_CODECS |= {"ISO IR159": "iso2022_jp_1", "GB 18030-2000": "gb18030", "KS X 1001": "euc_kr", "BIG-5": "big5"}
_LAYOUT = {"br": "\n", "sp": "\n", "ce": "\n", "sk": " "}


@dataclass(frozen=True)
class Separators:
    """The signs that MSH announces, MSH-1 and MSH-2."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    part: str = "&"

    @cached_property
    def escapes(self) -> re.Pattern[str]:
        """Escape sequences; whatever is none of them stands for itself."""
        sign = re.escape(self.escape)
        return re.compile(
            rf"{sign}(?:(?P<sign>[HNFSTRE])|\.(?P<layout>br|sp|fi|nf|in|ti|ce|sk)\s*[+-]?(?P<times>\d{{0,3}}))"
            rf"{sign}|(?P<bytes>(?:{sign}X(?:[0-9A-F]{{2}})+{sign})+)",
            re.IGNORECASE,
        )


@dataclass(frozen=True)
class Segment:
    """One segment: its name and fields, as they are numbered in the standard."""

    name: str
    fields: tuple[str, ...]
    marks: Separators
    codec: str

    def raw(self, number: int) -> str:
        """A field as it stands, with its escapes; empty where there is none."""
        said = self.fields[number] if number < len(self.fields) else ""
        return "" if said == '""' else said

    def repetitions(self, number: int) -> list[str]:
        """The repetitions of a field that are not empty, as they stand."""
        return [one for one in self.raw(number).split(self.marks.repetition) if one]

    def part(self, number: int, component: int = 1) -> str | None:
        """A component of a field's first repetition, as text on one line; None where it is empty."""
        first = self.repetitions(number)[:1]
        return self.component(first[0], component) if first else None

    def component(self, repetition: str, component: int = 1) -> str | None:
        """A component of a repetition, as text on one line; None where it is empty."""
        parts = repetition.split(self.marks.component)
        said = self.unescape(parts[component - 1]) if component <= len(parts) else ""
        said = " ".join(said.replace(self.marks.part, " ").split())
        return said if said not in ("", '""') else None

    def unescape(self, said: str) -> str:
        """The text with its escape sequences as what they stand for."""
        if self.marks.escape not in said:
            return said
        return self.marks.escapes.sub(self._meaning, said)

    def _meaning(self, sequence: re.Match[str]) -> str:
        marks = self.marks
        if sign := sequence["sign"]:
            means = {"F": marks.field, "S": marks.component, "T": marks.part, "R": marks.repetition, "E": marks.escape}
            return means.get(sign.upper(), "")
        if layout := sequence["layout"]:
            return _LAYOUT.get(layout.lower(), "") * max(1, int(sequence["times"] or 1))
        digits = re.sub(rf"{re.escape(marks.escape)}X?", "", sequence["bytes"], flags=re.IGNORECASE)
        raw = bytes.fromhex(digits)
        try:
            return raw.decode(self.codec)
        except UnicodeDecodeError:
            return raw.decode("latin-1")


@dataclass(frozen=True)
class Message:
    """A message: the line that it begins in, from 1, and its segments; `trouble` says why there are none."""

    line: int
    segments: tuple[Segment, ...] = ()
    trouble: str = ""


def read_messages(stream: BinaryIO) -> Iterator[Message]:
    """The messages of a file, without the envelopes of batches; memory holds one at a time.

    Lines end in carriage returns, line feeds or both.
    """
    begin, lines, size = 0, list[bytes](), 0
    for number, raw in enumerate(_lines(stream), start=1):
        line = raw.strip(_FRAME)
        if _HEADER.match(line.lstrip()):
            if lines:
                yield _message(begin, lines, size)
            begin, lines, size = number, [line.lstrip()], len(line)
        elif lines and not _ENVELOPE.match(line):
            size += len(line) + 1
            if size <= MAX_RECORD_BYTES:
                lines.append(line)
    if lines:
        yield _message(begin, lines, size)


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    rest, is_first = b"", True
    while raw := stream.read(_CHUNK_BYTES):
        if is_first:
            raw, is_first = raw.removeprefix(codecs.BOM_UTF8), False
        if raw.endswith(b"\r"):  # a line feed may follow, which belongs to it
            raw += stream.read(1)
        *whole, rest = (rest + raw).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        yield from whole
        if len(rest) > MAX_RECORD_BYTES:  # nothing of it is kept, but that it is too long
            rest = rest[: MAX_RECORD_BYTES + 1]
    if rest:
        yield rest


def _message(begin: int, lines: list[bytes], size: int) -> Message:
    if size > MAX_RECORD_BYTES or len(lines[0]) < 8:
        found = f"more than {MAX_RECORD_BYTES:,} bytes" if size > MAX_RECORD_BYTES else "a header (MSH) that is cut"
        return Message(begin, trouble=found)
    raw = b"\n".join(lines)
    declared = _declared(lines[0])
    text, read_as = _decoded(raw, declared)
    if text is None:
        return Message(begin, trouble=f"bytes that are not {declared or 'in UTF-8 or Windows-1252'}")
    sign = text[3]
    marks = Separators(sign, *_four(text[4:].split(sign)[0].split("\n")[0]))
    return Message(begin, tuple(_segments(text, marks, read_as)))


def _four(said: str) -> tuple[str, ...]:
    usual = "^~\\&"
    return tuple(said[place] if place < len(said) else usual[place] for place in range(4))


def _segments(text: str, marks: Separators, codec: str) -> Iterator[Segment]:
    """The segments; a line that begins none belongs to the text before it."""
    joined: list[list[str]] = []
    for line in text.split("\n"):
        if _SEGMENT.match(line) and line[3:4] == marks.field:
            joined.append([line])
        elif joined:
            joined[-1].append(_as_text(line, marks))
    for lines in joined:
        whole = "\n".join(lines)
        fields = whole.rstrip("\n").split(marks.field)
        if fields[0] == "MSH":  # whose first field is the separator itself
            fields.insert(1, marks.field)
        yield Segment(fields[0], tuple(fields), marks, codec)


def _as_text(line: str, marks: Separators) -> str:
    """A line that goes on with a text, in which one separator by itself is a sign of the text; two end it."""
    said, twice, rest = line.partition(2 * marks.field)
    return said.replace(marks.field, f"{marks.escape}F{marks.escape}") + twice + rest


def _declared(header: bytes) -> str:
    """What MSH-18 says, its first repetition."""
    fields = header.split(header[3:4])
    said = fields[17] if len(fields) > 17 else b""
    return re.split(rb"[^\w /.-]", said)[0].decode("ascii", "replace").strip().upper()


def _decoded(raw: bytes, declared: str) -> tuple[str | None, str]:
    """The text, and in what it was read.

    UTF-8 beyond ASCII is so hardly ever by chance: a header that calls it ISO 8859 is wrong.
    """
    said = _CODECS.get(declared)
    if said is None and (match := re.fullmatch(r"(?:ISO[ -]?)?8859[/-](\d{1,2})", declared)):
        said = "cp1252" if match[1] == "1" else f"iso8859-{match[1]}"
    is_eight_bits = said is None or said.startswith(("cp", "iso8859"))
    for name in (*(["utf-8"] if is_eight_bits else []), said or "cp1252"):
        try:
            return raw.decode(name), name
        except (UnicodeDecodeError, LookupError):
            continue
    return None, ""
