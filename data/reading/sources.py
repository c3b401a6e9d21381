"""Sources: what a reader reads from, be it a file or a member of an archive, and what its beginning shows."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import BinaryIO, Literal, Protocol

from data.reading.records import BOM

HEAD_BYTES = 1 << 16
TEXT_KEYS = ("text", "input")
Tell = Callable[[str], None]


class Source(Protocol):
    """A `pathlib.Path`, or what looks like one to a reader."""

    @property
    def name(self) -> str:
        """The name, without a folder."""

    @property
    def stem(self) -> str:
        """The name without its ending."""

    @property
    def suffix(self) -> str:
        """The ending with its full stop, as it is written."""

    def open(self, mode: Literal["rb"]) -> BinaryIO:
        """All bytes from the beginning; what is given back can seek."""


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


def ignore_reading(_: str) -> None:
    """Takes what a reader tells, where nobody wants to know."""


@dataclass(frozen=True)
class Options:
    """What a person says about files, and who hears what is said of them.

    Attributes:
        wanted: keys, or paths of keys with full stops, one of which holds the note; a table without any of them is
            refused as a whole, and none at all takes every table.
        tell: called with a sentence about each file that is not read in the usual way.
        codec: Python's name for the encoding of all files of text; None where each file shows its own.
    """

    wanted: Collection[str] = TEXT_KEYS
    tell: Tell = ignore_reading
    codec: str | None = None


@dataclass(frozen=True)
class Head:
    """The beginning of a file, by which its format is told.

    Attributes:
        name: the file's name.
        ending: in lower case, with its full stop; empty without one.
        raw: the first bytes.
        text: the same as text, without a byte order mark; None where it is none.
        members: the names in it, where it is a ZIP archive.
    """

    name: str
    ending: str
    raw: bytes
    text: str | None = None
    members: frozenset[str] = frozenset()

    @property
    def start(self) -> str:
        """The text from its first character that is not white space; empty where it is none."""
        return (self.text or "").lstrip()

    def with_text(self, encoding: Encoding) -> Head:
        """The same head, read in an encoding."""
        text = self.raw.decode(encoding.codec, "replace").removeprefix(BOM)
        text = text.replace("\r", "\n") if encoding.has_only_returns else text
        return Head(self.name, self.ending, self.raw, text, self.members)


def head_of(source: Source) -> Head:
    """The beginning of a file as bytes.

    Raises:
        OSError: it cannot be read.
    """
    with source.open("rb") as stream:
        raw = stream.read(HEAD_BYTES)
    return Head(source.name, source.suffix.lower(), raw)
