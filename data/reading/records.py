"""Records: what a file's records are before they are notes, and what is said of those that could not be read.

A refusal never repeats what a record says, because that is a patient's.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Literal, NamedTuple

from data.limits import MAX_RECORD_BYTES

BOM = "\ufeff"
_BAD = re.compile("[\0\udc80-\udcff]")  # NUL, and what "surrogateescape" makes of bytes that are not UTF-8
_OTHER_SEPARATORS = re.compile(r"[\^~¦§¬]")
_PLAIN_NAME = re.compile(r"[A-Za-z_][\w.-]{0,39}")
_TYPE_NAMES = {"str": "a string", "int": "a number", "float": "a number", "bool": "true or false", "NoneType": "null"}
_TYPE_NAMES |= {"dict": "an object", "list": "a list", "bytes": "bytes"}


@dataclass(frozen=True)
class Refusal:
    """A record that was not read: where it stood and what to do about it. Never holds a word of the note.

    Attributes:
        file: the file's name, without its folder; what cannot be printed on one line stands as a question mark.
        line: where the record begins, from 1; None when the whole file is meant.
        column: the character in that line, from 1; None when it is not known.
        expected: what should have been there.
        found: what was there.
        advice: what to do.
        is_file: whether not this record alone was left out but the whole file, or all of it from there on.
    """

    file: str
    line: int | None
    column: int | None
    expected: str
    found: str
    advice: str
    is_file: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "file", _printable(self.file))

    @property
    def sentence(self) -> str:
        """The refusal as a person reads it."""
        where = self.file
        where += f", line {self.line}" if self.line is not None else ""
        where += f", column {self.column}" if self.column is not None else ""
        return f"{where}: expected {self.expected}; found {self.found}; {self.advice}."


@dataclass(frozen=True)
class Statement:
    """What a person or a model of another tool said about a record, under that tool's own names.

    Attributes:
        values: name of the label, question or control to its values; see `data.reading.annotators.fields` for the
            fields that they fit.
        words: name of the label to the words that it marks, in the order of the text.
        spans: name of the label to where it stands, in code points of the text with line feeds as line breaks.
        by: the reviewer, or the model's name and version.
        at: when, as ISO 8601.
        status: "submitted", "skipped" (left out by the person), "flagged" or "rejected" (the labels are wrong); a
            model's are "suggested".
        lead_time_ms: how long it took the person.
        comment: what the person wrote beside it.
        scores: name to how sure the model was, 0 to 1.
        is_truth: whether the tool marks it as the one that holds among several.
    """

    values: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False)
    words: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False)
    spans: Mapping[str, Sequence[tuple[int, int]]] = field(default_factory=dict)
    by: str | None = None
    at: str | None = None
    status: Literal["submitted", "skipped", "flagged", "rejected", "suggested"] = "submitted"
    lead_time_ms: int | None = None
    comment: str | None = field(default=None, repr=False)
    scores: Mapping[str, float] = field(default_factory=dict)
    is_truth: bool = False


@dataclass(frozen=True)
class Record:
    """One record as it stood in a file.

    Attributes:
        file: the file's name.
        line: where it begins, from 1; the row in a Parquet file.
        values: key to value.
        is_flat: whether the format has no nested values, so that a string may hold JSON.
        decisions: what people said about it in the tool that the file comes from, the oldest first.
        proposals: what models said about it there.
    """

    file: str
    line: int | None
    values: dict[str, Any] = field(repr=False)
    is_flat: bool = False
    decisions: tuple[Statement, ...] = ()
    proposals: tuple[Statement, ...] = ()


@dataclass(frozen=True)
class Columns:
    """Where a person says that records have their parts.

    Attributes:
        text: the key of the note; None where it is under its usual name.
        id: the key of its id; None where it is under its usual name.
        codec: Python's name for the encoding of the files; None where each shows its own.
    """

    text: str | None = None
    id: str | None = None
    codec: str | None = None


USUAL = Columns()


def wanted_names(names: Collection[str], wanted: Collection[str]) -> list[str]:
    """The keys among those of a record that are wanted, or lead to a nested one that is.

    Where there are none, those that differ from a wanted one in case and outer white space only.
    """
    found = [name for name in wanted if name in names or ("." in name and name.partition(".")[0] in names)]
    if not found and wanted:
        folded = {name.casefold() for name in wanted}
        found = [name for name in names if name.strip().casefold() in folded]
    return found


def reached(values: Mapping[str, Any], name: str) -> Any:
    """What is under a key, or under a path of keys with full stops between; None where there is nothing."""
    if name in values:
        return values[name]
    found: Any = values
    for key in name.split("."):
        if not isinstance(found, Mapping) or key not in found:
            return None
        found = found[key]
    return found


def without(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The same values but for what is under a key, or a path of keys, and what is empty without it."""
    if name in values or "." not in name:
        return {key: value for key, value in values.items() if key != name}
    first, _, rest = name.partition(".")
    inner = values.get(first)
    if not isinstance(inner, Mapping):
        return dict(values)
    left = without(inner, rest)
    return {key: left if key == first else value for key, value in values.items() if key != first or left}


def plain_name(key: object) -> str:
    """A key for use in a message; one that is not an ordinary name may be a piece of a note and is not repeated."""
    return key if isinstance(key, str) and _PLAIN_NAME.fullmatch(key) else "(not a plain name)"


def plain_type(value: object) -> str:
    """The JSON type of a value, in words."""
    return _TYPE_NAMES.get(type(value).__name__, type(value).__name__)


def _printable(name: str) -> str:
    return name if name.isprintable() else "".join(sign if sign.isprintable() else "?" for sign in name)


def id_of_file(stem: str) -> str:
    """The id of the note that a whole file is: its name without the ending, accents composed as one types them."""
    return unicodedata.normalize("NFC", stem)


class Line(NamedTuple):
    """A decoded line; `trouble` is (column, what was found) where it could not be read as it should."""

    text: str
    trouble: tuple[int | None, str] | None


class Lines:
    """The lines of a file, none longer than the limit in memory.

    Bytes that are not UTF-8 come as lone surrogates, so that a reader above can finish the record before refusing it.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.number = 0

    def read(self) -> Line | None:
        """The next line with its line break, or None behind the last."""
        raw = self._stream.readline(MAX_RECORD_BYTES + 1)
        if not raw:
            return None
        self.number += 1
        if len(raw) > MAX_RECORD_BYTES:
            self._skip_rest(raw)
            return Line("", (None, f"more than {MAX_RECORD_BYTES:,} bytes"))
        text = decode(raw)
        if self.number == 1:
            text = text.removeprefix(BOM)
        return Line(text, bad_character(text))

    def _skip_rest(self, raw: bytes) -> None:
        while raw and not raw.endswith(b"\n"):
            raw = self._stream.readline(1 << 16)


def decode(raw: bytes) -> str:
    """The text of bytes; those that are not UTF-8 come as lone surrogates, for `bad_character` to find."""
    return raw.decode("utf-8", "surrogateescape")


def bad_character(text: str) -> tuple[int, str] | None:
    """The position, from 1, and a description of the first NUL, or byte that was not UTF-8."""
    if text.isascii() and "\0" not in text:
        return None
    found = _BAD.search(text)
    if found is None:
        return None
    code = ord(found.group())
    return found.start() + 1, f"the byte 0x{code - 0xDC00:02X}, which is not UTF-8" if code else "U+0000"


def refused_file(name: str, expected: str, found: str, advice: str) -> Refusal:
    """The refusal of a file, or a folder, as a whole."""
    return Refusal(name, None, None, expected, found, advice, is_file=True)


def refused_line(name: str, line: int, trouble: tuple[int | None, str]) -> Refusal:
    """The refusal of a line with what `Line.trouble` says of it."""
    column, found = trouble
    if column is None:
        expected = f"a record of at most {MAX_RECORD_BYTES:,} bytes"
        return Refusal(name, line, None, expected, found, "split the record")
    if found.startswith("U+"):
        advice = "remove that character, or save the file as UTF-8"
        return Refusal(name, line, column, "printable text", found, advice)
    return Refusal(name, line, column, "UTF-8 text", found, "convert the file to UTF-8")


def _alike(header: Sequence[str], wanted: Collection[str]) -> list[str]:
    """Columns that are told from a wanted one by nothing but case; none where there is one, as usual."""
    for name in wanted:
        if len(found := [other for other in header if other.strip().casefold() == name.casefold()]) > 1:
            return found
    return []


def bad_header(name: str, header: list[str], wanted: Collection[str], line: int | None = 1) -> Refusal | None:
    """The refusal of a table with these columns, as a whole; None where it can be read."""
    found = "the columns " + (", ".join(plain_name(name) for name in header[:20]) or "none")
    if len(set(header)) != len(header):
        return Refusal(name, line, None, "columns with different names", found, "rename one of them", is_file=True)
    if len(header) == 1 and (sign := _OTHER_SEPARATORS.search(header[0])):
        found = f"one, which looks like several with {sign.group()} between them"
        advice = "save it with commas, semicolons or tabs between the columns"
        return Refusal(name, line, None, "columns", found, advice, is_file=True)
    if len(wanted) > 1 and (alike := _alike(header, wanted)):
        found = f"the columns {', '.join(plain_name(name) for name in alike)}"
        advice = "rename all but one, or choose one of them (--text-column NAME)"
        return Refusal(name, line, None, "one column with the notes", found, advice, is_file=True)
    if wanted and not wanted_names(header, wanted):
        columns = " or ".join(plain_name(name) for name in wanted)
        advice = "choose the column with the notes (--text-column NAME), or name it text"
        return Refusal(name, line, None, f"a column {columns}", found, advice, is_file=True)
    return None
