"""The stretch of a JSON file that is being read, and decoders that are stricter, or looser, than the standard one."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from data.limits import MAX_DIGITS, MAX_RECORD_BYTES
from data.reading.records import BOM, plain_name

CHUNK_BYTES = 1 << 20
NEAR = 32
"""Characters before the end of what was read, up to which the end may cut a number in two."""


class Problem(NamedTuple):
    """What was found in a value, and what to do about it; with a number, `number_fault` knows its place."""

    found: str
    advice: str
    is_number: bool = True


class StrictJson:
    """A JSON decoder that notes what the standard one lets pass: NaN, infinities, repeated keys.

    It notes instead of raising, so that an array can be read on behind the record.
    """

    def __init__(self) -> None:
        self.problem: Problem | None = None
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._object, parse_constant=self._constant, parse_float=self._float, parse_int=self._int
        )

    def decode(self, text: str, start: int = 0) -> tuple[Any, int]:
        """The value that begins at `start`, and where it ends. Look at `problem` afterwards.

        Raises:
            json.JSONDecodeError: it is not JSON.
            RecursionError: it is nested too deeply.
        """
        self.problem = None
        return self._decoder.raw_decode(text, start)

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, value in pairs:
            if key in values:
                self.problem = self.problem or Problem(
                    f"the key {plain_name(key)} twice", "remove one of them", is_number=False
                )
            values[key] = value
        return values

    def _constant(self, name: str) -> None:
        self.problem = self.problem or Problem(f"{name}, which is not JSON", "write null instead")

    def _float(self, digits: str) -> float:
        value = float(digits)
        if abs(value) == float("inf"):
            self.problem = self.problem or Problem("a number beyond the range of numbers", "write it as a string")
        return value

    def _int(self, digits: str) -> int:
        if len(digits) > MAX_DIGITS:
            self.problem = self.problem or Problem(f"a number of more than {MAX_DIGITS} digits", "write it as a string")
            return 0
        return int(digits)


class LooseJson:
    """A JSON decoder that only finds where values end, in a third of the time."""

    problem = None

    def __init__(self) -> None:
        self._decoder = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)

    def decode(self, text: str, start: int = 0) -> tuple[Any, int]:
        """As `StrictJson.decode`; numbers come as text."""
        return self._decoder.raw_decode(text, start)


Decoder = StrictJson | LooseJson


def read_json_value(text: str) -> Any:
    """The value of a JSON string in a cell; the string itself where it is none."""
    decoder = StrictJson()
    try:
        value, end = decoder.decode(text.strip())
    except (ValueError, RecursionError):
        return text
    return text if decoder.problem or end != len(text.strip()) else value


class Place(NamedTuple):
    """Where something stands in a file: line and column, from 1."""

    line: int
    column: int


class Window:
    """The stretch of a file that is being read: decoded characters, and where in the file they are."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._begin = Place(1, 1)  # of the stretch
        self._mark = 0, self._begin  # the furthest position that somebody asked for, so that nothing is counted twice
        self.text = ""
        self.position = 0
        self.is_last = False
        self.extend()
        self.position = len(BOM) if self.text.startswith(BOM) else 0
        self._begin = Place(1, 1 - self.position)
        self._mark = 0, self._begin

    def extend(self) -> None:
        """Let go of what was read and take in more."""
        self._begin = self.place(self.position)
        self._mark = 0, self._begin
        raw = self._stream.read(CHUNK_BYTES)
        self.is_last = not raw
        self.text = self.text[self.position :] + self._decoder.decode(raw, final=self.is_last)
        self.position = 0

    def skip_space(self) -> str:
        """Go to the next character that is not white space, and give it; empty behind the last."""
        while True:
            self.position = _skip_space(self.text, self.position)
            if self.position < len(self.text) or self.is_last:
                return self.text[self.position : self.position + 1]
            self.extend()

    def place(self, offset: int) -> Place:
        """The line and column of a position in the stretch."""
        at, (line, column) = self._mark if offset >= self._mark[0] else (0, self._begin)
        n_before = self.text.count("\n", at, offset)
        if n_before:
            place = Place(line + n_before, offset - self.text.rfind("\n", at, offset))
        else:
            place = Place(line, column + offset - at)
        if offset > self._mark[0]:
            self._mark = offset, place
        return place

    def decode(self, decoder: Decoder) -> tuple[Any, int]:
        """The value that begins here and where it ends, as `StrictJson.decode`; more is taken in as it is needed."""
        while True:
            is_enough = self.is_last or len(self.text) - self.position > MAX_RECORD_BYTES
            try:
                value, end = decoder.decode(self.text, self.position)
            except json.JSONDecodeError:
                if is_enough:
                    raise
            else:
                if is_enough or end + NEAR < len(self.text):
                    return value, end
            self.extend()

    def value(self, decoder: Decoder) -> Any:
        """The value that begins at the next character; the window then stands behind it."""
        self.skip_space()
        value, self.position = self.decode(decoder)
        return value

    def items(self, decoder: Decoder) -> Iterator[Any]:
        """Each value of the array that begins here.

        Raises:
            json.JSONDecodeError: it is none, or not whole.
        """
        yield from (self.value(decoder) for _ in self.parts("[", "]"))

    def keys(self, decoder: Decoder) -> Iterator[str]:
        """Each key of the object that begins here; the window then stands before its value, which has to be read.

        Raises:
            json.JSONDecodeError: it is none, or not whole.
        """
        for _ in self.parts("{", "}"):
            key = self.value(decoder)
            if not isinstance(key, str) or self.skip_space() != ":":
                raise self.fault()
            self.position += 1
            yield key

    def skip_value(self) -> None:
        """Go behind the next value, however long it is."""
        sign = self.skip_space()
        if sign == "[":
            for _ in self.items(LooseJson()):
                pass
        elif sign == "{":
            for _ in self.keys(LooseJson()):
                self.value(LooseJson())
        else:
            self.value(LooseJson())

    def parts(self, begin: str, end: str) -> Iterator[None]:
        """Once for each value of an array, or each key of an object, with the window before it.

        Raises:
            json.JSONDecodeError: it is none, or not whole.
        """
        if self.skip_space() != begin:
            raise self.fault()
        self.position += 1
        if self.skip_space() == end:
            self.position += 1
            return
        while True:
            yield
            sign = self.skip_space()
            self.position += 1
            if sign == end:
                return
            if sign != "," or self.skip_space() == end:  # no comma behind the last
                raise self.fault()

    def fault(self) -> json.JSONDecodeError:
        """What is raised where something else stands here than must."""
        return json.JSONDecodeError("Expecting something else", self.text, self.position)

    @property
    def is_full(self) -> bool:
        """Whether no record that is allowed could go on behind this stretch."""
        return not self.is_last and len(self.text) - self.position > MAX_RECORD_BYTES


_SPACE = re.compile(r"[ \t\r\n]*")


def _skip_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position
